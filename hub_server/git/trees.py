"""Trees: parse them, find an entry by its path, walk them, change some of their paths."""

from __future__ import annotations

from collections.abc import Iterator

from hub_server.git.paths import check_path
from hub_server.git.rawtrees import RawTree, parse_tree, tree_data
from hub_server.git.splices import Edit, Put, Remove, RemoveTree, Spliced, splice
from hub_server.git.types import FOLDER, Entry, ObjectId, ObjectReader

__all__ = [
    "Edit",
    "Put",
    "Remove",
    "RemoveTree",
    "Spliced",
    "check_path",
    "entry_at",
    "list_tree",
    "parse_tree",
    "splice",
    "walk",
]


def entry_at(objects: ObjectReader, tree_id: ObjectId, path: bytes) -> Entry | None:
    """What stands at `path`, None where nothing does; the empty path is the tree itself."""
    entry = Entry(b"", FOLDER, tree_id)
    for name in path.split(b"/") if path else ():
        if not entry.is_tree:
            return None
        found = RawTree(tree_data(objects, entry.id)).find(name)
        if found is None:
            return None
        entry = found
    return entry


def list_tree(objects: ObjectReader, tree_id: ObjectId) -> list[Entry]:
    """The direct entries of one folder."""
    return parse_tree(tree_data(objects, tree_id))


def walk(
    objects: ObjectReader, tree_id: ObjectId, *, folder: bytes = b""
) -> Iterator[tuple[bytes, Entry]]:
    """Everything below `folder` with its full path, folders before what they hold.

    The order is that of `git ls-tree -r -t`. Nothing comes of a folder that is not there.
    """
    top = entry_at(objects, tree_id, folder)
    if top is None or not top.is_tree:
        return
    open_folders = [(folder + b"/" if folder else b"", iter(list_tree(objects, top.id)))]
    while open_folders:
        prefix, entries = open_folders[-1]
        for entry in entries:
            path = prefix + entry.name
            yield path, entry
            if entry.is_tree:
                open_folders.append((path + b"/", iter(list_tree(objects, entry.id))))
                break
        else:
            open_folders.pop()
