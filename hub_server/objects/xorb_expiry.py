"""Xorbs that no file is made of any more: kept while clients count on them, then forgotten."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.db import Database, now
from hub_server.db.tables.xet import XetTerm, Xorb, XorbRight
from hub_server.gitstore import blobs_are_kept

IDLE = timedelta(days=30)
"""Clients build on what they sent for three weeks, and cannot help themselves if it is gone."""
AT_ONCE = 500


def expire_xorbs(database: Database) -> None:
    """A part of the periodic job; each step may be cut off and done again."""
    expire_rights(database)
    mark_idle_xorbs(database)
    collect_idle_xorbs(database, before=now() - IDLE)


def expire_rights(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(XorbRight).where(XorbRight.expires_at < now()))


def mark_idle_xorbs(database: Database) -> None:
    """Note since when no file uses a xorb, and no longer where one does."""
    while _noted(database, Xorb.idle_since.is_(None), ~_used(), now()):
        pass
    while _noted(database, Xorb.idle_since.is_not(None), _used(), None):
        pass


def _noted(
    database: Database,
    noted: ColumnElement[bool],
    used: ColumnElement[bool],
    value: datetime | None,
) -> bool:
    """Change some; whether there may be more. Rows that others hold wait for the next turn."""
    with database.write() as session:
        some = select(Xorb.id).where(noted, used).order_by(Xorb.id).limit(AT_ONCE)
        ids = session.scalars(some.with_for_update(skip_locked=True)).all()
        change = update(Xorb).where(Xorb.id.in_(ids)).values(idle_since=value)
        session.execute(change.execution_options(synchronize_session=False))
    return len(ids) == AT_ONCE


def collect_idle_xorbs(database: Database, *, before: datetime) -> int:
    """Forget xorbs that no file has used since `before` and nobody has a right to any more;
    returns how many. Their bytes stay until garbage collection takes them."""
    with database.read() as session:
        some = select(Xorb.id).where(Xorb.idle_since < before, ~_needed()).limit(AT_ONCE)
        ids = session.scalars(some).all()
    gone = 0
    for xorb_id in ids:
        with database.write() as session:
            gone += _collect(session, xorb_id, before)
    return gone


def _collect(session: Session, xorb_id: int, before: datetime) -> bool:
    """Under the row's lock, for which whoever builds on the xorb waits; looks only then, as what
    they wrote is not seen by the statement that waited for them."""
    held = select(Xorb.id).where(Xorb.id == xorb_id, Xorb.idle_since < before)
    if session.scalar(held.with_for_update()) is None or blobs_are_kept(session):
        return False
    faults.point("xorb.collecting")
    if session.scalar(select(Xorb.id).where(Xorb.id == xorb_id, _needed())) is not None:
        return False
    session.execute(delete(Xorb).where(Xorb.id == xorb_id))
    return True


def _used() -> ColumnElement[bool]:
    return exists().where(XetTerm.xorb_id == Xorb.id)


def _needed() -> ColumnElement[bool]:
    right = exists().where(XorbRight.xorb_id == Xorb.id, XorbRight.expires_at > now())
    return or_(_used(), right)
