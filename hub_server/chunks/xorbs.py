"""Xorbs: chunks back to back, checked once on arrival and read by their index ever after."""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hub_server.chunks.compression import HEADER, STORED, Decoder, read_header
from hub_server.chunks.errors import BadXorb
from hub_server.chunks.hashes import HASH, Data, Leaf, chunk_hash, merkle_root, range_hash

MOST_CHUNKS = 8192
MOST_PACKED = 64 * 1024**2 + HEADER * MOST_CHUNKS
"""Bytes of the chunks of a xorb; clients cut at 64 MiB before they add headers."""
MOST_FOOTER = 40 * MOST_CHUNKS + 1024
MOST_XORB = MOST_PACKED + MOST_FOOTER
_ENTRY = 40
_FOOTER_TAG = b"XETBLOB"
_FOOTER_VERSIONS = (0, 1)
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class XorbIndex:
    """Where each chunk of a xorb lies, packed and unpacked, and its hash. Never changed.

    Chunk spans are half-open; `end` None means all that follow.
    """

    hashes: bytes
    """Concatenated raw chunk hashes."""
    _packed: "array[int]" = field(repr=False)
    _unpacked: "array[int]" = field(repr=False)
    """Ends of the chunks, in bytes from the beginning; packed ones count headers."""

    def __hash__(self) -> int:
        return hash(self.hashes)

    @property
    def count(self) -> int:
        return len(self._packed)

    @property
    def size(self) -> int:
        """Bytes of all chunks as they are stored, headers included."""
        return self._packed[-1] if self._packed else 0

    def unpacked_size(self, start: int = 0, end: int | None = None) -> int:
        start, end = self._span(start, end)
        return self.offset_of(end) - self.offset_of(start)

    def packed_span(self, start: int = 0, end: int | None = None) -> tuple[int, int]:
        """First byte and length of those chunks as they are stored, headers included."""
        start, end = self._span(start, end)
        first = self._packed[start - 1] if start else 0
        return first, (self._packed[end - 1] if end else 0) - first

    def hash_at(self, number: int) -> bytes:
        self._span(number, number + 1)
        return self.hashes[HASH * number : HASH * (number + 1)]

    def lengths(self, start: int = 0, end: int | None = None) -> list[int]:
        """Unpacked bytes of each chunk."""
        start, end = self._span(start, end)
        ends = [self.offset_of(start), *self._unpacked[start:end]]
        return [after - before for before, after in pairwise(ends)]

    def hashes_of(self, start: int = 0, end: int | None = None) -> bytes:
        """Concatenated raw hashes of those chunks."""
        start, end = self._span(start, end)
        return self.hashes[HASH * start : HASH * end]

    def leaves(self, start: int = 0, end: int | None = None) -> list[Leaf]:
        """Hash and unpacked length of each chunk, as `merkle_root` and `file_hash` take them."""
        start, end = self._span(start, end)
        hashes = [self.hashes[at : at + HASH] for at in range(HASH * start, HASH * end, HASH)]
        return list(zip(hashes, self.lengths(start, end), strict=True))

    def range_hash(self, start: int, end: int) -> bytes:
        return range_hash(self.hashes_of(start, end))

    def xorb_hash(self) -> bytes:
        return merkle_root(self.leaves())

    def offset_of(self, number: int) -> int:
        """The unpacked byte at which the chunk begins; with `count`, where the last one ends."""
        self._span(number, number)
        return self._unpacked[number - 1] if number else 0

    def chunk_at(self, offset: int) -> int:
        """The number of the chunk that holds this unpacked byte; IndexError if none does."""
        if not 0 <= offset < self.offset_of(self.count):
            raise IndexError(offset)
        return bisect_right(self._unpacked, offset)

    def to_bytes(self) -> bytes:
        """40 bytes a chunk: all hashes, all packed ends, all unpacked ends (u32, little-endian)."""
        return self.hashes + self._packed.tobytes() + self._unpacked.tobytes()

    @classmethod
    def from_bytes(cls, data: Data) -> "XorbIndex":
        """What `to_bytes` gave; raises BadXorb if it cannot have."""
        count, rest = divmod(len(data), _ENTRY)
        if rest or count > MOST_CHUNKS:
            raise BadXorb("The index of a xorb is damaged.")
        raw = bytes(data)
        ends = array("I", raw[HASH * count :])
        return cls(raw[: HASH * count], ends[:count], ends[count:])

    def _span(self, start: int, end: int | None) -> tuple[int, int]:
        stop = self.count if end is None else end
        if not 0 <= start <= stop <= self.count:
            raise IndexError(f"chunks {start} to {end} of {self.count}")
        return start, stop


def check_xorb(data: Data) -> XorbIndex:
    """Decode and hash every chunk; raises BadXorb for anything that is not a whole xorb.

    A footer that an older client appended is left out: `size` tells where it begins. The caller
    compares `xorb_hash()` with the name under which the xorb came.
    """
    if len(data) > MOST_XORB:
        raise BadXorb("A xorb has at most {most} bytes.", most=MOST_XORB)
    with memoryview(data) as view:
        return _check(view)


def _check(view: memoryview) -> XorbIndex:
    hashes: list[bytes] = []
    packed_ends, unpacked_ends = array("I"), array("I")
    at = offset = 0
    decoder = Decoder()
    while at < len(view) and view[at : at + len(_FOOTER_TAG)] != _FOOTER_TAG:
        if len(hashes) == MOST_CHUNKS:
            raise BadXorb("A xorb has at most {most} chunks.", most=MOST_CHUNKS)
        scheme, packed, unpacked = read_header(view, at)
        with view[at + HEADER : at + HEADER + packed] as payload:
            stored = scheme == STORED
            hashes.append(
                chunk_hash(payload if stored else decoder.decode(payload, scheme, unpacked))
            )
        at += HEADER + packed
        offset += unpacked
        packed_ends.append(at)
        unpacked_ends.append(offset)
    if not hashes or at > MOST_PACKED:
        raise BadXorb("A xorb has chunks, of at most {most} bytes.", most=MOST_PACKED)
    index = XorbIndex(b"".join(hashes), packed_ends, unpacked_ends)
    if at < len(view):
        _check_footer(view, index)
    return index


def _check_footer(view: memoryview, index: XorbIndex) -> None:
    """Only that it is a footer of this xorb: nobody reads it again."""
    start, after = index.size, len(_FOOTER_TAG) + 1
    size = len(view) - start - _LENGTH.size
    fits = after + HASH <= size <= MOST_FOOTER
    if (
        not fits
        or view[start + after - 1] not in _FOOTER_VERSIONS
        or _LENGTH.unpack_from(view, len(view) - _LENGTH.size) != (size,)
        or view[start + after : start + after + HASH] != index.xorb_hash()
    ):
        raise BadXorb("What follows the chunks of the xorb is not its footer.")


def unpack(packed: Data) -> Iterator[bytes | memoryview]:
    """The data of whole chunks that lie back to back; raises BadXorb where they are damaged.

    Chunks that are stored as they are come as views of `packed`, without a copy; nothing is
    hashed.
    """
    view = memoryview(packed)
    decoder = None
    at = 0
    while at < len(view):
        scheme, size, length = read_header(view, at)
        payload = view[at + HEADER : at + HEADER + size]
        if scheme == STORED:
            yield payload
        else:
            decoder = decoder or Decoder()
            yield decoder.decode(payload, scheme, length)
        at += HEADER + size
