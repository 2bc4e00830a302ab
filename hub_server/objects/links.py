"""Who may use which object: links of repositories, and readers' links that wait for a commit.

An oid is never a capability: an object is readable only through a repository that links it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import and_, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, can_read, visible_clause
from hub_server.db import insert_ignore, now, upsert
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.objects import (
    LargeObject,
    ObjectForm,
    ObjectLink,
    PendingLink,
    RemovedLink,
)
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.xet import XetFile
from hub_server.errors import Forbidden, Unavailable, Unprocessable

PENDING_HOURS = 24
MANY = 2_000


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A verified object. `pending` marks one that only its uploader may use as yet.

    `xet` is its file hash where it is stored as chunks; `plain` tells whether it is stored as it
    is. One of them holds, and both may.
    """

    id: int
    sha256: str
    size: int
    pending: bool = False
    xet: str | None = None
    plain: bool = True


@dataclass(frozen=True, slots=True)
class LinkedObject:
    """A row of a repository's list of large files."""

    id: int
    sha256: str
    size: int
    linked_at: datetime
    uploader: str | None


class TooManyPending(Forbidden):
    def __init__(self, most: int) -> None:
        super().__init__(
            "You have {most} uploads that no commit names yet. Commit them, or wait a day.",
            most=most,
        )


class ObjectsGone(Unprocessable):
    def __init__(self, sha256s: Sequence[str]) -> None:
        super().__init__(
            "Large files that are not stored here: {oids}. Upload them, then commit again.",
            oids=", ".join(sha256s[:20]),
        )


def object_key(sha256: str) -> str:
    """Where the plain form lies in the blob store."""
    return f"lfs/{sha256}"


_FACTS = (LargeObject.id, LargeObject.sha256, LargeObject.size)


def lookup(session: Session, sha256: str) -> ObjectInfo | None:
    """The object, whoever may use it; says nothing about permission."""
    row = session.execute(_with_forms(*_FACTS).where(LargeObject.sha256 == sha256)).first()
    return _info(row) if row else None


def _with_forms(*columns: Any) -> Any:
    """A choice of large objects, which tells in what forms they are stored."""
    plain = and_(ObjectForm.object_id == LargeObject.id, ObjectForm.form == "plain")
    return (
        select(*columns, XetFile.hash.label("xet"), ObjectForm.key.label("plain"))
        .select_from(LargeObject)
        .outerjoin(XetFile, XetFile.object_id == LargeObject.id)
        .outerjoin(ObjectForm, plain)
    )


def _info(row: Any, *, pending: bool = False) -> ObjectInfo:
    return ObjectInfo(row.id, row.sha256, row.size, pending, row.xet, row.plain is not None)


def is_linked(
    session: Session, repo_id: int, sha256s: Collection[str], *, user_id: int | None = None
) -> dict[str, ObjectInfo]:
    """Those of the oids that the repository may use, and this user's own that are waiting."""
    found: dict[str, ObjectInfo] = {}
    for some in portions(sorted(set(sha256s))):
        statement = (
            _with_forms(*_FACTS, literal(0).label("waits"))
            .join(ObjectLink, ObjectLink.object_id == LargeObject.id)
            .where(ObjectLink.repo_id == repo_id, LargeObject.sha256.in_(some))
        )
        rows: Any = statement
        if user_id is not None:
            rows = statement.union_all(_own_pending(repo_id, user_id, some))
        for row in session.execute(rows):
            if row.sha256 not in found or not row.waits:
                found[row.sha256] = _info(row, pending=bool(row.waits))
    return found


def _own_pending(repo_id: int, user_id: int, sha256s: Sequence[str]) -> Any:
    return (
        _with_forms(*_FACTS, literal(1).label("waits"))
        .join(PendingLink, PendingLink.object_id == LargeObject.id)
        .where(PendingLink.user_id == user_id, PendingLink.repo_id == repo_id)
        .where(PendingLink.expires_at > now(), LargeObject.sha256.in_(sha256s))
    )


def provable(session: Session, caller: Caller, sha256s: Collection[str]) -> dict[str, ObjectInfo]:
    """Those of the oids that the caller can read already, or has uploaded: proof for a link.

    A fine-grained token proves nothing by uploads: its user made them with greater rights.
    """
    found: dict[str, ObjectInfo] = {}
    for some in portions(sorted(set(sha256s))):
        if caller.user_id is not None and not is_narrow(caller):
            mine = (ObjectLink.uploader_id, PendingLink.user_id)
            uploaded = or_(
                exists().where(ObjectLink.object_id == LargeObject.id, mine[0] == caller.user_id),
                exists().where(PendingLink.object_id == LargeObject.id, mine[1] == caller.user_id),
            )
            for row in session.execute(
                _with_forms(*_FACTS).where(LargeObject.sha256.in_(some), uploaded)
            ):
                found[row.sha256] = _info(row)
        rest = [sha256 for sha256 in some if sha256 not in found]
        readable = (
            _with_forms(*_FACTS, Repo)
            .join(ObjectLink, ObjectLink.object_id == LargeObject.id)
            .join(Repo, Repo.id == ObjectLink.repo_id)
            .where(LargeObject.sha256.in_(rest), visible_clause(caller))
            .limit(MANY)
        )
        for row in session.execute(readable):
            if row.sha256 not in found and can_read(caller, row.Repo):
                found[row.sha256] = _info(row)
    return found


def is_narrow(caller: Caller) -> bool:
    """Whether it came with a token that may less than its user."""
    return caller.token is not None and caller.token.role == "fine-grained"


def readable_elsewhere(session: Session, caller: Caller, sha256: str) -> ObjectInfo | None:
    """The object, if `provable` by the caller."""
    return provable(session, caller, [sha256]).get(sha256)


def record(session: Session, sha256: str, size: int) -> int:
    """The id of a verified object whose plain form lies in the store; made if there is none. Held
    until the transaction ends, so that it is not collected before it is linked."""
    object_id = take(session, sha256, size)
    form = {"object_id": object_id, "form": "plain", "key": object_key(sha256)}
    insert_ignore(session, ObjectForm, {**form, "size": size, "created_at": now()})
    return object_id


def take(session: Session, sha256: str, size: int) -> int:
    """The same for an object of which the caller records a form."""
    for _ in range(3):
        insert_ignore(session, LargeObject, {"sha256": sha256, "size": size, "created_at": now()})
        held = select(LargeObject.id).where(LargeObject.sha256 == sha256)
        object_id = session.scalar(held.with_for_update())
        if object_id is not None:
            return object_id
    raise Unavailable("The object is being removed; send it again.", retry_after=1)


def link(
    session: Session,
    repo_id: int,
    object_id: int,
    user_id: int | None,
    *,
    pending: bool = False,
    pending_limit: int | None = None,
) -> None:
    """Let the repository use the object. The proof has been checked by the caller of this.

    With `pending`, let only this user use it there, for a day. Raises TooManyPending.
    """
    if pending and user_id is not None:
        _link_pending(session, repo_id, object_id, user_id, pending_limit)
        _not_idle(session, [object_id])
    else:
        _insert(session, repo_id, [object_id], user_id)


def _insert(session: Session, repo_id: int, object_ids: Sequence[int], user_id: int | None) -> None:
    row = {"repo_id": repo_id, "uploader_id": user_id, "created_at": now()}
    insert_ignore(session, ObjectLink, [{**row, "object_id": each} for each in object_ids])
    _not_idle(session, object_ids)


def _not_idle(session: Session, object_ids: Sequence[int]) -> None:
    session.execute(
        update(LargeObject)
        .where(LargeObject.id.in_(object_ids), LargeObject.idle_since.is_not(None))
        .values(idle_since=None)
        .execution_options(synchronize_session=False)
    )


def _link_pending(
    session: Session, repo_id: int, object_id: int, user_id: int, limit: int | None
) -> None:
    if limit is not None and count_pending(session, user_id) >= limit:
        here = (PendingLink.user_id == user_id, PendingLink.repo_id == repo_id)
        if not session.scalar(
            select(func.count()).where(*here, PendingLink.object_id == object_id)
        ):
            raise TooManyPending(limit)
    row = {"user_id": user_id, "repo_id": repo_id, "object_id": object_id}
    upsert(
        session,
        PendingLink,
        {**row, "expires_at": now() + timedelta(hours=PENDING_HOURS)},
        key=("user_id", "repo_id", "object_id"),
        update=("expires_at",),
    )


def count_pending(session: Session, user_id: int) -> int:
    return session.scalar(select(func.count()).where(PendingLink.user_id == user_id)) or 0


def claim(session: Session, repo_id: int, sha256s: Collection[str], user_id: int | None) -> None:
    """A commit names them and every proof has been checked: they become the repository's.

    Raises ObjectsGone if one of them is no longer stored.
    """
    for some in portions(sorted(set(sha256s))):
        columns = select(LargeObject.sha256, LargeObject.id).where(LargeObject.sha256.in_(some))
        ids = dict(session.execute(columns.with_for_update(read=True)).all())
        if missing := [sha256 for sha256 in some if sha256 not in ids]:
            raise ObjectsGone(missing)
        _insert(session, repo_id, list(ids.values()), user_id)
        mine = (PendingLink.user_id == user_id, PendingLink.repo_id == repo_id)
        session.execute(delete(PendingLink).where(*mine, PendingLink.object_id.in_(ids.values())))


def hold(session: Session, object_id: int) -> None:
    """Until the transaction ends, nobody else records this object."""
    session.execute(select(LargeObject.id).where(LargeObject.id == object_id).with_for_update())


def forget_plain(session: Session, object_id: int) -> None:
    """Take back the record of a plain form whose bytes are gone; with its object and all links
    where that was the only form."""
    if session.scalar(select(XetFile.object_id).where(XetFile.object_id == object_id)) is None:
        forget(session, object_id)
    else:
        session.execute(delete(ObjectForm).where(ObjectForm.object_id == object_id))


def forget(session: Session, object_id: int) -> None:
    """Take back the record of an object whose bytes are gone, with all its links."""
    for table in (ObjectLink, PendingLink):
        session.execute(delete(table).where(table.object_id == object_id))
    session.execute(delete(LargeObject).where(LargeObject.id == object_id))


def unlink(session: Session, repo_id: int, sha256s: Collection[str]) -> int:
    """Take the objects from the repository; returns how many it had.

    That it was done is noted, so that pointers of old commits do not count as damage.
    """
    gone = 0
    for some in portions(sorted(set(sha256s))):
        linked = is_linked(session, repo_id, some)
        ids = [info.id for info in linked.values()]
        mine = delete(ObjectLink).where(
            ObjectLink.repo_id == repo_id, ObjectLink.object_id.in_(ids)
        )
        result: Any = session.execute(mine)
        gone += int(result.rowcount)
        row = {"repo_id": repo_id, "removed_at": now()}
        insert_ignore(session, RemovedLink, [{**row, "sha256": each} for each in linked])
    return gone


def removed(session: Session, repo_id: int, sha256s: Collection[str]) -> set[str]:
    """Those of the oids that were taken from the repository on purpose, at some time."""
    found: set[str] = set()
    for some in portions(sorted(set(sha256s))):
        noted = select(RemovedLink.sha256).where(RemovedLink.repo_id == repo_id)
        found.update(session.scalars(noted.where(RemovedLink.sha256.in_(some))))
    return found


def copy_links(session: Session, source_id: int, target_id: int, user_id: int | None) -> None:
    """Everything one repository may use, for its duplicate too; the caller may read the source."""
    ids = session.scalars(select(ObjectLink.object_id).where(ObjectLink.repo_id == source_id))
    for some in portions(ids.all()):
        _insert(session, target_id, some, user_id)


def list_linked(
    session: Session, repo_id: int, *, after: int = 0, limit: int = 100
) -> list[LinkedObject]:
    """The repository's large files, oldest object first, from the one after id `after` on."""
    statement = (
        select(
            LargeObject.id,
            LargeObject.sha256,
            LargeObject.size,
            ObjectLink.created_at,
            Account.name,
        )
        .join(ObjectLink, ObjectLink.object_id == LargeObject.id)
        .outerjoin(Account, Account.id == ObjectLink.uploader_id)
        .where(ObjectLink.repo_id == repo_id, LargeObject.id > after)
        .order_by(LargeObject.id)
        .limit(limit)
    )
    return [LinkedObject(*row) for row in session.execute(statement)]


T = TypeVar("T")


def portions(items: Iterable[T], most: int = MANY) -> Iterator[list[T]]:
    """As many at a time as a statement takes parameters."""
    walker = iter(items)
    while some := list(islice(walker, most)):
        yield some
