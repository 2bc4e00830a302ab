"""Large objects as lists of terms: runs of chunks of xorbs, which other files may use too."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.blobs import BlobReader
from hub_server.db import Database, insert_ignore, now
from hub_server.db.tables.objects import LargeObject
from hub_server.db.tables.xet import XetChunk, XetTerm, Xorb
from hub_server.db.tables.xet import XetFile as FileRow
from hub_server.errors import BadRequest, Unavailable
from hub_server.objects import links, reassembly
from hub_server.objects.access import Claim, authorize
from hub_server.objects.links import ObjectInfo, portions
from hub_server.objects.reassembly import PlacedTerm
from hub_server.objects.xorbs import StoredXorb, Xorbs, by_id, xorb_key
from hub_server.settings import Settings

AT_ONCE = 1_000
"""Rows of a statement."""
WINDOW = 32
"""Terms that a reader knows at a time: with the indexes of their xorbs a few MB."""
Eligible = Sequence[tuple[str, int, int]]
Run = tuple[int, int, int, int]
"""A term without its xorb: the id of that, first chunk, end, bytes."""


@dataclass(frozen=True, slots=True)
class XetFile:
    """A large object that is stored as chunks; `hash` is its file hash in text form."""

    object_id: int
    sha256: str
    hash: str
    size: int


@dataclass(frozen=True, slots=True)
class Term:
    """Chunks `first` up to `end` (exclusive) of a xorb."""

    xorb: StoredXorb
    first: int
    end: int

    @property
    def length(self) -> int:
        return self.xorb.index.unpacked_size(self.first, self.end)


def find(session: Session, file_hash: str) -> XetFile | None:
    """The file of that hash, whoever may read it; says nothing of permission."""
    return _found(session, FileRow.hash == file_hash)


def of(session: Session, sha256: str) -> XetFile | None:
    """The Xet form of the object, if it has one."""
    return _found(session, LargeObject.sha256 == sha256)


def _found(session: Session, which: Any) -> XetFile | None:
    columns = (FileRow.object_id, LargeObject.sha256, FileRow.hash, LargeObject.size)
    here = LargeObject.id == FileRow.object_id
    row = session.execute(select(*columns).join(LargeObject, here).where(which)).first()
    return XetFile(*row) if row else None


def terms(
    session: Session,
    object_id: int,
    start: int = 0,
    end: int | None = None,
    *,
    limit: int | None = None,
) -> list[PlacedTerm]:
    """Those that hold bytes of the file from `start` up to `end` (exclusive), in order."""
    wanted = select(XetTerm).where(
        XetTerm.object_id == object_id, XetTerm.offset + XetTerm.length > start
    )
    if end is not None:
        wanted = wanted.where(XetTerm.offset < end)
    rows = session.scalars(wanted.order_by(XetTerm.position).limit(limit)).all()
    xorbs = by_id(session, (row.xorb_id for row in rows))
    return [
        PlacedTerm(xorbs[row.xorb_id], row.first_chunk, row.end_chunk, row.offset, row.length)
        for row in rows
    ]


class XetFiles:
    """The Xet forms of large objects; questions about them take the caller's session."""

    find = staticmethod(find)
    of = staticmethod(of)
    terms = staticmethod(terms)

    def __init__(self, database: Database, xorbs: Xorbs, settings: Settings) -> None:
        self.database = database
        self.xorbs = xorbs
        self.settings = settings

    def record(
        self,
        claim: Claim,
        sha256: str,
        file_hash: str,
        terms: Sequence[Term],
        eligible: Eligible = (),
    ) -> ObjectInfo:
        """Record and link a file whose terms have been found to give these bytes.

        Asks for permission. `eligible` are chunks (hash, id of xorb, number) that clients may ask
        for. Of an object that has a Xet form already, that one stays, unless its bytes are lost.
        """
        size = sum(term.length for term in terms)
        lost = self._lost(sha256)
        with self.database.write() as session:
            authorize(session, claim)
            object_id = links.take(session, sha256, size)
            runs = [(term.xorb.id, term.first, term.end, term.length) for term in terms]
            kept = add_form(session, object_id, (sha256, file_hash, size), runs, lost=lost)
            if kept == file_hash:
                note_chunks(session, eligible)
            links.link(
                session,
                claim.repo_id,
                object_id,
                claim.user_id,
                pending=claim.pending,
                pending_limit=self.settings.pending_per_user,
            )
        faults.point("file.recorded")
        return ObjectInfo(object_id, sha256, size, claim.pending, kept, plain=False)

    def _lost(self, sha256: str) -> str | None:
        """The file hash of a form whose xorbs are not all there."""
        with self.database.read() as session:
            known = of(session, sha256)
            if known is None:
                return None
            stored = xorb_sizes(session, [known.object_id])
        return None if self.xorbs.all_whole(stored[known.object_id]) else known.hash

    def read(
        self, terms: Iterable[PlacedTerm], start: int = 0, length: int | None = None
    ) -> BlobReader:
        """Bytes `start` to `start + length` of the file that these terms give, from the first one's
        offset on, in constant memory; a length of None is all that a sequence of terms holds.

        Raises Lost, at once where the first bytes are not there, later by a `read`.
        """
        if length is None:
            known = list(terms)
            length = max(0, known[-1].offset + known[-1].length - start) if known else 0
            terms = known
        return reassembly.Reassembled(self.xorbs.open, iter(terms), start, length)

    def open(self, file: XetFile, start: int = 0, length: int | None = None) -> BlobReader:
        """Stream a part of the file; the caller has checked the link. Raises Lost."""
        begin = max(0, file.size + start) if start < 0 else min(start, file.size)
        left = file.size - begin
        length = left if length is None else max(0, min(length, left))
        return self.read(self._windows(file.object_id, begin, begin + length), begin, length)

    def _windows(self, object_id: int, start: int, end: int) -> Iterator[PlacedTerm]:
        """The terms that hold these bytes, a few at a time."""
        while start < end:
            with self.database.read() as session:
                some = terms(session, object_id, start, end, limit=WINDOW)
            yield from some
            if not some:
                return
            start = some[-1].offset + some[-1].length


def add_form(
    session: Session,
    object_id: int,
    facts: tuple[str, str, int],
    runs: Sequence[Run],
    *,
    lost: str | None = None,
) -> str:
    """Give the object, whose row the caller holds, a Xet form; the file hash of the one it has
    afterwards. One that is `lost` is replaced; `facts` are sha256, file hash and size."""
    sha256, file_hash, size = facts
    columns = select(LargeObject.size).where(LargeObject.id == object_id)
    if session.scalar(columns) != size:
        raise BadRequest("The file {sha256} is known with another size.", sha256=sha256)
    if lost is not None:
        gone = delete(FileRow).where(FileRow.object_id == object_id, FileRow.hash == lost)
        session.execute(gone)
    row = {"object_id": object_id, "hash": file_hash, "created_at": now()}
    if insert_ignore(session, FileRow, row):
        _hold(session, {run[0] for run in runs})
        for some in portions(_rows(object_id, runs), AT_ONCE):
            insert_ignore(session, XetTerm, some)
        return file_hash
    kept = session.scalar(select(FileRow.hash).where(FileRow.object_id == object_id))
    if kept is None:
        raise BadRequest("The file hash {hash} is that of another file.", hash=file_hash)
    return kept


def _hold(session: Session, xorb_ids: set[int]) -> None:
    """The xorbs stay until the transaction ends, which makes them used. Raises Unavailable."""
    for some in portions(sorted(xorb_ids)):
        mine = select(Xorb.id).where(Xorb.id.in_(some)).order_by(Xorb.id)
        held = session.scalars(mine.with_for_update(read=True, key_share=True)).all()
        if len(held) != len(some):
            raise Unavailable("A xorb of this file was being removed.", retry_after=1)
        idle = mine.where(Xorb.idle_since.is_not(None)).with_for_update(key_share=True)
        used = session.scalars(idle).all()
        changed = update(Xorb).where(Xorb.id.in_(used)).values(idle_since=None)
        session.execute(changed.execution_options(synchronize_session=False))


def _rows(object_id: int, runs: Sequence[Run]) -> Iterator[dict[str, int]]:
    offset = 0
    for position, (xorb_id, first, end, length) in enumerate(runs):
        yield {
            "object_id": object_id,
            "position": position,
            "xorb_id": xorb_id,
            "first_chunk": first,
            "end_chunk": end,
            "offset": offset,
            "length": length,
        }
        offset += length


def note_chunks(session: Session, eligible: Eligible) -> None:
    """Clients may ask for these chunks (hash, id of xorb, number) from now on."""
    for some in portions(eligible, AT_ONCE):
        rows = [{"hash": each, "xorb_id": xorb, "number": at} for each, xorb, at in some]
        insert_ignore(session, XetChunk, rows)


def xorb_sizes(session: Session, object_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """By object the keys of its xorbs and the sizes they should have."""
    found: dict[int, dict[str, int]] = {}
    for some in portions(object_ids):
        found.update({each: {} for each in some})
        used = (
            select(XetTerm.object_id, Xorb.sha256, Xorb.size)
            .distinct()
            .join(Xorb, Xorb.id == XetTerm.xorb_id)
            .where(XetTerm.object_id.in_(some))
        )
        for object_id, sha256, size in session.execute(used):
            found[object_id][xorb_key(sha256)] = size
    return found


def known_xorbs(session: Session, ids: Iterable[int]) -> set[int]:
    """Those of the ids that xorbs have."""
    found: set[int] = set()
    for some in portions(sorted(ids)):
        found.update(session.scalars(select(Xorb.id).where(Xorb.id.in_(some))))
    return found
