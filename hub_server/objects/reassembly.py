"""A file read from its chunks: decoded one after the other, in constant memory.

What is read from the store is about a megabyte at a time, in whole chunks. Chunks that are stored
as they are cost one copy.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from hub_server.blobs import BlobReader, StoreUnavailable
from hub_server.chunks import BadXorb, XorbIndex, unpack
from hub_server.errors import Lost
from hub_server.objects.xorbs import StoredXorb

READ = 1024 * 1024
"""Packed bytes of a read from the store, at least, where a term has as many."""
OpenXorb = Callable[[StoredXorb, int, int], BlobReader]
Data = bytes | memoryview


@dataclass(frozen=True, slots=True)
class PlacedTerm:
    """Chunks `first` up to `end` of a xorb: `length` bytes of the file, from `offset` on."""

    xorb: StoredXorb
    first: int
    end: int
    offset: int
    length: int


class Reassembled(BlobReader):
    """The bytes `start` to `start + length` of a file, from the terms that hold them, in order.

    Raises Lost where a xorb is missing or damaged, or the terms do not give these bytes; for the
    first of them when it is made, else by `read`.
    """

    def __init__(
        self, open_xorb: OpenXorb, terms: Iterator[PlacedTerm], start: int, length: int
    ) -> None:
        super().__init__(length)
        self._open = open_xorb
        self._latest: tuple[object, bytes] = (None, b"")
        self._pieces = self._decoded(terms, start, start + length)
        self._rest: Data = next(self._pieces, b"") if length else b""

    def _take(self, count: int) -> bytes:
        """As much as is wanted, unless the file ends."""
        gathered: list[Data] = []
        while count:
            piece = self._rest or next(self._pieces, b"")
            if not piece:
                break
            if len(piece) > count:
                piece, self._rest = piece[:count], memoryview(piece)[count:]
            else:
                self._rest = b""
            gathered.append(piece)
            count -= len(piece)
        return b"".join(gathered)

    def close(self) -> None:
        if hasattr(self, "_pieces"):
            self._pieces.close()
        super().close()

    def _decoded(
        self, terms: Iterator[PlacedTerm], at: int, end: int
    ) -> Generator[Data, None, None]:
        for term in terms:
            if at >= end:
                return
            if not term.offset <= at < term.offset + term.length:
                raise Lost(term.xorb.key)
            stop = min(end, term.offset + term.length)
            yield from self._of_term(term, at - term.offset, stop - term.offset)
            at = stop

    def _of_term(self, term: PlacedTerm, begin: int, stop: int) -> Iterator[Data]:
        """Its bytes from `begin` up to `stop`, a chunk at a time."""
        index = term.xorb.index
        base = index.offset_of(term.first)
        first, last = index.chunk_at(base + begin), index.chunk_at(base + stop - 1)
        if index.unpacked_size(term.first, term.end) != term.length or last >= term.end:
            raise Lost(term.xorb.key)
        skip = base + begin - index.offset_of(first)
        left = stop - begin
        for chunk in self._chunks(term.xorb, first, last + 1):
            piece = memoryview(chunk)[skip : skip + left]
            skip, left = 0, left - len(piece)
            yield piece

    def _chunks(self, xorb: StoredXorb, first: int, end: int) -> Iterator[Data]:
        for group, packed in self._groups(xorb, first, end):
            lengths = iter(xorb.index.lengths(*group))
            try:
                for chunk in unpack(packed):
                    if len(chunk) != next(lengths, None):
                        raise Lost(xorb.key)
                    yield chunk
            except BadXorb as failure:
                raise Lost(xorb.key) from failure
            if next(lengths, None) is not None:
                raise Lost(xorb.key)

    def _groups(
        self, xorb: StoredXorb, first: int, end: int
    ) -> Iterator[tuple[tuple[int, int], bytes]]:
        """Spans of chunks and their packed bytes. The latest are kept: files repeat themselves."""
        if self._latest[0] == (xorb.id, first, end):
            yield (first, end), self._latest[1]
            return
        start, length = xorb.index.packed_span(first, end)
        with self._open(xorb, start, length) as reader:
            for group in _spans(xorb.index, first, end):
                packed = _exactly(reader, xorb, xorb.index.packed_span(*group)[1])
                self._latest = ((xorb.id, *group), packed)
                yield group, packed


def _spans(index: XorbIndex, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Runs of whole chunks of at least READ packed bytes; the last one of what is left."""
    while first < end:
        until = first + 1
        while until < end and index.packed_span(first, until)[1] < READ:
            until += 1
        yield first, until
        first = until


def _exactly(reader: BlobReader, xorb: StoredXorb, count: int) -> bytes:
    data = reader.read(count)
    if len(data) == count:
        return data
    pieces, have = [data], len(data)
    while have < count:
        piece = reader.read(count - have)
        if not piece:
            raise StoreUnavailable(f"{xorb.key} is shorter than it should be")
        pieces.append(piece)
        have += len(piece)
    return b"".join(pieces)
