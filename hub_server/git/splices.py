"""Changing some paths of a tree: only the raw trees on those paths are read and written anew.

No index is built and no full tree parsed, so that one file in 100,000 costs about a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hub_server.git.errors import BadObject, PathConflict
from hub_server.git.paths import check_path
from hub_server.git.rawtrees import RawTree, Slot, format_line, tree_data
from hub_server.git.types import (
    EXECUTABLE,
    FILE,
    FOLDER,
    LINK,
    SUBMODULE,
    Entry,
    NewObject,
    ObjectId,
    ObjectReader,
)

_PUTTABLE = {FILE, EXECUTABLE, LINK, SUBMODULE}
_NOWHERE = Slot(0, 0, None)


@dataclass(frozen=True, slots=True)
class Put:
    """A file, link or submodule at `path`, new or in place of one that is there."""

    path: bytes
    id: ObjectId
    mode: int = FILE


@dataclass(frozen=True, slots=True)
class Remove:
    """No file at `path` any more."""

    path: bytes


@dataclass(frozen=True, slots=True)
class RemoveTree:
    """No folder at `path` any more; the empty path empties the whole tree."""

    path: bytes


Edit = Put | Remove | RemoveTree


@dataclass(frozen=True, slots=True)
class Spliced:
    """The new root, the trees to store for it, and paths to remove where nothing stood."""

    tree: ObjectId
    objects: dict[ObjectId, NewObject]
    missing: list[bytes]


@dataclass(slots=True)
class _Node:
    """What shall happen at one path, and what stands there now."""

    path: bytes
    put: Put | None = None
    had_put: bool = False
    file_gone: bool = False
    tree_gone: bool = False
    children: dict[bytes, _Node] = field(default_factory=dict)
    base: RawTree | None = None
    file_slot: Slot = _NOWHERE
    tree_slot: Slot = _NOWHERE
    tree: Entry | None = None

    @property
    def changes_tree(self) -> bool:
        return self.tree_gone or bool(self.children)


def splice(objects: ObjectReader, base_tree: ObjectId | None, changes: Sequence[Edit]) -> Spliced:
    """Apply `changes` in their order to `base_tree` (None: empty); empty folders vanish.

    Raises BadPath, and PathConflict for a file where a folder stays or the other way round.
    """
    root = _plan(changes)
    nodes = list(_with_bases(objects, root, base_tree))
    missing = [node.path for node in nodes if _is_missing(node)]
    written: dict[ObjectId, NewObject] = {}
    for node in reversed(nodes):  # what a folder holds comes before the folder
        _rebuild(node, written)
    tree = root.tree.id if root.tree else _store(b"", written)
    return Spliced(tree, written, missing)


def _plan(changes: Sequence[Edit]) -> _Node:
    root = _Node(b"")
    for change in changes:
        if isinstance(change, RemoveTree) and not change.path:
            node = root
        else:
            check_path(change.path)
            node = _node_at(root, change.path, puts=isinstance(change, Put))
        if isinstance(change, Put):
            _plan_put(node, change)
        elif isinstance(change, Remove):
            node.file_gone = True
            node.put = None
        else:
            node.tree_gone = True
            node.had_put = node.had_put or any(below.put for below in _nodes(node))
            node.children = {}
    return root


def _plan_put(node: _Node, put: Put) -> None:
    if put.mode not in _PUTTABLE:
        raise BadObject("Files cannot have the mode {mode}", mode=f"{put.mode:o}")
    if any(below.put for child in node.children.values() for below in _nodes(child)):
        raise _conflict(node.path)
    node.put = put
    node.had_put = True


def _node_at(root: _Node, path: bytes, *, puts: bool) -> _Node:
    node = root
    at = -1
    while at < len(path):
        start, at = at + 1, path.find(b"/", at + 1)
        if at < 0:
            at = len(path)
        if puts and node.put:
            raise _conflict(node.path)
        name = path[start:at]
        child = node.children.get(name)
        if child is None:
            child = node.children[name] = _Node(path[:at])
        node = child
    return node


def _nodes(node: _Node) -> Iterator[_Node]:
    """A node and all below it, each before its children."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting.extend(here.children.values())


def _with_bases(objects: ObjectReader, root: _Node, base_tree: ObjectId | None) -> Iterator[_Node]:
    """All nodes from the top down, each knowing what stands at its path now."""
    if base_tree is not None:
        root.tree_slot = Slot(0, 0, Entry(b"", FOLDER, base_tree))
    for node in _nodes(root):
        stands = node.tree_slot.entry
        node.tree = stands
        if node.changes_tree:
            keeps = stands is not None and not node.tree_gone
            node.base = RawTree(tree_data(objects, stands.id if stands and keeps else None))
            for name, child in node.children.items():
                child.file_slot = node.base.slot(name, is_tree=False)
                child.tree_slot = node.base.slot(name, is_tree=True)
        yield node


def _is_missing(node: _Node) -> bool:
    no_file = node.file_gone and node.file_slot.entry is None
    no_tree = node.tree_gone and node.tree_slot.entry is None
    return (no_file or no_tree) and not node.had_put


def _rebuild(node: _Node, written: dict[ObjectId, NewObject]) -> None:
    """Set `node.tree` to the folder as it shall be, None when nothing is left of it."""
    base = node.base
    if base is None:
        return
    edits = sorted(edit for child in node.children.values() for edit in _edits(child))
    data = base.data
    if edits:
        pieces: list[bytes] = []
        at = 0
        for start, end, _, line in edits:
            pieces += data[at:start], line
            at = end
        data = b"".join([*pieces, data[at:]])
    name = node.path.rpartition(b"/")[2]
    if not data:
        node.tree = None
    elif data != base.data or node.tree_gone:
        node.tree = Entry(name, FOLDER, _store(data, written))


def _edits(child: _Node) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Byte ranges of the parent's tree to replace, the place among equals, the new line."""
    start, end, file = child.file_slot
    keeps_file = file is not None and not child.file_gone
    if child.tree and (child.put or (keeps_file and child.changes_tree)):
        raise _conflict(child.path)
    name = child.path.rpartition(b"/")[2]
    if child.put:
        yield start, end, name, format_line(Entry(name, child.put.mode, child.put.id))
    elif file is not None and not keeps_file:
        yield start, end, name, b""
    start, end, stood = child.tree_slot
    if child.tree != stood:
        yield start, end, name + b"/", format_line(child.tree) if child.tree else b""


def _store(data: bytes, written: dict[ObjectId, NewObject]) -> ObjectId:
    tree = NewObject("tree", data)
    written[tree.id] = tree
    return tree.id


def _conflict(path: bytes) -> PathConflict:
    shown = path.decode(errors="replace")
    return PathConflict("'{path}' would be both a file and a folder", path=shown)
