"""Reads a pack as it arrives and checks every limit before a byte of it is passed on.

Objects are inflated to find where they end, but never held: memory stays constant but for the
table of entries.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Final, NamedTuple

from hub_server.git.deltas import delta_sizes
from hub_server.git.errors import BadPack
from hub_server.git.limits import Meter
from hub_server.git.packs import KINDS, OFS_DELTA, REF_DELTA
from hub_server.git.pktline import Readable

CHUNK: Final = 1 << 17
_HEAD_ROOM = 64  # the longest head of an entry, with the base it names
_DELTA_SIZES = 32  # inflated bytes of a delta that hold both its sizes
_SIZE_BITS = 63
_NO_BASE = (1 << 64) - 1


class ScannedEntry(NamedTuple):
    """`size` is that of the inflated bytes at `start`: of the delta, where it is one."""

    number: int
    offset: int
    start: int
    size: int


class Scan:
    """The entries of a pack in the order of the file; `ids` and `crcs` only when asked for."""

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.starts = array("Q")
        self.sizes = array("Q")
        self.numbers = bytearray()
        self.depths = array("H")
        self.bases = array("Q")
        self.ref_bases: dict[int, bytes] = {}
        self.ids = bytearray()
        self.crcs = array("I")
        self.end = 0
        self.digest = b""

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> ScannedEntry:
        return ScannedEntry(
            self.numbers[index], self.offsets[index], self.starts[index], self.sizes[index]
        )

    def base(self, index: int) -> int | None:
        """The entry that an OFS_DELTA builds upon."""
        base = self.bases[index]
        return None if base == _NO_BASE else base

    def index_of(self, offset: int) -> int | None:
        index = bisect_left(self.offsets, offset)
        found = index < len(self.offsets) and self.offsets[index] == offset
        return index if found else None


class PackScanner:
    """Scans one pack from a request body.

    With `identify` the scan also holds the ids of all objects that are no deltas, and checksums
    for an index.
    """

    def __init__(self, body: Readable, meter: Meter, *, identify: bool = False) -> None:
        self._body = body
        self._meter = meter
        self._forward: Callable[[bytes], object] = len
        self._identify = identify
        self._buffer = b""
        self._at = 0
        self._passed = 0
        self._digest = hashlib.sha1(usedforsecurity=False)
        self._crc = 0
        self.scan = Scan()

    def run(self, forward: Callable[[bytes], object]) -> Scan:
        """Raises BadPack, ObjectTooLarge or PushTooLarge; reads the body to its end.

        `forward` receives every byte of the pack, but only once it has been checked.
        """
        self._forward = forward
        self._fill(12)
        head = self._take(12)
        signature, version, count = struct.unpack(">4sII", head)
        if signature != b"PACK" or version not in (2, 3):
            raise BadPack("The push does not hold a pack of version 2 or 3")
        self._meter.on_count(count)
        for _ in range(count):
            self._entry()
        self._trailer()
        return self.scan

    def _entry(self) -> None:
        self._fill(_HEAD_ROOM, short=True)
        start, offset = self._at, self._position()
        number, size = self._type_and_size()
        scan = self.scan
        self._meter.on_declared(size)
        base, depth = _NO_BASE, 0
        if number == OFS_DELTA:
            base, depth = self._offset_base(offset)
        elif number == REF_DELTA:
            scan.ref_bases[len(scan)] = self._take(20)
            depth = 1
        elif number not in KINDS:
            raise BadPack("The pack holds an entry of the unknown type {number}", number=number)
        scan.offsets.append(offset)
        scan.starts.append(self._position())
        scan.sizes.append(size)
        scan.numbers.append(number)
        scan.depths.append(depth)
        scan.bases.append(base)
        self._crc = zlib.crc32(self._buffer[start : self._at]) if self._identify else 0
        self._content(number, size)

    def _type_and_size(self) -> tuple[int, int]:
        byte = self._byte()
        number, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80:
            byte = self._byte()
            size |= (byte & 0x7F) << shift
            shift += 7
            if shift > _SIZE_BITS:
                raise BadPack("An object in the pack declares an impossible size")
        return number, size

    def _offset_base(self, offset: int) -> tuple[int, int]:
        byte = self._byte()
        distance = byte & 0x7F
        while byte & 0x80:
            byte = self._byte()
            distance = (distance + 1) << 7 | byte & 0x7F
            if distance > offset:
                break
        base = self.scan.index_of(offset - distance) if 0 < distance < offset else None
        if base is None:
            raise BadPack("The pack holds a delta whose base is no object of it")
        depth = self.scan.depths[base] + 1
        self._meter.on_depth(depth)
        return base, depth

    def _content(self, number: int, size: int) -> None:
        is_delta = number not in KINDS
        digest = None
        if not is_delta:
            self._meter.on_result(size)
            if self._identify:
                head = b"%s %d\0" % (KINDS[number].encode(), size)
                digest = hashlib.sha1(head, usedforsecurity=False)
        head = self._inflate(size, digest)
        if is_delta:
            self._meter.on_result(delta_sizes(head)[1])
        if self._identify:
            self.scan.crcs.append(self._crc)
            self.scan.ids += digest.digest() if digest else bytes(20)

    def _inflate(self, size: int, digest: hashlib._Hash | None) -> bytes:
        """Consume one zlib stream of just `size` bytes; its first bytes."""
        stream = zlib.decompressobj()
        left = size + 1
        head = b""
        try:
            while not stream.eof:
                if self._at == len(self._buffer):
                    self._fill(1)
                data = self._step(stream, left)
                left -= len(data)
                if left == 0:
                    break
                head = (head + data[:_DELTA_SIZES])[:_DELTA_SIZES]
                if digest:
                    digest.update(data)
        except zlib.error as error:
            raise BadPack("The pack holds a damaged object: {error}", error=str(error)) from error
        if left != 1:
            raise BadPack("An object in the pack does not have the size it declares")
        return head

    def _step(self, stream: zlib._Decompress, left: int) -> bytes:
        """Inflate a piece; small windows, because zlib copies what it does not use."""
        piece = self._buffer[self._at : self._at + min(left + (left >> 8) + 64, CHUNK)]
        data = stream.decompress(piece, min(left, CHUNK << 3))
        # At the end of a stream zlib may name what is left twice, under both names.
        rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        used = len(piece) - len(rest)
        self._at += used
        if self._identify:
            self._crc = zlib.crc32(piece[:used], self._crc)
        return data

    def _trailer(self) -> None:
        self._pass_on()
        self.scan.end = self._passed
        self._fill(20)
        if len(self._buffer) > 20 or self._body.read(1):  # noqa: PLR2004  (sha1)
            raise BadPack("Bytes follow after the end of the pack")
        self.scan.digest = self._buffer
        if self._digest.digest() != self._buffer:
            raise BadPack("The pack does not match its checksum; it was damaged on the way")
        self._at = len(self._buffer)
        self._pass_on()

    def _position(self) -> int:
        return self._passed + self._at

    def _byte(self) -> int:
        if self._at >= len(self._buffer):
            raise BadPack("The pack is cut off; the connection may have been lost")
        byte = self._buffer[self._at]
        self._at += 1
        return byte

    def _take(self, size: int) -> bytes:
        data = self._buffer[self._at : self._at + size]
        if len(data) != size:
            raise BadPack("The pack is cut off; the connection may have been lost")
        self._at += size
        return data

    def _fill(self, size: int, *, short: bool = False) -> None:
        """Have `size` bytes at hand; at the end of the body, fewer if `short` allows it."""
        while len(self._buffer) - self._at < size:
            self._pass_on()
            data = self._body.read(CHUNK)
            if not data:
                if short:
                    return
                raise BadPack("The pack is cut off; the connection may have been lost")
            self._meter.on_received(len(data))
            self._buffer += data

    def _pass_on(self) -> None:
        """What was checked goes on; what was not stays in the buffer."""
        if self._at:
            done = self._buffer[: self._at]
            self._digest.update(done)
            self._forward(done)
            self._passed += self._at
            self._buffer = self._buffer[self._at :]
            self._at = 0
