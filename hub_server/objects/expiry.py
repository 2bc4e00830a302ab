"""What nobody came back for: pending links, uploads, objects without links, stray bytes."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.orm import Session

from hub_server.blobs import BlobStore
from hub_server.db import Database, now
from hub_server.db.tables.objects import (
    LargeObject,
    ObjectLink,
    PendingLink,
    Upload,
)
from hub_server.gitstore import blobs_are_kept
from hub_server.jobs import Handler
from hub_server.objects import uploads
from hub_server.objects.conversion import Conversion
from hub_server.objects.xorb_expiry import expire_xorbs

if TYPE_CHECKING:
    from hub_server.objects.store import Objects

IDLE = timedelta(hours=24)
STRAY = timedelta(hours=48)
AT_ONCE = 500


def expire(objects: "Objects") -> None:
    """The periodic job; each step may be cut off and done again."""
    expire_pending(objects.database)
    expire_uploads(objects.database, objects.blobs)
    mark_idle(objects.database)
    collect_idle(objects.database, before=now() - IDLE)
    expire_xorbs(objects.database)
    sweep_stray(objects.database, objects.blobs, before=now() - STRAY)
    objects.incoming.remove_stale(STRAY)


def expire_pending(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(PendingLink).where(PendingLink.expires_at < now()))


def expire_uploads(database: Database, blobs: BlobStore) -> None:
    with database.write() as session:
        ended = uploads.pop_expired(session, limit=AT_ONCE)
    for upload in ended:  # what a crash leaves here is stray, and swept
        blobs.abort_parts(upload.key, upload.store_upload_id)
        blobs.delete(upload.key)


def mark_idle(database: Database) -> None:
    """Note since when nothing links to an object, and no longer where something does."""
    changes = (
        (LargeObject.idle_since.is_(None), _unlinked(), now()),
        (LargeObject.idle_since.is_not(None), ~_unlinked(), None),
    )
    for noted, linked, value in changes:
        with database.write() as session:
            session.execute(
                update(LargeObject)
                .where(noted, linked)
                .values(idle_since=value)
                .execution_options(synchronize_session=False)
            )


def collect_idle(database: Database, *, before: datetime) -> int:
    """Forget objects that nothing has linked to since `before`; returns how many.

    Their bytes stay for some days, named by no row, until garbage collection takes them.
    """
    with database.read() as session:
        ids = session.scalars(
            select(LargeObject.id).where(LargeObject.idle_since < before).limit(AT_ONCE)
        ).all()
    gone = 0
    for object_id in ids:
        with database.write() as session:
            gone += _collect(session, object_id, before)
    return gone


def _collect(session: Session, object_id: int, before: datetime) -> bool:
    """Under the row's lock: whoever brings the same bytes again waits, then records them anew."""
    held = session.execute(
        select(LargeObject.id)
        .where(LargeObject.id == object_id, LargeObject.idle_since < before, _unlinked())
        .with_for_update()
    ).first()
    if held is None or blobs_are_kept(session):
        return False
    session.execute(delete(LargeObject).where(LargeObject.id == object_id))
    return True


@dataclass(frozen=True, slots=True)
class Stray:
    """Bytes of an upload that came to no end; `upload_id` where they are parts of a key."""

    key: str
    size: int
    upload_id: str | None = None


def stray(database: Database, blobs: BlobStore, *, before: datetime) -> Iterator[Stray]:
    """Unfinished bytes in the store, older than that, which no upload names any more."""
    with database.read() as session:
        live = set(session.scalars(select(Upload.key)))
    kept = set()
    for prefix in ("incoming/", "lfs/", "pack/", "xorb/"):
        for found in blobs.unfinished(prefix):
            if found.key in live or found.started >= before:
                kept.add(f"incoming/parts-{found.upload_id}/")
            else:
                yield Stray(found.key, 0, found.upload_id)
    for info in blobs.list("incoming/"):
        folder = info.key.rpartition("/")[0] + "/"
        if info.modified < before and info.key not in live and folder not in kept:
            yield Stray(info.key, info.size)


def sweep_stray(database: Database, blobs: BlobStore, *, before: datetime) -> list[Stray]:
    """Remove what is stray, for good: nobody was promised any of it."""
    gone = []
    for found in stray(database, blobs, before=before):
        if found.upload_id is not None:
            blobs.abort_parts(found.key, found.upload_id)
        else:
            blobs.delete(found.key)
        gone.append(found)
    return gone


def _unlinked() -> ColumnElement[bool]:
    return and_(
        ~exists().where(ObjectLink.object_id == LargeObject.id),
        ~exists().where(PendingLink.object_id == LargeObject.id),
    )


def handlers(objects: "Objects") -> dict[str, Handler]:
    """Jobs of this room: `objects.verify` an upload, `objects.expire` what is over, and those of
    `Conversion`."""

    def verify(payload: Mapping[str, object]) -> None:
        with contextlib.suppress(*objects.verification.NOT_THERE, uploads.UploadEnded):
            objects.verification.run(str(payload["token"]))

    return {
        "objects.verify": verify,
        "objects.expire": lambda _: expire(objects),
        **Conversion(objects).handlers(),
    }
