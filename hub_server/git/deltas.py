"""Inflating pack entries and applying deltas, never beyond a bound that the caller names.

Knows bytes only. dulwich's compiled `apply_delta` does the work wherever its result cannot outgrow
the bound; a 187-byte pack may otherwise ask for gigabytes.
"""

from __future__ import annotations

import mmap
import threading
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from dulwich.errors import ApplyDeltaError
from dulwich.pack import apply_delta as compiled_apply

from hub_server.git.errors import BadPack, ObjectTooLarge

if TYPE_CHECKING:
    from collections.abc import Hashable

STEP = 1 << 20
DELTA_HEAD = 4096  # compressed bytes that surely hold the two sizes at the start of a delta
COPY = 0x80
Source = bytes | mmap.mmap


def inflate(data: Source, start: int, size: int) -> bytes:
    """The `size` bytes that the zlib stream at `start` declares; BadPack if it holds other."""
    stream = zlib.decompressobj()
    pieces: list[bytes] = []
    left = size + 1
    at, step = start, min(size + (size >> 8) + 64, STEP)
    try:
        while not stream.eof and left > 0:
            chunk = stream.unconsumed_tail
            if not chunk:
                chunk = data[at : at + step]
                at += step
                if not chunk:
                    raise BadPack("The pack ends in the middle of an object")
            piece = stream.decompress(chunk, left)
            pieces.append(piece)
            left -= len(piece)
    except zlib.error as error:
        raise BadPack("The pack holds a damaged object: {error}", error=str(error)) from error
    if left != 1:
        raise BadPack("An object in the pack does not have the size it declares")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def delta_sizes(delta: bytes) -> tuple[int, int, int]:
    """Size of the base, size of the result, and where the instructions begin."""
    source, at = _varint(delta, 0)
    target, at = _varint(delta, at)
    return source, target, at


def result_size(data: Source, start: int) -> int:
    """What the delta whose zlib stream is at `start` yields, from its first bytes alone."""
    try:
        head = zlib.decompressobj().decompress(data[start : start + DELTA_HEAD], 32)
    except zlib.error as error:
        raise BadPack("The pack holds a damaged delta: {error}", error=str(error)) from error
    return delta_sizes(head)[1]


def apply_delta(base: bytes, delta: bytes, limit: int) -> bytes:
    """What `delta` makes of `base`; ObjectTooLarge before more than `limit` bytes exist."""
    source, target, at = delta_sizes(delta)
    if source != len(base):
        raise BadPack("A delta in the pack does not fit its base")
    if target > limit:
        raise ObjectTooLarge(target, limit)
    if target * len(delta) > limit:
        return _apply_counting(base, delta, at, target)
    # No instruction may yield more than `target` bytes, and each takes at least one byte.
    try:
        return b"".join(compiled_apply(base, delta))
    except ApplyDeltaError as error:
        raise BadPack("The pack holds a damaged delta: {error}", error=str(error)) from error


def _apply_counting(base: bytes, delta: bytes, at: int, target: int) -> bytes:
    pieces: list[bytes] = []
    left, end = target, len(delta)
    while at < end:
        command = delta[at]
        if command & COPY:
            offset, size, at = _copy_span(delta, at)
            piece = base[offset : offset + size] if size <= left else b""
        else:
            size = command
            piece = delta[at + 1 : at + 1 + size]
            at += 1 + size
        left -= size
        if size == 0 or left < 0 or len(piece) != size:
            raise BadPack("The pack holds a delta that reaches outside its base")
        pieces.append(piece)
    if left:
        raise BadPack("The pack holds a delta that is cut off")
    return b"".join(pieces)


def _copy_span(delta: bytes, at: int) -> tuple[int, int, int]:
    """Offset and size that the copy instruction at `at` names, and where the next one begins."""
    command = delta[at]
    at += 1
    values = [0, 0, 0, 0, 0, 0, 0]
    try:
        for bit in range(7):
            if command >> bit & 1:
                values[bit] = delta[at]
                at += 1
    except IndexError:
        raise BadPack("The pack holds a delta that is cut off") from None
    return int.from_bytes(values[:4], "little"), int.from_bytes(values[4:], "little") or 0x10000, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < COPY:
                return value, at
            shift += 7
            if shift > 63:  # noqa: PLR2004  (bits of a size; more is an attack)
                raise BadPack("The pack holds a delta with an impossible size")
    except IndexError:
        raise BadPack("The pack holds a delta that is cut off") from None


class BaseCache:
    """Inflated objects that deltas build upon, least recently used first out, bounded in bytes.

    Safe to share between threads and between PackSets of different repositories; one entry takes
    at most a quarter of the room.
    """

    def __init__(self, capacity: int = 32_000_000) -> None:
        self.capacity = capacity
        self.used = 0
        self._entries: OrderedDict[Hashable, tuple[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> tuple[int, bytes] | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Hashable, number: int, data: bytes) -> None:
        if len(data) > self.capacity // 4:
            return
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = (number, data)
            self.used += len(data)
            while self.used > self.capacity:
                self.used -= len(self._entries.popitem(last=False)[1][1])
