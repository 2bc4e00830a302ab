"""History as pages show it: the log, the log of one path, the last commit of every entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from hub_server.git.graph import (
    DateQueue,
    Graph,
    commits_ahead,
    count_commits,
    is_ancestor,
    merge_base,
    peel,
    read_commit,
)
from hub_server.git.rawtrees import RawTree, differing, tree_data
from hub_server.git.types import FOLDER, Commit, Entry, ObjectId, ObjectReader

__all__ = [
    "commits_ahead",
    "count_commits",
    "is_ancestor",
    "last_commits",
    "log",
    "merge_base",
    "peel",
    "read_commit",
    "search",
]

_KEPT_BYTES = 16_000_000
_KEPT_TREES = 4  # those at hand, whatever their size
_Stand = tuple[int, ObjectId] | None  # mode and id of what stands at a path


class Search(NamedTuple):
    """Commits found; `stopped` is the first that was not looked at any more, None at the end.

    A search from there goes on along a line of history; of branches still open it follows one.
    """

    commits: list[Commit]
    stopped: ObjectId | None


def log(
    objects: ObjectReader,
    start: ObjectId,
    *,
    path: bytes | None = None,
    skip: int = 0,
    limit: int,
) -> list[Commit]:
    """Commits from `start` (or the commit it tags) back, newest first.

    With `path`, those that changed it, as `git log -- path` chooses them: where a parent has the
    same, only that parent is followed.
    """
    return search(objects, start, path=path, skip=skip, limit=limit).commits


def search(
    objects: ObjectReader,
    start: ObjectId,
    *,
    path: bytes | None = None,
    skip: int = 0,
    limit: int,
    most: int | None = None,
) -> Search:
    """The same, looking at `most` commits and no further."""
    found: list[Commit] = []
    visits = _visits(Graph(objects), peel(objects, start), path)
    for number, (commit_id, is_wanted) in enumerate(visits):
        if len(found) >= limit:
            break
        if number == most:
            return Search(found, commit_id)
        if is_wanted and skip > 0:
            skip -= 1
        elif is_wanted:
            found.append(read_commit(objects, commit_id))
    return Search(found, None)


def last_commits(
    objects: ObjectReader,
    commit_id: ObjectId,
    folder: bytes = b"",
    *,
    max_commits: int | None = None,
    known: Callable[[ObjectId], Mapping[bytes, ObjectId] | None] = lambda _: None,
) -> dict[bytes, ObjectId]:
    """For each entry of `folder` the newest commit that changed it, as `git log -1` names it.

    One walk back from the tip: each commit hands the names that are not its own to the first
    parent that has the same entry. After `max_commits` commits the names still open are left out.
    `known` may tell the whole answer for the same folder at an older commit; the walk ends there.
    """
    graph = Graph(objects)
    trees = _Trees(objects, folder)
    tip = peel(objects, commit_id)
    names = trees.names(trees.at(graph.links(tip).tree))
    found: dict[bytes, ObjectId] = {}
    pending = {tip: names}
    queue = DateQueue(graph)
    if names:
        queue.push(tip)
    left = max_commits
    while queue and left != 0:
        here = queue.pop()
        told = known(here)
        if told is not None:
            found.update((name, told[name]) for name in pending.pop(here) if name in told)
        else:
            own = _hand_down(_Handing(graph, trees, queue, pending), here)
            found.update(dict.fromkeys(own, here))
        left = None if left is None else left - 1
    return found


class _Handing(NamedTuple):
    graph: Graph
    trees: _Trees
    queue: DateQueue
    pending: dict[ObjectId, set[bytes]]

    def give(self, parent: ObjectId, names: set[bytes]) -> None:
        known = self.pending.get(parent)
        if known is None:
            self.pending[parent] = names
        else:
            known |= names
        self.queue.push(parent)


def _hand_down(handing: _Handing, here: ObjectId) -> set[bytes]:
    """Give the names open at this commit to its parents; those left over are its own."""
    graph, trees = handing.graph, handing.trees
    names = handing.pending.pop(here)
    links = graph.links(here)
    folder = trees.at(links.tree)
    parents = [(parent, trees.at(graph.links(parent).tree)) for parent in links.parents]
    for parent, other in parents:
        if other == folder:
            handing.give(parent, names)
            return set()
    for parent, other in parents:
        if other is None or not names:
            continue
        own = names & trees.changed(folder, other)
        names -= own  # the names are many and the changed ones few
        if names:
            handing.give(parent, names)
        names = own
    return names


def _visits(graph: Graph, start: ObjectId, path: bytes | None) -> Iterator[tuple[ObjectId, bool]]:
    """Every commit on the way, and whether it is one of the log."""
    stands = _Stands(graph, path)
    seen = {start}
    queue = DateQueue(graph)
    queue.push(start)
    while queue:
        here = queue.pop()
        parents = graph.links(here).parents
        is_wanted = True
        if path is not None:
            same = next((one for one in parents if stands.same(one, here)), None)
            is_wanted = same is None and (bool(parents) or stands.at(here) is not None)
            parents = parents if same is None else (same,)
        yield here, is_wanted
        for parent in parents:
            if parent not in seen:
                seen.add(parent)
                queue.push(parent)


class _Stands:
    """What stands at one path in each commit."""

    def __init__(self, graph: Graph, path: bytes | None) -> None:
        self._graph = graph
        folder, _, self._name = (path or b"").rpartition(b"/")
        self._trees = _Trees(graph.objects, folder)
        self._known: dict[ObjectId, _Stand] = {}

    def at(self, commit_id: ObjectId) -> _Stand:
        root = self._graph.links(commit_id).tree
        if root not in self._known:
            entry = self._trees.entry(self._trees.at(root), self._name)
            self._known[root] = (entry.mode, entry.id) if entry else None
        return self._known[root]

    def same(self, a: ObjectId, b: ObjectId) -> bool:
        return self._graph.links(a).tree == self._graph.links(b).tree or self.at(a) == self.at(b)


class _Trees:
    """The trees of one folder through history; what was just read is kept for the next commit."""

    def __init__(self, objects: ObjectReader, folder: bytes) -> None:
        self._objects = objects
        self._segments = folder.split(b"/") if folder else []
        self._found: dict[tuple[ObjectId, int], ObjectId | None] = {}
        self._raw: dict[ObjectId, RawTree] = {}
        self._bytes = 0

    def at(self, root: ObjectId) -> ObjectId | None:
        """The id of the folder below this root, None where it is not."""
        tree: ObjectId | None = root
        passed: list[tuple[ObjectId, int]] = []
        for depth, name in enumerate(self._segments):
            if tree is None:
                break
            key = tree, depth
            if key in self._found:
                # the rest of the way is known too
                tree = self._found[key]
                break
            passed.append(key)
            entry = self._tree(tree).slot(name, is_tree=True).entry
            tree = entry.id if entry else None
        self._found.update(dict.fromkeys(passed, tree))
        return tree

    def entry(self, tree: ObjectId | None, name: bytes) -> Entry | None:
        if tree is None:
            return None
        return self._tree(tree).find(name) if name else Entry(b"", FOLDER, tree)

    def names(self, tree: ObjectId | None) -> set[bytes]:
        return set() if tree is None else set(self._tree(tree).lines())

    def changed(self, tree: ObjectId | None, other: ObjectId | None) -> set[bytes]:
        """Names in `tree` that `other` lacks or has differently."""
        if tree is None or other is None:
            return self.names(tree)
        mine, theirs = differing(self._tree(tree), self._tree(other))
        return {name for name, line in mine.items() if theirs.get(name) != line}

    def _tree(self, tree_id: ObjectId) -> RawTree:
        raw = self._raw.get(tree_id)
        if raw is None:
            raw = self._raw[tree_id] = RawTree(tree_data(self._objects, tree_id))
            self._bytes += len(raw.data)
            while self._bytes > _KEPT_BYTES and len(self._raw) > _KEPT_TREES:
                self._bytes -= len(self._raw.pop(next(iter(self._raw))).data)
        return raw
