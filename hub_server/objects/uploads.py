"""Rows of uploads in parts: begun or found again, parts noted, claimed for verification.

Plain functions on a session; `Objects` moves the bytes between their transactions.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, cast

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from hub_server.db import database_clock, now, upsert
from hub_server.db.tables.objects import Upload, UploadPart
from hub_server.errors import Conflict, Gone, Unavailable
from hub_server.objects.access import Claim

LIFETIME = timedelta(hours=24)
LEASE = timedelta(seconds=15)
"""For so long nobody else verifies, and no part may come; the one at work renews it."""
QUEUED = timedelta(minutes=10)
"""The same while a job has yet to begin."""
State = Literal["open", "verifying", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An upload in parts that somebody asks for; `direct` goes past the hub."""

    claim: Claim
    sha256: str
    size: int
    part_size: int
    direct: bool


@dataclass(frozen=True, slots=True)
class UploadInfo:
    """An upload in parts as a request sees it; no row is held."""

    id: int
    token: str
    claim: Claim
    sha256: str
    size: int
    direct: bool
    key: str
    store_upload_id: str
    part_size: int
    state: State
    error: str | None

    @property
    def count(self) -> int:
        """Number of parts; they are numbered from 1."""
        return max(1, -(-self.size // self.part_size))

    def part_length(self, number: int) -> int:
        """Bytes of a part. Raises Conflict for a number that the upload has not."""
        if not 1 <= number <= self.count:
            raise Conflict("This upload has parts 1 to {count}.", count=self.count)
        return min(self.part_size, self.size - (number - 1) * self.part_size)


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that came through the hub, with the sha256 of its bytes."""

    number: int
    size: int
    etag: str
    sha256: str


class UploadEnded(Gone):
    def __init__(self) -> None:
        super().__init__("This upload has ended or is unknown; ask for a new one.")


def _info(row: Upload) -> UploadInfo:
    return UploadInfo(
        id=row.id,
        token=row.token,
        claim=Claim(row.repo_id, row.user_id, row.pending),
        sha256=row.sha256,
        size=row.size,
        direct=row.direct,
        key=row.key,
        store_upload_id=row.store_upload_id,
        part_size=row.part_size,
        state=cast(State, row.state),
        error=row.error,
    )


def reusable(session: Session, wanted: Wanted) -> UploadInfo | None:
    """The same user's unfinished upload of the same bytes; it lives on for another day.

    One whose verification was cut off is left to its token: its parts may be joined already.
    """
    claim = wanted.claim
    unharmed = or_(Upload.lease_ends_at.is_(None), Upload.lease_ends_at > database_clock(session))
    row = session.scalars(
        select(Upload)
        .where(Upload.repo_id == claim.repo_id, Upload.user_id == claim.user_id)
        .where(Upload.sha256 == wanted.sha256, Upload.size == wanted.size)
        .where(Upload.direct.is_(wanted.direct), Upload.part_size == wanted.part_size)
        .where(Upload.state.in_(("open", "verifying")), Upload.expires_at > now(), unharmed)
        .order_by(Upload.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    row.expires_at = now() + LIFETIME
    row.pending = claim.pending
    session.flush()
    return _info(row)


def add(session: Session, wanted: Wanted, key: str, store_upload_id: str) -> UploadInfo:
    row = Upload(
        token=secrets.token_hex(16),
        repo_id=wanted.claim.repo_id,
        user_id=wanted.claim.user_id,
        pending=wanted.claim.pending,
        sha256=wanted.sha256,
        size=wanted.size,
        part_size=wanted.part_size,
        direct=wanted.direct,
        key=key,
        store_upload_id=store_upload_id,
        state="open",
        expires_at=now() + LIFETIME,
    )
    session.add(row)
    session.flush()
    return _info(row)


def find(session: Session, token: str) -> UploadInfo:
    """Raises UploadEnded."""
    row = session.scalars(select(Upload).where(Upload.token == token)).first()
    if row is None:
        raise UploadEnded
    return _info(row)


def unsettled(session: Session, repo_id: int, user_id: int, sha256s: list[str]) -> list[UploadInfo]:
    """This user's uploads of these objects that were begun and not verified as yet."""
    rows = session.scalars(
        select(Upload)
        .where(Upload.repo_id == repo_id, Upload.user_id == user_id)
        .where(Upload.sha256.in_(sha256s), Upload.state.in_(("open", "verifying")))
        .where(Upload.expires_at > now())
    )
    return [_info(row) for row in rows]


def expect_part(session: Session, upload: UploadInfo, number: int) -> None:
    """Note that a part is arriving, so that nobody completes the upload meanwhile.

    Raises Unavailable while it is being verified, UploadEnded.
    """
    columns = select(Upload.state, Upload.lease_ends_at).where(Upload.id == upload.id)
    held = session.execute(columns.with_for_update()).first()
    if held is None or held.state not in ("open", "verifying"):
        raise UploadEnded
    if held.lease_ends_at is not None:
        if held.lease_ends_at > database_clock(session):
            raise Unavailable("This upload is being verified.", retry_after=5)
        raise UploadEnded
    upsert(
        session,
        UploadPart,
        {
            "upload_id": upload.id,
            "number": number,
            "size": upload.part_length(number),
            "etag": None,
            "sha256": None,
        },
        key=("upload_id", "number"),
        update=("size", "etag", "sha256"),
    )


def keep_part(session: Session, upload: UploadInfo, part: StoredPart) -> None:
    session.execute(
        update(UploadPart)
        .where(UploadPart.upload_id == upload.id, UploadPart.number == part.number)
        .values(size=part.size, etag=part.etag, sha256=part.sha256)
    )


def stored_parts(session: Session, upload: UploadInfo) -> list[StoredPart]:
    """Parts that are whole, by number."""
    columns = (UploadPart.number, UploadPart.size, UploadPart.etag, UploadPart.sha256)
    rows = session.execute(
        select(*columns)
        .where(UploadPart.upload_id == upload.id, UploadPart.sha256.is_not(None))
        .order_by(UploadPart.number)
    )
    return [StoredPart(number, size, etag or "", sha or "") for number, size, etag, sha in rows]


def begin_verifying(session: Session, upload: UploadInfo, *, queued: bool = False) -> bool:
    """Take the upload for verification; False if another has it, or it has ended.

    A job says `queued`, as nobody else takes what waits for one. Raises Unavailable while parts
    are still arriving.
    """
    time = database_clock(session)
    free = or_(Upload.lease_ends_at.is_(None), Upload.lease_ends_at < time)
    if queued:
        free = or_(free, Upload.state == "open")
    changed: Any = session.execute(
        update(Upload)
        .where(Upload.id == upload.id, Upload.state.in_(("open", "verifying")), free)
        .values(state="verifying", lease_ends_at=time + LEASE)
    )
    if not changed.rowcount:
        return False
    arriving = select(func.count()).where(
        UploadPart.upload_id == upload.id, UploadPart.sha256.is_(None)
    )
    if session.scalar(arriving):
        raise Unavailable("Parts of this upload are still arriving.", retry_after=2)
    return True


def hold(session: Session, upload: UploadInfo) -> None:
    """Keep the lease of a verification that takes long."""
    session.execute(
        update(Upload)
        .where(Upload.id == upload.id, Upload.state == "verifying")
        .values(lease_ends_at=database_clock(session) + LEASE)
    )


def end(session: Session, upload: UploadInfo, state: State, error: str | None = None) -> None:
    """Leave `verifying` for good; the row is kept for a day."""
    _leave(session, upload, {"state": state, "error": error, "lease_ends_at": None})
    session.execute(delete(UploadPart).where(UploadPart.upload_id == upload.id))


def reopen(session: Session, upload: UploadInfo, *, joined: bool, queued: bool) -> None:
    """Leave `verifying` for another try: by a job if `queued`, else by whoever completes it.

    Once its parts are `joined` an upload takes no more of them.
    """
    lease = database_clock(session) + QUEUED if queued else database_clock(session)
    _leave(session, upload, {"state": "open", "lease_ends_at": lease if joined else None})


def _leave(session: Session, upload: UploadInfo, values: Mapping[str, object]) -> None:
    session.execute(
        update(Upload).where(Upload.id == upload.id, Upload.state == "verifying").values(values)
    )


def pop_expired(session: Session, *, limit: int = 500) -> list[UploadInfo]:
    """Forget uploads whose day is over; the caller removes their bytes."""
    time = database_clock(session)
    rows = session.scalars(
        select(Upload)
        .where(Upload.expires_at < now())
        .where(or_(Upload.lease_ends_at.is_(None), Upload.lease_ends_at < time))
        .limit(limit)
    ).all()
    expired = [_info(row) for row in rows]
    session.execute(delete(Upload).where(Upload.id.in_([each.id for each in expired])))
    return expired
