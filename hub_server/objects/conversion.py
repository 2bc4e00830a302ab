"""Plain large files become chunks in the background, and their plain form goes a week later.

A finder plans one job a file. The job cuts a slice of it, packs the chunks that are new into xorbs,
and hands what it has so far to a job for the next slice, in the transaction that ends it: cut off
anywhere, a slice is done again, and comes to the same xorbs. The last one reads the file back from
its chunks before it records them. The file can be read all the time, from its plain form.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.blobs import CHUNK, BlobReader
from hub_server.chunks import FileHash, to_text
from hub_server.db import now
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.objects import LargeObject, ObjectForm
from hub_server.db.tables.xet import XetFile
from hub_server.errors import Lost, StorageFull, Unavailable, Unprocessable
from hub_server.gitstore import blobs_are_kept
from hub_server.jobs import Finish, Handler, enqueue
from hub_server.objects import links, xet_files
from hub_server.objects.links import ObjectInfo, object_key
from hub_server.objects.packing import Packed, Packer
from hub_server.objects.reassembly import PlacedTerm
from hub_server.objects.xet_files import WINDOW, Run, add_form, note_chunks
from hub_server.objects.xorbs import StoredXorb, by_id

if TYPE_CHECKING:
    from hub_server.objects.store import Objects

log = structlog.get_logger("hub.objects")

FIND, CONVERT, SLIM = "objects.find_plain", "objects.convert", "objects.slim"
BOTH_FORMS = timedelta(days=7)
"""For so long the plain form is kept beside the chunks."""
AT_ONCE = 32
BYTES_AT_ONCE = 512 * 10**6
"""Other jobs wait behind those that one look has planned."""
PAUSE = 1.0
TRIES = 5
LATER = 900.0
AGAIN = timedelta(days=7)
"""After so long a file is tried once more whose job has failed for good."""


class NotTheFile(Unprocessable):
    """What the chunks of a file give is something else; its plain form stays."""

    def __init__(self, sha256: str) -> None:
        super().__init__("The chunks of {sha256} give other bytes.", sha256=sha256)


class Conversion:
    """The jobs; all of them may be cut off and done again."""

    def __init__(self, objects: "Objects") -> None:
        self._objects = objects
        self._database = objects.database

    def handlers(self) -> dict[str, Handler]:
        """They wait for a store that is away or full, and fail for good over lost bytes alone."""
        return {
            FIND: self.find,
            CONVERT: lambda payload: _patient(CONVERT, self.convert, payload),
            SLIM: lambda payload: _patient(SLIM, self.slim, payload),
        }

    def find(self, payload: Mapping[str, Any]) -> Finish | None:
        """Plan jobs for some objects: those without chunks, then those with both forms for long
        enough. One that has failed for good is not tried again."""
        after = int(payload.get("after", 0))
        with self._database.read() as session:
            kind, some = CONVERT, _some(session, CONVERT, _unconverted(), after)
            if not some and not self._objects.settings.keep_lfs:
                kind, some = SLIM, _some(session, SLIM, _doubled(), 0)
        return None if not some else lambda session: _plan(session, kind, some)

    def convert(self, payload: Mapping[str, Any]) -> Finish | None:
        """A slice of one file; what comes next is planned in the transaction that ends the job."""
        sha256 = str(payload["sha256"])
        with self._database.read() as session:
            info = links.lookup(session, sha256)
        if info is None or info.xet or not info.plain or not info.size:
            return None
        runs: list[Run] = [(run[0], run[1], run[2], run[3]) for run in payload.get("runs", ())]
        if not self._are_there(runs):
            return lambda session: _go_on(session, {"sha256": sha256})
        packed = Packer(self._objects, runs).slice(self._read(info, runs))
        if not packed.whole:
            return lambda session: _go_on(session, {"sha256": sha256, "runs": packed.runs}, packed)
        self._record(info, packed)
        faults.point("convert.recorded")
        return None

    def _read(self, info: ObjectInfo, runs: Sequence[Run]) -> BlobReader:
        """The plain bytes that are not in chunks yet. Raises Lost."""
        key = object_key(info.sha256)
        if self._objects.blobs.size(key) != info.size:
            raise Lost(key)
        return self._objects.blobs.open(key, sum(run[3] for run in runs))

    def _are_there(self, runs: Sequence[Run]) -> bool:
        """Xorbs of other files, on which this one builds, may have gone since the last slice."""
        ids = {run[0] for run in runs}
        with self._database.read() as session:
            return len(xet_files.known_xorbs(session, ids)) == len(ids)

    def _record(self, info: ObjectInfo, packed: Packed) -> None:
        """Read it back, then make it the Xet form of the object. Raises NotTheFile."""
        leaves = FileHash()
        reader = self._objects.xet_files.read(self._placed(packed.runs, leaves), 0, info.size)
        if _digest(reader) != info.sha256:
            raise NotTheFile(info.sha256)
        faults.point("convert.verified")
        name = to_text(leaves.digest())
        with self._database.write() as session:
            links.hold(session, info.id)
            if links.lookup(session, info.sha256) is None:
                return  # collected meanwhile
            add_form(session, info.id, (info.sha256, name, info.size), packed.runs)
            note_chunks(session, packed.eligible)

    def _placed(self, runs: Sequence[Run], leaves: FileHash) -> Iterator[PlacedTerm]:
        """The terms, with a few indexes in memory at a time; all chunks are fed to `leaves`."""
        offset = 0
        for at in range(0, len(runs), WINDOW):
            some = runs[at : at + WINDOW]
            with self._database.read() as session:
                xorbs: dict[int, StoredXorb] = by_id(session, (run[0] for run in some))
            for xorb_id, first, end, length in some:
                xorb = xorbs[xorb_id]
                leaves.add(xorb.index.hashes_of(first, end), xorb.index.lengths(first, end))
                yield PlacedTerm(xorb, first, end, offset, length)
                offset += length

    def slim(self, payload: Mapping[str, Any]) -> Finish | None:
        """Take the plain form away, once the file has been read from its chunks: what was found
        damaged there since has been brought back as the plain form."""
        sha256 = str(payload["sha256"])
        with self._database.read() as session:
            file = xet_files.of(session, sha256)
        if file is None or self._objects.settings.keep_lfs:
            return None
        if _digest(self._objects.xet_files.open(file)) != sha256:
            raise NotTheFile(sha256)
        faults.point("slim.verified")
        return lambda session: _drop(session, file)


def _patient(kind: str, handler: Handler, payload: Mapping[str, object]) -> Finish | None:
    try:
        return handler(payload)
    except (Unavailable, StorageFull) as failure:
        log.warning("conversion waits", kind=kind, error=str(failure))
        return lambda session: _put_off(session, kind, payload)


def _put_off(session: Session, kind: str, payload: Mapping[str, object]) -> None:
    key = str(payload["sha256"])
    enqueue(session, kind, payload, key=key, delay=LATER, max_attempts=TRIES)


def _digest(reader: BlobReader) -> str:
    digest = hashlib.sha256()
    with reader:
        while piece := reader.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _unconverted() -> ColumnElement[bool]:
    return ~exists().where(XetFile.object_id == LargeObject.id)


def _doubled() -> ColumnElement[bool]:
    old = XetFile.created_at < now() - BOTH_FORMS
    return exists().where(XetFile.object_id == LargeObject.id, old)


def _some(
    session: Session, kind: str, which: ColumnElement[bool], after: int
) -> list[tuple[int, str]]:
    """Ids and oids of objects with a plain form for which no job of the kind is there."""
    tried = or_(Job.state != "failed", Job.created_at > now() - AGAIN)
    rows = session.execute(
        select(LargeObject.id, LargeObject.sha256, LargeObject.size)
        .join(ObjectForm, ObjectForm.object_id == LargeObject.id)
        .where(LargeObject.id > after, LargeObject.size > 0, which)
        .where(~exists().where(Job.kind == kind, Job.key == LargeObject.sha256, tried))
        .order_by(LargeObject.id)
        .limit(AT_ONCE)
    )
    found: list[tuple[int, str]] = []
    size = 0
    for object_id, sha256, length in rows:
        if found and size + length > BYTES_AT_ONCE:
            break
        found.append((object_id, sha256))
        size += length
    return found


def _plan(session: Session, kind: str, some: Iterable[tuple[int, str]]) -> None:
    """And another look, as there may be more."""
    last = 0
    for last, sha256 in some:  # noqa: B007 - the last one is where the next look begins
        enqueue(session, kind, {"sha256": sha256}, key=sha256, max_attempts=TRIES)
    after = last if kind == CONVERT else 0
    enqueue(session, FIND, {"after": after}, key="more", delay=PAUSE)


def _go_on(session: Session, payload: Mapping[str, Any], packed: Packed | None = None) -> None:
    if packed is not None:
        note_chunks(session, packed.eligible)
    enqueue(session, CONVERT, payload, key=payload["sha256"], max_attempts=TRIES)


def _drop(session: Session, file: xet_files.XetFile) -> None:
    """Unless the chunks are others by now, or a backup is copying the plain form."""
    links.hold(session, file.object_id)
    if xet_files.of(session, file.sha256) != file:
        return
    if blobs_are_kept(session):
        _put_off(session, SLIM, {"sha256": file.sha256})
        return
    mine = delete(ObjectForm).where(ObjectForm.object_id == file.object_id)
    session.execute(mine.where(ObjectForm.form == "plain"))
    faults.point("slim.dropped")
