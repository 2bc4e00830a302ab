"""Where a shallow clone ends: the commits at which `--depth`, `--shallow-since` and others cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hub_server.git.ancestry import CommitGraph, all_reach, difference
from hub_server.git.errors import BadProtocol
from hub_server.git.types import ObjectId

INFINITE_DEPTH = 0x7FFFFFFF
_RELATIVE_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Deepen:
    """What a client asks about depth; at most one of `depth` and the two others."""

    depth: int = 0
    relative: bool = False
    since: int | None = None
    not_reached_from: tuple[ObjectId, ...] = ()

    @property
    def asked(self) -> bool:
        return bool(self.depth or self.since is not None or self.not_reached_from)


@dataclass(frozen=True, slots=True)
class Cut:
    """How the client's shallow commits change, and how the objects to send follow from it.

    `cut`: commits that count as parentless while objects are listed; `extra_wants`: parents of
    commits that are no longer shallow; `edges`: those commits, which the client has.
    """

    shallow: Sequence[ObjectId] = ()
    unshallow: Sequence[ObjectId] = ()
    cut: frozenset[ObjectId] = frozenset()
    extra_wants: Sequence[ObjectId] = ()
    edges: Sequence[ObjectId] = field(default=())


def cut_history(
    graph: CommitGraph, wants: Iterable[ObjectId], client: Sequence[ObjectId], deepen: Deepen
) -> Cut:
    """`client` are the client's shallow commits that exist here; `wants` may be any objects."""
    if not deepen.asked:
        return Cut(cut=frozenset(client))
    if deepen.depth and (deepen.since is not None or deepen.not_reached_from):
        raise BadProtocol("deepen and deepen-since (or deepen-not) cannot be used together")
    tips = graph.commits(wants)
    if deepen.depth >= INFINITE_DEPTH:
        inside, border = set(client), set[ObjectId]()
    elif deepen.relative:
        reached = [
            commit
            for commit in client
            if any(all_reach(graph, [tip], {commit}, limit=_RELATIVE_STEPS) for tip in tips)
        ]
        inside, border = _by_depth(graph, reached, deepen.depth + 1)
    elif deepen.depth:
        inside, border = _by_depth(graph, tips, deepen.depth)
    else:
        inside, border = _by_walk(graph, tips, deepen)
    return _cut(graph, client, inside, border)


def _cut(
    graph: CommitGraph, client: Sequence[ObjectId], inside: set[ObjectId], border: set[ObjectId]
) -> Cut:
    already = set(client)
    opened = [commit for commit in client if commit in inside]
    parents = [parent for commit in opened for parent in graph.node(commit).parents]
    return Cut(
        shallow=sorted(border - already),
        unshallow=opened,
        cut=frozenset(already | border),
        extra_wants=parents,
        edges=opened,
    )


def _by_depth(
    graph: CommitGraph, tips: Iterable[ObjectId], depth: int
) -> tuple[set[ObjectId], set[ObjectId]]:
    """Commits fewer than `depth` steps deep (a tip is the first step), and those exactly there."""
    depths = dict.fromkeys(tips, 1)
    queue = deque(depths)
    while queue:
        commit = queue.popleft()
        here = depths[commit]
        if here >= depth:
            continue
        for parent in graph.node(commit).parents:
            if parent not in depths:
                depths[parent] = here + 1
                queue.append(parent)
    border = {commit for commit, here in depths.items() if here >= depth}
    return depths.keys() - border, border


def _by_walk(
    graph: CommitGraph, tips: Sequence[ObjectId], deepen: Deepen
) -> tuple[set[ObjectId], set[ObjectId]]:
    excluded = graph.commits(deepen.not_reached_from)
    chosen = set(difference(graph, tips, excluded).new) if excluded else None
    chosen = _recent(graph, tips, chosen, deepen.since or 0)
    if not chosen:
        raise BadProtocol("no commits selected for shallow requests")
    border = {
        commit
        for commit in chosen
        if any(parent not in chosen for parent in graph.node(commit).parents)
    }
    return chosen - border, border


def _recent(
    graph: CommitGraph, tips: Iterable[ObjectId], among: set[ObjectId] | None, since: int
) -> set[ObjectId]:
    """Commits reached from `tips` through commits that are `among` these and not before `since`."""
    chosen: set[ObjectId] = set()
    stack = list(tips)
    while stack:
        commit = stack.pop()
        if commit in chosen or (among is not None and commit not in among):
            continue
        node = graph.node(commit)
        if node.time >= since:
            chosen.add(commit)
            stack.extend(node.parents)
    return chosen
