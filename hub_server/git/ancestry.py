"""Who reaches whom, seen by a transfer: from many tips at once, and with history cut off.

Commits in `shallow` count as having no parents, as in a shallow clone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hub_server.git.errors import BadObject
from hub_server.git.graph import Graph
from hub_server.git.types import Kind, ObjectId, ObjectReader

_SLOP = 64
"""Commits looked at beyond the last promising one: clocks of committers are not in order."""
_TAG_CHAIN = 64
_TAG_HEAD = b"object "
_TAG_LINE = len(_TAG_HEAD) + 40


class CommitGraph:
    def __init__(self, objects: ObjectReader, shallow: Iterable[ObjectId] = ()) -> None:
        self.objects = objects
        self.shallow = frozenset(shallow)
        self.node = Graph(objects).links

    def parents(self, commit: ObjectId) -> tuple[ObjectId, ...]:
        return () if commit in self.shallow else self.node(commit).parents

    def peel(self, object_id: ObjectId) -> tuple[list[ObjectId], Kind, ObjectId]:
        """The tags on the way, then kind and id of what they point at in the end."""
        tags: list[ObjectId] = []
        for _ in range(_TAG_CHAIN):
            kind = self.objects.kind(object_id)
            if kind != "tag":
                return tags, kind, object_id
            tags.append(object_id)
            object_id = tag_target(object_id, self.objects.read(object_id)[1])
        raise BadObject("The tag {id} points at too long a chain of tags", id=tags[0])

    def commits(self, ids: Iterable[ObjectId]) -> list[ObjectId]:
        """The commits among what `ids` peel to, each once."""
        peeled = (self.peel(object_id)[1:] for object_id in ids)
        return list(dict.fromkeys(found for kind, found in peeled if kind == "commit"))


def tag_target(object_id: ObjectId, data: bytes) -> ObjectId:
    """What an annotated tag points at, read without looking at the rest of it."""
    if not data.startswith(_TAG_HEAD) or data[_TAG_LINE : _TAG_LINE + 1] != b"\n":
        raise BadObject("The tag {id} is damaged", id=object_id)
    return data[len(_TAG_HEAD) : _TAG_LINE].decode("ascii", "replace")


class Difference(NamedTuple):
    """Commits some tips reach and others do not, newest first, and the known ones next to them."""

    new: list[ObjectId]
    edge: set[ObjectId]


class _Painter:
    """Walks by date from both sides at once; True marks commits only the new side reaches."""

    def __init__(self, graph: CommitGraph) -> None:
        self.graph = graph
        self.fresh: dict[ObjectId, bool] = {}
        self.done: set[ObjectId] = set()
        self._queue: list[tuple[int, int, ObjectId]] = []
        self._fresh_in_queue = 0
        self._oldest_fresh = 1 << 62

    def push(self, commit: ObjectId, *, fresh: bool) -> None:
        known = self.fresh.get(commit)
        if known is None:
            time = self.graph.node(commit).time
            self.fresh[commit] = fresh
            self._fresh_in_queue += fresh
            heapq.heappush(self._queue, (-time, len(self.fresh), commit))
        elif known and not fresh:
            self._forget(commit)

    def _forget(self, commit: ObjectId) -> None:
        """`commit` is known after all, and so is everything it reaches."""
        stack = [commit]
        while stack:
            commit = stack.pop()
            if not self.fresh.get(commit):
                continue
            self.fresh[commit] = False
            if commit in self.done:
                stack.extend(self.graph.parents(commit))
            else:
                self._fresh_in_queue -= 1

    def run(self) -> None:
        slop = _SLOP
        while self._queue and slop:
            if not self._fresh_in_queue and -self._queue[0][0] < self._oldest_fresh:
                slop -= 1
            commit = heapq.heappop(self._queue)[2]
            fresh = self.fresh[commit]
            self.done.add(commit)
            if fresh:
                self._fresh_in_queue -= 1
                self._oldest_fresh = min(self._oldest_fresh, self.graph.node(commit).time)
            for parent in self.graph.parents(commit):
                self.push(parent, fresh=fresh)


def difference(
    graph: CommitGraph, tips: Iterable[ObjectId], known: Iterable[ObjectId]
) -> Difference:
    """What `tips` reach and `known` do not (both commits); with skewed clocks a few more."""
    painter = _Painter(graph)
    for commit in known:
        painter.push(commit, fresh=False)
    for commit in tips:
        painter.push(commit, fresh=True)
    painter.run()
    new = [commit for commit, fresh in painter.fresh.items() if fresh]
    new.sort(key=lambda commit: -graph.node(commit).time)
    near = {parent for commit in new for parent in graph.parents(commit)}
    return Difference(new, {commit for commit in near if not painter.fresh.get(commit, True)})


def all_reach(
    graph: CommitGraph, tips: Iterable[ObjectId], common: set[ObjectId], *, limit: int
) -> bool:
    """Whether each tip reaches one of `common`; False also where that takes over `limit` steps."""
    oldest = min((graph.node(commit).time for commit in common), default=0)
    reaching = set(common)
    for tip in tips:
        steps = _steps_to(graph, tip, reaching, oldest, limit)
        if not steps:
            return False
        limit -= steps
        reaching.add(tip)
    return bool(common)


def _steps_to(
    graph: CommitGraph, tip: ObjectId, reaching: set[ObjectId], oldest: int, limit: int
) -> int:
    """How many commits were looked at until one of `reaching` was met; 0 if none was."""
    seen, stack = {tip}, [tip]
    while stack and len(seen) <= limit:
        commit = stack.pop()
        if commit in reaching:
            return len(seen)
        if graph.node(commit).time >= oldest:
            fresh = [parent for parent in graph.parents(commit) if parent not in seen]
            seen.update(fresh)
            stack.extend(fresh)
    return 0


def ancestors(graph: CommitGraph, tips: Iterable[ObjectId]) -> Iterator[ObjectId]:
    """Every commit that `tips` reach, themselves included, in no particular order."""
    seen = set(tips)
    stack = list(seen)
    while stack:
        commit = stack.pop()
        yield commit
        fresh = [parent for parent in graph.parents(commit) if parent not in seen]
        seen.update(fresh)
        stack.extend(fresh)
