"""Which objects a fetch needs: commits by date, then trees compared with those the client has.

Ids are raw (20 bytes) here, as they stand in trees and pack indexes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hub_server.git.ancestry import CommitGraph, Difference, ancestors, difference
from hub_server.git.errors import BadObject
from hub_server.git.filters import Filter
from hub_server.git.packs import NUMBERS, TREE, PackSet
from hub_server.git.sources import RefLine
from hub_server.git.types import Kind, ObjectId

RawId = bytes
_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_TREE_MODES = (b"40000", b"040000")
_LINK_TO_COMMIT = b"160000"
_BASES = 4
"""Trees of the client that a parentless commit is compared with."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What to send: everything `wants` reach and `haves` do not, as far as the filter lets through.

    `cut` commits count as parentless; `edges` are commits the client has without their parents;
    `tags` are the annotated tags to add where what they point at is sent.
    """

    wants: Sequence[ObjectId]
    haves: Sequence[ObjectId] = ()
    edges: Sequence[ObjectId] = ()
    cut: frozenset[ObjectId] = frozenset()
    filter: Filter = field(default_factory=Filter)
    tags: Sequence[RefLine] = ()


@dataclass(slots=True)
class Listing:
    """`ids` in the order to send; `known`: some objects the client surely has, for thin deltas.

    `blobs`: the new objects that a tree calls a file or link, also those the filter leaves out.
    """

    ids: dict[RawId, None]
    known: set[RawId]
    blobs: set[RawId]


def list_objects(objects: PackSet, selection: Selection) -> Listing:
    """Raises ObjectMissing when the repository is incomplete."""
    return _Lister(objects, selection).run()


def tree_entries(data: bytes) -> list[tuple[bytes, bytes, RawId]]:
    """Mode, name and raw id of each entry."""
    return _ENTRY.findall(data)


class _Lister:
    def __init__(self, objects: PackSet, selection: Selection) -> None:
        self.objects = objects
        self.selection = selection
        self.graph = CommitGraph(objects, selection.cut)
        self.filter = selection.filter
        self.ids: dict[RawId, None] = {}
        self.known: set[RawId] = set()
        self._trees: set[RawId] = set()
        self._blobs: set[RawId] = set()
        self._tree_depths: dict[RawId, int] = {}
        self._bases: list[RawId] = []

    def run(self) -> Listing:
        wanted: dict[Kind, list[ObjectId]] = {"commit": [], "tag": [], "tree": [], "blob": []}
        for want in self.selection.wants:
            tags, kind, target = self.graph.peel(want)
            wanted["tag"] += tags
            wanted[kind].append(target)
            self.ids[bytes.fromhex(want)] = None
        change = self._commits(wanted["commit"])
        self._emit("commit", change.new)
        self._emit("tag", wanted["tag"])
        if self.filter.takes_trees:
            for commit in change.new:
                self._commit_tree(commit)
        for tree in wanted["tree"]:
            self._walk(bytes.fromhex(tree), self._bases)
        self.ids.update((bytes.fromhex(blob), None) for blob in wanted["blob"])
        self._include_tags()
        return Listing(self.ids, self.known, self._blobs)

    def _commits(self, tips: Iterable[ObjectId]) -> Difference:
        tips = list(dict.fromkeys(tips))
        have = self.graph.commits([*self.selection.haves, *self.selection.edges])
        if not have:
            return Difference(list(ancestors(self.graph, tips)), set())
        change = difference(self.graph, tips, have)
        near = [*self.selection.edges, *change.edge, *have][:_BASES]
        self._bases = [bytes.fromhex(self.graph.node(c).tree) for c in self.graph.commits(near)]
        return change

    def _commit_tree(self, commit: ObjectId) -> None:
        bases = self._bases
        if bases:
            parents = [self.graph.node(parent).tree for parent in self.graph.parents(commit)]
            bases = [bytes.fromhex(tree) for tree in parents] or bases
        self._walk(bytes.fromhex(self.graph.node(commit).tree), bases)

    def _walk(self, root: RawId, bases: Sequence[RawId]) -> None:
        """Add a tree and what lies below it, leaving out what stands at the same place in `bases`.

        Whoever has the bases has all of that already, or gets it with a commit listed elsewhere.
        """
        if root in bases:
            return
        limit = self.filter.tree_depth
        stack: list[tuple[RawId, int, Sequence[RawId]]] = [(root, 0, bases)]
        while stack:
            tree, depth, olds = stack.pop()
            if self._seen_before(tree, depth) or (limit is not None and depth >= limit):
                continue
            if self.filter.only in (None, "tree"):
                self.ids[tree] = None
            stack += [(new, depth + 1, old) for new, old in self._children(tree, olds, depth + 1)]

    def _seen_before(self, tree: RawId, depth: int) -> bool:
        """Whether the tree was walked; where depth counts, at this depth or nearer to a root."""
        if self.filter.tree_depth is None:
            known = tree in self._trees
            self._trees.add(tree)
            return known
        if self._tree_depths.get(tree, depth + 1) <= depth:
            return True
        self._tree_depths[tree] = depth
        return False

    def _children(
        self, tree: RawId, olds: Sequence[RawId], depth: int
    ) -> list[tuple[RawId, Sequence[RawId]]]:
        """Add the blobs of a tree that are new; its new folders with their old selves."""
        before = [tree_entries(self._read(old)) for old in olds]
        held = {entry[2] for entries in before for entry in entries}
        self.known |= held
        olds_by_name = [{e[1]: e[2] for e in entries if e[0] in _TREE_MODES} for entries in before]
        folders: list[tuple[RawId, Sequence[RawId]]] = []
        blobs: list[RawId] = []
        seen_trees, seen_blobs = self._trees, self._blobs
        for mode, name, raw in tree_entries(self._read(tree)):
            if raw in held:
                continue
            if mode in _TREE_MODES:
                if raw not in seen_trees:
                    folders.append((raw, [old[name] for old in olds_by_name if name in old]))
            elif raw not in seen_blobs and mode != _LINK_TO_COMMIT:
                blobs.append(raw)
        if self.filter.tree_depth is None or depth < self.filter.tree_depth:
            seen_blobs.update(blobs)
            self._add_blobs(blobs)
        return folders

    def _add_blobs(self, blobs: Iterable[RawId]) -> None:
        if not self.filter.takes_blobs:
            return
        limit = self.filter.blob_limit
        if limit is not None:
            blobs = [b for b in blobs if b in self.ids or self.objects.size(b.hex()) < limit]
        self.ids.update(dict.fromkeys(blobs))

    def _include_tags(self) -> None:
        for line in self.selection.tags:
            if line.peeled and bytes.fromhex(line.peeled) in self.ids:
                self._emit("tag", self.graph.peel(line.id)[0])

    def _emit(self, kind: Kind, ids: Iterable[ObjectId]) -> None:
        if self.filter.only in (None, kind):
            self.ids.update((bytes.fromhex(object_id), None) for object_id in ids)

    def _read(self, raw: RawId) -> bytes:
        place = self.objects.locate(raw)
        if place is None:  # among those beside the packs, or nowhere
            kind, data = self.objects.read(raw.hex())
            number = NUMBERS[kind]
        else:
            number, data = self.objects.load(*place)
        if number != TREE:
            raise BadObject("The object {id} stands where a tree should be", id=raw.hex())
        return data
