"""Indexes a scanned pack without a git program: ids of all objects, missing bases, checks.

Deltas are resolved depth first; of the objects that wait for others to be resolved, at most a
bounded number of bytes is held, the rest is made again when needed.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from hub_server.git.deltas import apply_delta, inflate
from hub_server.git.errors import BadPack
from hub_server.git.fsck import check_object
from hub_server.git.limits import Meter
from hub_server.git.listing import RawId
from hub_server.git.packfiles import IndexLine, entry_head, write_index
from hub_server.git.packs import KINDS, NUMBERS, PackSet
from hub_server.git.packscan import Scan
from hub_server.git.types import Kind, NewObject, PackFiles

_HELD = 256_000_000
_PIECE = 1 << 20
_BLOB = NUMBERS["blob"]


def index_natively(path: Path, scan: Scan, known: PackSet, meter: Meter) -> PackFiles:
    """Complete, check and index the pack at `path`; it is renamed after its checksum.

    Bases that a thin pack leaves out are taken from `known` and appended. Raises BadPack,
    BadObject or ObjectTooLarge.
    """
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            resolver = _Resolver(data, scan, known, meter)
            resolver.run()
        lines = list(resolver.lines())
        digest = scan.digest
        if resolver.external:
            digest = _complete(file, scan, resolver.external, lines)
        file.flush()
        os.fsync(file.fileno())
    stem = path.with_name(f"pack-{digest.hex()}")
    pack, idx = stem.with_suffix(".pack"), stem.with_suffix(".idx")
    write_index(lines, digest, idx)
    path.rename(pack)
    return PackFiles(digest.hex(), pack, idx, pack.stat().st_size, len(lines))


@dataclass(slots=True)
class _Frame:
    """An object whose deltas are being resolved; `index` is None for a base outside the pack."""

    index: int | None
    raw: RawId
    kind: Kind
    data: bytes | None
    depth: int
    waiting: list[int]
    parent: _Frame | None = field(default=None, repr=False)


class _Resolver:
    def __init__(self, data: mmap.mmap, scan: Scan, known: PackSet, meter: Meter) -> None:
        self.data = data
        self.scan = scan
        self.known = known
        self.meter = meter
        self.external: dict[RawId, NewObject] = {}
        self._by_offset: dict[int, list[int]] = defaultdict(list)
        self._by_id: dict[RawId, list[int]] = defaultdict(list)
        self._held = 0
        for index, raw in scan.ref_bases.items():
            self._by_id[raw].append(index)
        for index in range(len(scan)):
            base = scan.base(index)
            if base is not None:
                self._by_offset[base].append(index)

    def run(self) -> None:
        for index, number in enumerate(self.scan.numbers):
            if number in KINDS:
                self._whole(index, KINDS[number])
        while self._by_id:
            outside = [raw for raw in self._by_id if self.known.locate(raw)]
            if not outside:
                missing = next(iter(self._by_id)).hex()
                raise BadPack(
                    "The pack builds upon the object {id}, which is not in this repository",
                    id=missing,
                )
            for raw in outside:
                if raw in self._by_id:
                    self._outside(raw)
        if any(self._by_offset.values()):
            raise BadPack("The pack holds deltas that build upon each other")

    def lines(self) -> Iterator[IndexLine]:
        scan = self.scan
        for index in range(len(scan)):
            yield IndexLine(self._id(index), scan.crcs[index], scan.offsets[index])

    def _id(self, index: int) -> RawId:
        return bytes(self.scan.ids[20 * index : 20 * index + 20])

    def _whole(self, index: int, kind: Kind) -> None:
        raw = self._id(index)
        waiting = self._take_waiting(index, raw)
        if kind == "blob" and not waiting:
            return
        entry = self.scan[index]
        data = inflate(self.data, entry.start, entry.size)
        check_object(kind, raw.hex(), data)
        if waiting:
            self._resolve(_Frame(index, raw, kind, data, 0, waiting))

    def _outside(self, raw: RawId) -> None:
        waiting = self._by_id.pop(raw)
        kind, data = self.known.read(raw.hex())
        self.external[raw] = NewObject(kind, data)
        self._resolve(_Frame(None, raw, kind, data, 0, waiting))

    def _take_waiting(self, index: int, raw: RawId) -> list[int]:
        """Entries that build upon this one; those nothing builds upon stand last, to go first."""
        found = self._by_offset.pop(index, []) + self._by_id.pop(raw, [])
        found.sort(key=lambda child: child not in self._by_offset)
        return found

    def _resolve(self, root: _Frame) -> None:
        stack = [root]
        self._held = len(root.data or b"")
        while stack:
            frame = stack[-1]
            child = frame.waiting.pop()
            base = self._data(frame)
            if not frame.waiting:
                stack.pop()
                self._release(frame)
            found = self._apply(frame, child, base)
            if found.waiting:
                stack.append(found)
                self._held += len(found.data or b"")
                self._make_room(stack)

    def _apply(self, frame: _Frame, child: int, base: bytes) -> _Frame:
        self.meter.check_time()
        self.meter.on_depth(frame.depth + 1)
        data = self._child_data(child, base)
        kind = frame.kind
        digest = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)), usedforsecurity=False)
        digest.update(data)
        raw = digest.digest()
        check_object(kind, raw.hex(), data)
        self.scan.ids[20 * child : 20 * child + 20] = raw
        waiting = self._take_waiting(child, raw)
        return _Frame(child, raw, kind, data, frame.depth + 1, waiting, frame)

    def _child_data(self, child: int, base: bytes) -> bytes:
        entry = self.scan[child]
        delta = inflate(self.data, entry.start, entry.size)
        return apply_delta(base, delta, self.meter.limits.object_size)

    def _data(self, frame: _Frame) -> bytes:
        """What the frame holds, made again from the nearest ancestor that still has its own."""
        chain: list[_Frame] = []
        at = frame
        while at.data is None and at.parent is not None:
            chain.append(at)
            at = at.parent
        data = self._root_data(at) if at.data is None else at.data
        for at in reversed(chain):
            self.meter.check_time()
            data = self._child_data(at.index or 0, data)
        return data

    def _root_data(self, root: _Frame) -> bytes:
        if root.index is None:
            return self.external[root.raw].data
        entry = self.scan[root.index]
        return inflate(self.data, entry.start, entry.size)

    def _release(self, frame: _Frame) -> None:
        self._held -= len(frame.data or b"")
        frame.data = None

    def _make_room(self, stack: list[_Frame]) -> None:
        for frame in stack[:-1]:
            if self._held <= _HELD:
                return
            self._release(frame)


def _complete(
    file: IO[bytes], scan: Scan, external: dict[RawId, NewObject], lines: list[IndexLine]
) -> bytes:
    """Append the bases a thin pack leaves out, set the count, and return the new checksum."""
    offset = scan.end
    file.seek(offset)
    for raw, base in external.items():
        entry = entry_head(base.kind, len(base.data)) + zlib.compress(base.data)
        lines.append(IndexLine(raw, zlib.crc32(entry), offset))
        file.write(entry)
        offset += len(entry)
    file.truncate()
    file.seek(8)
    file.write(struct.pack(">I", len(lines)))
    file.seek(0)
    digest = _sha1(file)
    file.seek(0, os.SEEK_END)
    file.write(digest)
    return digest


def _sha1(file: IO[bytes]) -> bytes:
    digest = hashlib.sha1(usedforsecurity=False)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.digest()
