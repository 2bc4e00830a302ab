"""Trees as the raw bytes they are: where each entry stands, found by a scan from the first.

A search for a name could stumble over the bytes of an id, so entries are always counted off from
the start; the compiled regular expression does that at 20 ns an entry.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from hub_server.git.errors import BadObject
from hub_server.git.types import EMPTY_TREE, FOLDER, Entry, ObjectId, ObjectReader

_LINE = re.compile(rb"([0-7]{5,6}) ([^\0]++)\0(.{20})", re.DOTALL)
_CHUNK = re.compile(rb"(?:[0-7]{5,6}+ [^\0]++\0.{20}){1,128}+", re.DOTALL)
_ID = 20


class Slot(NamedTuple):
    """Where an entry stands in a raw tree, `entry` None with start == end where it would stand."""

    start: int
    end: int
    entry: Entry | None


class RawTree:
    """Finds entries of one tree by name, or the place where they belong."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._starts = _chunk_starts(data)

    def find(self, name: bytes) -> Entry | None:
        return self.slot(name, is_tree=False).entry or self.slot(name, is_tree=True).entry

    def slot(self, name: bytes, *, is_tree: bool) -> Slot:
        """The entry of this name, of this sort: folders are ordered as if they ended in "/"."""
        wanted = name + b"/" if is_tree else name
        data = self.data
        starts = self._starts
        chunk = bisect_right(starts, wanted, key=lambda start: _sort_key(data, start)) - 1
        at, end = starts[max(chunk, 0)] if starts else 0, len(data)
        while at < end:
            space = data.index(b" ", at)
            null = data.index(b"\0", space)
            here = data[space + 1 : null]
            mode = _MODES.get(data[at:space]) or int(data[at:space], 8)
            after = null + 1 + _ID
            if (here + b"/" if mode == FOLDER else here) >= wanted:
                if here == name and (mode == FOLDER) is is_tree:
                    return Slot(at, after, Entry(name, mode, data[null + 1 : after].hex()))
                break
            at = after
        return Slot(at, at, None)


_MODES = {
    mode: int(mode, 8) for mode in (b"100644", b"40000", b"040000", b"100755", b"120000", b"160000")
}


def parse_tree(data: bytes) -> list[Entry]:
    """The entries in the order in which they stand; raises BadObject."""
    modes = _MODES
    found = _LINE.findall(data)
    if sum(map(len, map(b"".join, found))) + 2 * len(found) != len(data):
        raise BadObject("A tree of this repository is damaged")
    return [Entry(name, modes.get(mode) or int(mode, 8), raw.hex()) for mode, name, raw in found]


def raw_lines(data: bytes) -> dict[bytes, bytes]:
    """Name to mode and id, as `b"100644" + 20 bytes`: enough to tell what differs."""
    return {name: mode + raw for mode, name, raw in _LINE.findall(data)}


def format_line(entry: Entry) -> bytes:
    return b"%o %s\0" % (entry.mode, entry.name) + bytes.fromhex(entry.id)


def tree_data(objects: ObjectReader, tree_id: ObjectId | None) -> bytes:
    """Raw bytes of a tree; the empty tree and None need not be stored. Raises BadObject."""
    if tree_id is None or tree_id == EMPTY_TREE:
        return b""
    kind, data = objects.read(tree_id)
    if kind != "tree":
        raise BadObject("{id} is a {kind}, not a folder", id=tree_id, kind=kind)
    return data


def _chunk_starts(data: bytes) -> list[int]:
    starts = []
    at, end, match = 0, len(data), _CHUNK.match
    while at < end:
        chunk = match(data, at)
        if chunk is None:
            raise BadObject("A tree of this repository is damaged")
        starts.append(at)
        at = chunk.end()
    return starts


def _sort_key(data: bytes, start: int) -> bytes:
    space = data.index(b" ", start)
    name = data[space + 1 : data.index(b"\0", space)]
    return name + b"/" if _MODES.get(data[start:space]) == FOLDER else name
