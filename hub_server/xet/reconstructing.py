"""How a file is put together: its terms, and links to the bytes of the xorbs they lie in.

Only through a repository that links the file: to everybody else there is no such file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from hub_server.chunks import from_text
from hub_server.errors import BadRequest, NotFound, RangeNotSatisfiable
from hub_server.objects import HubParts, PlacedTerm, StoredXorb, XetFile
from hub_server.xet.tickets import Bytes, bytes_path, direct_url
from hub_server.xet.tokens import Grant

WINDOW = 8 * 1024**3
"""Terms of so many bytes of a file are looked at together: the indexes of their xorbs take room."""
MOST_FILES = 100


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, of chunks."""

    start: int
    end: int

    def as_json(self) -> dict[str, int]:
        return {"start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Piece:
    """Chunks of a xorb; `length` is their unpacked size."""

    xorb: str
    chunks: Span
    length: int

    def as_json(self) -> dict[str, object]:
        return {
            "hash": self.xorb,
            "unpacked_length": self.length,
            "range": self.chunks.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Fetch:
    """Where the packed bytes `first`…`last` (inclusive) of these chunks are to be had."""

    chunks: Span
    first: int
    last: int
    url: str

    @property
    def _bytes(self) -> dict[str, int]:
        return {"start": self.first, "end": self.last}

    def as_v1(self) -> dict[str, object]:
        return {"range": self.chunks.as_json(), "url": self.url, "url_range": self._bytes}

    def as_v2(self) -> dict[str, object]:
        """With one range each: no store answers several in the form that clients want."""
        ranges = [{"chunks": self.chunks.as_json(), "bytes": self._bytes}]
        return {"url": self.url, "ranges": ranges}


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """`skipped` bytes of the first piece come before the first byte that was asked for."""

    skipped: int
    pieces: Sequence[Piece]
    fetches: Mapping[str, Sequence[Fetch]]

    def as_v1(self) -> dict[str, object]:
        return {
            **self._said(),
            "fetch_info": {xorb: [each.as_v1() for each in some] for xorb, some in self._items()},
        }

    def as_v2(self) -> dict[str, object]:
        return {
            **self._said(),
            "xorbs": {xorb: [each.as_v2() for each in some] for xorb, some in self._items()},
        }

    def _said(self) -> dict[str, object]:
        terms = [piece.as_json() for piece in self.pieces]
        return {"offset_into_first_range": self.skipped, "terms": terms}

    def _items(self) -> Iterator[tuple[str, Sequence[Fetch]]]:
        yield from self.fetches.items()


def find_file(hub: HubParts, session: Session, grant: Grant, file_hash: str) -> XetFile:
    """The file, if the token's repository links it. Raises BadHash; NotFound, in the same words
    for files that are nowhere and files of others."""
    from_text(file_hash)
    file = hub.objects.xet_files.find(session, file_hash)
    user = grant.claim.user_id
    if file is not None and file.sha256 in hub.objects.is_linked(
        session, grant.repo.id, [file.sha256], user_id=user
    ):
        return file
    raise NotFound("This repository has no file {hash}.", hash=file_hash)


def file_size(hub: HubParts, grant: Grant, file_hash: str) -> int:
    """In bytes. Raises NotFound."""
    with hub.database.read() as session:
        return find_file(hub, session, grant, file_hash).size


def reconstruct(
    hub: HubParts,
    grant: Grant,
    file_hash: str,
    *,
    base: str,
    start: int = 0,
    last: int | None = None,
) -> Reconstruction:
    """The bytes `start`…`last` (inclusive) of a file, or all after `start`.

    `base` is the hub's address. Raises NotFound, RangeNotSatisfiable.
    """
    plan = _Plan()
    with hub.database.read() as session:
        file = find_file(hub, session, grant, file_hash)
        if start >= file.size:
            raise RangeNotSatisfiable(file.size)
        end = file.size if last is None else min(last + 1, file.size)
        for term in _terms(hub, session, file, start, end):
            plan.add(term, start, end)
    return plan.finish(lambda wanted: _url(hub, base, wanted))


def reconstruct_many(
    hub: HubParts, grant: Grant, file_hashes: Sequence[str], *, base: str
) -> dict[str, object]:
    """Several whole files in one answer, as version 1 has them. Raises NotFound, BadRequest."""
    if not 0 < len(file_hashes) <= MOST_FILES:
        raise BadRequest("Ask for 1 to {most} files at a time.", most=MOST_FILES)
    files: dict[str, object] = {}
    plan = _Plan()
    with hub.database.read() as session:
        for file_hash in dict.fromkeys(file_hashes):
            file = find_file(hub, session, grant, file_hash)
            before = len(plan.pieces)
            for term in _terms(hub, session, file, 0, file.size):
                plan.add(term, 0, file.size)
            files[file_hash] = [piece.as_json() for piece in plan.pieces[before:]]
    whole = plan.finish(lambda wanted: _url(hub, base, wanted)).as_v1()
    return {"files": files, "fetch_info": whole["fetch_info"]}


def _terms(
    hub: HubParts, session: Session, file: XetFile, start: int, end: int
) -> Iterator[PlacedTerm]:
    """In order, each once, though windows share those at their borders."""
    for window in range(start, end, WINDOW):
        until = min(window + WINDOW, end)
        for term in hub.objects.xet_files.terms(session, file.object_id, window, until):
            if window == start or term.offset >= window:
                yield term


def _url(hub: HubParts, base: str, wanted: Bytes) -> str:
    return direct_url(hub, wanted) or base + bytes_path(hub.keys, wanted)


@dataclass
class _Xorb:
    """What is wanted of one xorb, and where each chunk's packed bytes begin and end."""

    sha256: str
    size: int
    spans: list[tuple[int, int, int, int]] = field(default_factory=list)


class _Plan:
    """Gathers terms; keeps of each xorb only what the answer needs."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._skipped: int | None = None
        self._xorbs: dict[str, _Xorb] = {}

    def add(self, term: PlacedTerm, start: int, end: int) -> None:
        """Those chunks of the term that hold bytes of `start`…`end` (exclusive)."""
        index = term.xorb.index
        begin = index.offset_of(term.first) - term.offset
        first, stop = term.first, term.end
        if start > term.offset:
            first = index.chunk_at(begin + start)
        if end < term.offset + term.length:
            stop = index.chunk_at(begin + end - 1) + 1
        if self._skipped is None:
            self._skipped = start - (index.offset_of(first) - begin)
        self.pieces.append(
            Piece(term.xorb.hash, Span(first, stop), index.unpacked_size(first, stop))
        )
        packed, length = index.packed_span(first, stop)
        self._of(term.xorb).spans.append((first, stop, packed, packed + length))

    def _of(self, xorb: StoredXorb) -> _Xorb:
        return self._xorbs.setdefault(xorb.hash, _Xorb(xorb.sha256, xorb.size))

    def finish(self, url: Callable[[Bytes], str]) -> Reconstruction:
        fetches = {
            hash: [
                Fetch(
                    Span(first, stop),
                    begin,
                    end - 1,
                    url(Bytes(xorb.sha256, xorb.size, begin, end - begin)),
                )
                for first, stop, begin, end in _merged(xorb.spans)
            ]
            for hash, xorb in self._xorbs.items()
        }
        return Reconstruction(self._skipped or 0, self.pieces, fetches)


def _merged(spans: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Ascending, without overlaps and gaps of nothing: every span lies in one of them."""
    merged: list[tuple[int, int, int, int]] = []
    for first, stop, begin, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            before = merged[-1]
            merged[-1] = (before[0], max(before[1], stop), before[2], max(before[3], end))
        else:
            merged.append((first, stop, begin, end))
    return merged
