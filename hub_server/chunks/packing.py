"""A xorb on its way to disk, chunk by chunk."""

from array import array
from pathlib import Path
from types import TracebackType
from typing import Self

from hub_server.chunks.compression import pack_chunk
from hub_server.chunks.hashes import Data
from hub_server.chunks.xorbs import MOST_CHUNKS, XorbIndex

MOST_UNPACKED = 64 * 1024**2


class XorbWriter:
    """Writes chunks to a new file until the xorb is full; a context manager that closes it.

    The file is not complete before `finish`, and stays where it is whatever happens. What the
    disk refuses comes out as OSError.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._hashes: list[bytes] = []
        self._packed_ends = array("I")
        self._unpacked_ends = array("I")
        self._packed = self._unpacked = 0

    def add(self, data: Data, hash: bytes) -> int | None:
        """The number of the chunk in this xorb, or None if it needs another one."""
        number = len(self._hashes)
        if number == MOST_CHUNKS or self._unpacked + len(data) > MOST_UNPACKED:
            return None
        packed = pack_chunk(data)
        self._file.write(packed)
        self._packed += len(packed)
        self._unpacked += len(data)
        self._hashes.append(hash)
        self._packed_ends.append(self._packed)
        self._unpacked_ends.append(self._unpacked)
        return number

    def finish(self) -> XorbIndex:
        """Flush what is written, close the file and tell where everything lies."""
        self._file.close()
        return XorbIndex(b"".join(self._hashes), self._packed_ends, self._unpacked_ends)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
