"""A file cut into chunks, of which those that are nowhere yet are packed into xorbs."""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub_server import faults
from hub_server.blobs import CHUNK, BlobReader, Received, disk_failure
from hub_server.chunks import Cutter, XorbWriter, chunk_hash, is_eligible, to_text
from hub_server.objects.xet_files import Run
from hub_server.objects.xorbs import StoredXorb, by_id, holding

if TYPE_CHECKING:
    from hub_server.objects.store import Objects

SLICE = 256 * 1024 * 1024
"""Bytes after which a slice ends with the xorb that is being filled, or after twice as many."""
REMEMBERED = 64
"""Xorbs of former slices whose chunks are known again: some gigabytes of file."""
MOST_KNOWN = 1_000_000
OPEN = 0
"""Stands for the id of the xorb that is being filled."""


@dataclass
class Packed:
    """The terms of the file so far; `whole` when there is nothing more. `eligible` are chunks of
    this slice that clients may ask for (hash, id of xorb, number)."""

    runs: list[Run]
    whole: bool = False
    eligible: list[tuple[str, int, int]] = field(default_factory=list)


class Packer:
    """Goes on with a file of which `runs` are done. A chunk that is in one of its xorbs is not
    stored again, nor one in a xorb of another file in which an eligible chunk was found."""

    def __init__(self, objects: "Objects", runs: Sequence[Run]) -> None:
        self._objects = objects
        self._packed = Packed(list(runs))
        self._head: bytes | None = None
        self._known: dict[bytes, tuple[int, int]] = {}
        self._filling: _Filling | None = None
        self._first_open = len(runs)
        self._recall()

    def slice(self, source: BlobReader) -> Packed:
        """Take a slice of what is left of the file, which is closed then."""
        taken = 0
        try:
            with source:
                for data in _cut(source):
                    if taken >= 2 * SLICE or not self._take(data, last=taken >= SLICE):
                        break
                    taken += len(data)
                else:
                    self._packed.whole = True
            self._close()
        finally:
            if self._filling is not None:
                self._filling.discard()
        if self._head is not None:
            xorb_id, number = self._packed.runs[0][:2]
            self._packed.eligible.append((to_text(self._head), xorb_id, number))
        return self._packed

    def _recall(self) -> None:
        """Learn what the latest xorbs of the file hold."""
        ids = list(dict.fromkeys(run[0] for run in reversed(self._packed.runs)))[:REMEMBERED]
        with self._objects.database.read() as session:
            found = by_id(session, ids)
        for xorb in found.values():
            self._learn(xorb)

    def _learn(self, xorb: StoredXorb) -> None:
        if len(self._known) < MOST_KNOWN:
            for number in range(xorb.index.count):
                self._known.setdefault(xorb.index.hash_at(number), (xorb.id, number))

    def _take(self, data: bytes, *, last: bool) -> bool:
        """Add a chunk to the terms; False if it needs another xorb although this is the `last`."""
        name = chunk_hash(data)
        if not self._packed.runs:
            self._head = name
        place = self._place(name)
        if place is None:
            number = self._pack(data, name, last=last)
            if number is None:
                return False
            place = (OPEN, number)
        self._extend(*place, len(data))
        return True

    def _place(self, name: bytes) -> tuple[int, int] | None:
        if self._filling is not None and name in self._filling.numbers:
            return OPEN, self._filling.numbers[name]
        if name not in self._known and (is_eligible(name) or not self._packed.runs):
            with self._objects.database.read() as session:
                found = holding(session, to_text(name))
            for xorb in found:
                if self._objects.xorbs.whole(xorb):
                    self._learn(xorb)
                    break
        return self._known.get(name)

    def _extend(self, xorb_id: int, number: int, length: int) -> None:
        runs = self._packed.runs
        if runs and runs[-1][0] == xorb_id and runs[-1][2] == number:
            former = runs[-1]
            runs[-1] = (xorb_id, former[1], number + 1, former[3] + length)
        else:
            runs.append((xorb_id, number, number + 1, length))

    def _pack(self, data: bytes, name: bytes, *, last: bool) -> int | None:
        if self._filling is not None:
            number = self._filling.add(data, name)
            if number is not None:
                return number
            self._close()
            if last:
                return None
        self._filling = _Filling(self._objects)
        return self._filling.add(data, name)

    def _close(self) -> None:
        """Keep the xorb that was being filled; its terms learn its id."""
        if self._filling is None:
            return
        filling, self._filling = self._filling, None
        stored = filling.keep()
        runs = self._packed.runs
        for at in range(self._first_open, len(runs)):
            if runs[at][0] == OPEN:
                runs[at] = (stored.id, *runs[at][1:])
        self._first_open = len(runs)
        for name, number in filling.numbers.items():
            self._known[name] = (stored.id, number)
            if is_eligible(name):
                self._packed.eligible.append((to_text(name), stored.id, number))
        faults.point("convert.packed")


class _Filling:
    """A xorb that grows beside the store."""

    def __init__(self, objects: "Objects") -> None:
        self.numbers: dict[bytes, int] = {}
        self._objects = objects
        self._path = objects.incoming.folder / f"xorb-{secrets.token_hex(12)}"
        with _disk():
            self._writer = XorbWriter(self._path)

    def add(self, data: bytes, name: bytes) -> int | None:
        """The number of the chunk, or None if the xorb is full."""
        with _disk():
            number = self._writer.add(data, name)
        if number is not None:
            self.numbers[name] = number
        return number

    def keep(self) -> StoredXorb:
        try:
            with _disk():
                index = self._writer.finish()
                with self._path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            received = Received(self._path, digest, index.size)
            return self._objects.xorbs.keep(received, index, None)
        finally:
            self.discard()

    def discard(self) -> None:
        with self._writer:
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise disk_failure(failure) from failure


def _cut(source: BlobReader) -> Iterator[bytes]:
    cutter = Cutter()
    while piece := source.read(CHUNK):
        yield from cutter.feed(piece)
    yield from cutter.finish()
