"""Which paths differ between two trees; only folders that differ are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hub_server.git.rawtrees import RawTree, differing, tree_data
from hub_server.git.types import FOLDER, Entry, ObjectId, ObjectReader


@dataclass(frozen=True, slots=True)
class Change:
    """A file, link or submodule that came (`old` None), went (`new` None) or differs.

    `old_path` is set on a file that was renamed.
    """

    path: bytes
    old: Entry | None
    new: Entry | None
    old_path: bytes | None = None


_Pair = tuple[bytes, Entry | None, Entry | None]


def changes(
    objects: ObjectReader, old_tree: ObjectId | None, new_tree: ObjectId | None
) -> Iterator[Change]:
    """All changed paths in the order of `git diff-tree -r`; a tree of None is empty."""
    open_folders = [_pairs(objects, b"", old_tree, new_tree)]
    while open_folders:
        for path, old, new in open_folders[-1]:
            if (old or new or _NONE).is_tree:
                open_folders.append(
                    _pairs(objects, path + b"/", old.id if old else None, new.id if new else None)
                )
                break
            yield Change(path, old, new)
        else:
            open_folders.pop()


def with_renames(found: list[Change]) -> list[Change]:
    """The same changes, where a file that went and the same bytes that came are one rename."""
    gone: dict[tuple[ObjectId, bool], list[Change]] = {}
    for change in found:
        if change.new is None and change.old is not None and change.old.is_file:
            gone.setdefault(_likeness(change.old), []).append(change)
    used: set[bytes] = set()
    renamed = []
    for change in found:
        candidates = gone.get(_likeness(change.new)) if change.new and not change.old else None
        if candidates:
            source = _closest(candidates, change.path)
            candidates.remove(source)
            used.add(source.path)
            change = replace(change, old=source.old, old_path=source.path)
        renamed.append(change)
    return [one for one in renamed if one.new or one.path not in used]


_NONE = Entry(b"", 0, "")


def _likeness(entry: Entry) -> tuple[ObjectId, bool]:
    return entry.id, entry.is_file


def _closest(candidates: list[Change], path: bytes) -> Change:
    """A file of the same name is preferred, as Git does."""
    name = path.rpartition(b"/")[2]
    return next((one for one in candidates if one.path.rpartition(b"/")[2] == name), candidates[0])


def _pairs(
    objects: ObjectReader, prefix: bytes, old_id: ObjectId | None, new_id: ObjectId | None
) -> Iterator[_Pair]:
    """What differs directly in one folder; a file and a folder of one name are two pairs."""
    old, new = differing(RawTree(tree_data(objects, old_id)), RawTree(tree_data(objects, new_id)))
    pairs: dict[bytes, list[Entry | None]] = {}
    for side, lines in enumerate((old, new)):
        for name, line in lines.items():
            if old.get(name) != new.get(name):
                entry = _entry(name, line)
                key = name + b"/" if entry.mode == FOLDER else name
                pairs.setdefault(key, [None, None])[side] = entry
    for key in sorted(pairs):
        before, after = pairs[key]
        yield prefix + (before or after or _NONE).name, before, after


def _entry(name: bytes, line: bytes) -> Entry:
    return Entry(name, int(line[:-20], 8), line[-20:].hex())
