"""Files to chunks, cut where their content says, as the clients cut them."""

from collections.abc import Iterator

from hub_server.chunks.compression import MOST_CHUNK
from hub_server.chunks.gear import Gear
from hub_server.chunks.hashes import Data

LEAST_CHUNK = 8192
_BLOCK = 1024**2


class Cutter:
    """Takes a file in pieces of any size; holds no more than a block and an unfinished chunk."""

    def __init__(self) -> None:
        self._gear = Gear()
        self._pending = bytearray()

    def feed(self, data: Data) -> Iterator[bytes]:
        """The chunks that end for certain; must be iterated to its end."""
        view = memoryview(data)
        at = 0
        while at < len(view):
            piece = view[at : at + _BLOCK - len(self._pending)]
            self._pending += piece
            at += len(piece)
            if len(self._pending) == _BLOCK:
                yield from self._cut(final=False)

    def finish(self) -> Iterator[bytes]:
        """The rest; nothing can be fed afterwards."""
        yield from self._cut(final=True)

    def _cut(self, *, final: bool) -> Iterator[bytes]:
        block = bytes(self._pending)
        cuts = self._gear.cuts(block)
        start = 0
        while len(block) - start > (0 if final else MOST_CHUNK):
            number = int(cuts.searchsorted(start + LEAST_CHUNK - 1))
            end = min(start + MOST_CHUNK, len(block))
            if number < len(cuts):
                end = min(end, int(cuts[number]) + 1)
            yield block[start:end]
            start = end
        del self._pending[:start]
