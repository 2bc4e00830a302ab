"""Which commit brought each line of a file, as `git blame` says it, with bounded work.

The walk goes back from a commit. What a parent has too is handed to it, and what no parent has is
the commit's own. A file that moved without a change is followed to its old path.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from hub_server.git.changes import changes, with_renames
from hub_server.git.graph import DateQueue, Graph, peel
from hub_server.git.linediff import Block, diff_lines, split_lines
from hub_server.git.trees import entry_at
from hub_server.git.types import ObjectId, ObjectReader

SECONDS = 2.0
LARGEST = 2_000_000
"""Bytes of an older version; one that is longer is not looked into."""
_KEPT = 4
_Lines = dict[int, int]  # number in the file that was asked for, number in this version


class Blame(NamedTuple):
    """The commit of each line from 0; None where the time ended before it was found."""

    commits: list[ObjectId | None]

    @property
    def is_whole(self) -> bool:
        return None not in self.commits


def blame(
    objects: ObjectReader, start: ObjectId, path: bytes, *, seconds: float = SECONDS
) -> Blame | None:
    """None where there is no file at the path. Lines end as `split_lines` has them."""
    tip = peel(objects, start)
    walk = _Walk(Graph(objects))
    blob = walk.blob_at(tip, path)
    if blob is None:
        return None
    count = len(walk.lines(blob))
    walk.give(tip, path, {number: number for number in range(count)})
    found: list[ObjectId | None] = [None] * count
    deadline = time.monotonic() + seconds
    while walk.queue and time.monotonic() < deadline:
        here = walk.queue.pop()
        for place, lines in walk.pending.pop(here).items():
            for number in walk.hand_down(here, place, lines):
                found[number] = here
    return Blame(found)


@dataclass
class _Walk:
    graph: Graph
    pending: dict[ObjectId, dict[bytes, _Lines]] = field(default_factory=dict)
    _texts: dict[ObjectId, list[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.objects = self.graph.objects
        self.queue = DateQueue(self.graph)

    def give(self, commit: ObjectId, path: bytes, lines: _Lines) -> None:
        if lines:
            self.pending.setdefault(commit, {}).setdefault(path, {}).update(lines)
            self.queue.push(commit)

    def blob_at(self, commit: ObjectId, path: bytes) -> ObjectId | None:
        entry = entry_at(self.objects, self.graph.links(commit).tree, path)
        return entry.id if entry and entry.is_file else None

    def hand_down(self, here: ObjectId, path: bytes, lines: _Lines) -> _Lines:
        """Give the parents the lines they have; those left over are this commit's own."""
        parents = self.graph.links(here).parents
        blob = self.blob_at(here, path)
        stands = [(parent, self.blob_at(parent, path)) for parent in parents]
        for parent, older in stands:
            if older == blob:
                self.give(parent, path, lines)
                return {}
        for parent, older in stands:
            if older is not None and blob is not None and lines:
                lines = self._compare(parent, path, (older, blob), lines)
        if any(older for _, older in stands):
            return lines
        moved = self._moved_from(here, path) if parents else None
        if moved is None:
            return lines
        self.give(parents[0], moved, lines)
        return {}

    def _compare(
        self, parent: ObjectId, path: bytes, blobs: tuple[ObjectId, ObjectId], lines: _Lines
    ) -> _Lines:
        if self.objects.size(blobs[0]) > LARGEST:
            return lines
        old, new = self.lines(blobs[0]), self.lines(blobs[1])
        blocks = diff_lines(old, new, limit=len(old) + len(new))
        if blocks is None:
            return lines
        places = {number: _before(blocks, here) for number, here in lines.items()}
        self.give(parent, path, {number: at for number, at in places.items() if at is not None})
        return {number: here for number, here in lines.items() if places[number] is None}

    def _moved_from(self, here: ObjectId, path: bytes) -> bytes | None:
        links = self.graph.links(here)
        old = self.graph.links(links.parents[0]).tree
        found = with_renames(list(changes(self.objects, old, links.tree)))
        return next((each.old_path for each in found if each.path == path), None)

    def lines(self, blob: ObjectId) -> list[bytes]:
        """Of the last few versions, which the next step compares again."""
        known = self._texts.pop(blob, None)
        if known is None:
            known = split_lines(self.objects.read(blob)[1])
        self._texts[blob] = known
        while len(self._texts) > _KEPT:
            del self._texts[next(iter(self._texts))]
        return known


def _before(blocks: list[Block], line: int) -> int | None:
    """Where an unchanged line of the new text stood in the old one; None for a changed one."""
    at = bisect_right(blocks, line, key=lambda block: block.new_start) - 1
    if at < 0:
        return line
    block = blocks[at]
    return None if line < block.new_end else line - block.new_end + block.old_end
