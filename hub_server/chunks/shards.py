"""Shards: how files are made of chunk ranges, and which chunks new xorbs hold. Read here.

Every record has 48 bytes, a hash and 16 more. A shard is checked whole when it is read, but its
records stay bytes until somebody asks for them: there may be more than a million.
"""

import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar, overload

from hub_server.chunks.compression import MOST_CHUNK
from hub_server.chunks.errors import BadShard
from hub_server.chunks.hashes import HASH, Data, to_text
from hub_server.chunks.xorbs import MOST_CHUNKS, XorbIndex

MOST_SHARD = 64 * 1024**2
RECORD = 48
TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
VERSION = 2
FOOTER = 200
FOOTER_VERSION = 1
BOOKEND = b"\xff" * HASH + bytes(16)
HEAD = struct.Struct("<32s2Q")
BLOCK = struct.Struct("<32s4I")
_NUMBERS = struct.Struct("<32x4I")
_RECORD_WORDS, _HASH_WORDS = 6, 4
_HASH = struct.Struct("<32s16x")
_KEYED = struct.Struct("<Q64x32s")
_VERIFIED, _WITH_SHA256, _ELIGIBLE = 1 << 31, 1 << 30, 1 << 31

Value = TypeVar("Value", covariant=True)


class ShardTerm(NamedTuple):
    """Chunks `start` to `end`, exclusive, of a xorb: `unpacked` bytes, as the client says."""

    xorb: bytes
    unpacked: int
    start: int
    end: int


class ShardChunk(NamedTuple):
    """A chunk of `length` bytes at `offset` of the unpacked xorb."""

    hash: bytes
    offset: int
    length: int
    eligible: bool


class Lazy(Sequence[Value], Generic[Value]):
    """Values that are made when they are asked for, each time anew."""

    def __init__(self, count: int, make: Callable[[int], Value]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Value: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Value, ...]: ...
    def __getitem__(self, at: int | slice) -> Value | tuple[Value, ...]:
        chosen = range(self._count)[at]
        return self._make(chosen) if isinstance(chosen, int) else tuple(map(self._make, chosen))

    def __iter__(self) -> Iterator[Value]:
        return map(self._make, range(self._count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self._count} records>"


class ShardFile(NamedTuple):
    """How a file is made; what the client says of it, all of which is still to be checked.

    `range_hashes` is empty where there is no verification, or as long as `terms`; `sha256` is
    the usual hex, or None if the client did not say.
    """

    hash: bytes
    terms: Sequence[ShardTerm]
    range_hashes: Sequence[bytes]
    sha256: str | None


class ShardXorb:
    """The chunks of a xorb as the client says they are."""

    __slots__ = ("_records", "hash")

    def __init__(self, hash: bytes, records: memoryview) -> None:
        self.hash, self._records = hash, records

    @property
    def chunks(self) -> Sequence[ShardChunk]:
        view = self._records
        return Lazy(len(view) // RECORD, lambda number: _chunk(view, RECORD * number))

    def agrees(self, index: XorbIndex) -> bool:
        """Whether these are the chunks of that index, none missing; makes no value of them."""
        words, known = array("Q", bytes(self._records)), array("Q", index.hashes)
        same = all(words[at::_RECORD_WORDS] == known[at::_HASH_WORDS] for at in range(_HASH_WORDS))
        return same and self._lengths() == index.lengths()

    def _lengths(self) -> list[int]:
        return [length for _, length, _, _ in _NUMBERS.iter_unpack(self._records)]


class Shard(NamedTuple):
    """Values are made anew each time they are iterated, so iterate once.

    Keeps what it was read from alive: give it bytes.
    """

    files: Sequence[ShardFile]
    xorbs: Sequence[ShardXorb]


def read_shard(data: Data) -> Shard:
    """Check the whole layout and every number that needs no knowledge of what is stored.

    Raises BadShard. Offsets, lengths and ranges of what is returned are consistent in themselves.
    """
    view = memoryview(data)
    if len(view) > MOST_SHARD:
        raise BadShard("A shard has at most {most} bytes.", most=MOST_SHARD)
    footer = _check_head(view)
    files, xorbs = array("Q"), array("Q")
    at = RECORD
    while not _at_bookend(view, at):
        files.append(at)
        at = _check_file(view, at)
    at += RECORD
    while not _at_bookend(view, at):
        xorbs.append(at)
        at = _check_xorb(view, at)
    _check_footer(view, at + RECORD, footer)
    return Shard(
        Lazy(len(files), lambda number: _file(view, files[number])),
        Lazy(len(xorbs), lambda number: _xorb(view, xorbs[number])),
    )


def _check_head(view: memoryview) -> int:
    if len(view) < 3 * RECORD:
        raise BadShard("A shard has a header and two sections; this one is shorter.")
    tag, version, footer = HEAD.unpack_from(view)
    if tag != TAG or version != VERSION or footer not in {0, FOOTER}:
        raise BadShard("This is not the header of a shard of version {version}.", version=VERSION)
    return int(footer)


def _at_bookend(view: memoryview, at: int) -> bool:
    if at + RECORD > len(view):
        raise BadShard("A section of the shard has no end.")
    return view[at : at + RECORD] == BOOKEND


def _check_file(view: memoryview, at: int) -> int:
    """Where the next block begins."""
    flags, count, _, _ = _NUMBERS.unpack_from(view, at)
    if flags & ~(_VERIFIED | _WITH_SHA256):
        raise BadShard("The file at byte {at} of the shard has unknown flags.", at=at)
    terms = at + RECORD
    after = _after(view, terms, count)
    for flag, unpacked, start, end in _NUMBERS.iter_unpack(view[terms:after]):
        if flag or not unpacked or not start < end <= MOST_CHUNKS:
            raise BadShard("A term of the file at byte {at} of the shard is impossible.", at=at)
    more = (count if flags & _VERIFIED else 0) + (1 if flags & _WITH_SHA256 else 0)
    return _after(view, after, more)


def _check_xorb(view: memoryview, at: int) -> int:
    """Where the next block begins."""
    flags, count, total, _ = _NUMBERS.unpack_from(view, at)
    after = _after(view, at + RECORD, count)
    if flags or not 0 < count <= MOST_CHUNKS:
        raise BadShard("The xorb at byte {at} of the shard has unknown flags or no chunks.", at=at)
    expected = 0
    for offset, length, flag, _ in _NUMBERS.iter_unpack(view[at + RECORD : after]):
        if offset != expected or not 0 < length <= MOST_CHUNK or flag & ~_ELIGIBLE:
            raise BadShard("A chunk of the xorb at byte {at} of the shard is impossible.", at=at)
        expected += length
    if total != expected:
        raise BadShard("The chunks of the xorb at byte {at} do not add up.", at=at)
    return after


def _after(view: memoryview, at: int, count: int) -> int:
    after = at + RECORD * count
    if after > len(view):
        raise BadShard("The shard announces more records than it has.")
    return after


def _check_footer(view: memoryview, at: int, size: int) -> None:
    """Tables may precede a footer; nobody needs them. Without one, nothing may follow."""
    if not size:
        if at != len(view):
            raise BadShard("More bytes follow the sections of the shard.")
        return
    if at + size > len(view):
        raise BadShard("The footer of the shard is cut off.")
    version, key = _KEYED.unpack_from(view, len(view) - size)
    if version != FOOTER_VERSION or any(key):
        raise BadShard("The footer of the shard is of another version, or its hashes are keyed.")


def _file(view: memoryview, at: int) -> ShardFile:
    raw, flags, count, _, _ = BLOCK.unpack_from(view, at)
    verified = at + RECORD * (1 + count)
    hashes = count if flags & _VERIFIED else 0
    sha256 = verified + RECORD * hashes
    return ShardFile(
        raw,
        Lazy(count, lambda number: _term(view, at + RECORD * (1 + number))),
        Lazy(hashes, lambda number: _hash(view, verified + RECORD * number)),
        to_text(_hash(view, sha256)) if flags & _WITH_SHA256 else None,
    )


def _term(view: memoryview, at: int) -> ShardTerm:
    raw, _, unpacked, start, end = BLOCK.unpack_from(view, at)
    return ShardTerm(raw, unpacked, start, end)


def _xorb(view: memoryview, at: int) -> ShardXorb:
    raw, _, count, _, _ = BLOCK.unpack_from(view, at)
    return ShardXorb(raw, view[at + RECORD : at + RECORD * (1 + count)])


def _chunk(view: memoryview, at: int) -> ShardChunk:
    raw, offset, length, flags, _ = BLOCK.unpack_from(view, at)
    return ShardChunk(raw, offset, length, bool(flags))


def _hash(view: memoryview, at: int) -> bytes:
    (raw,) = _HASH.unpack_from(view, at)
    return bytes(raw)
