"""The catalog's clock: writers of the index take turns at it, readers learn what is new by it."""

import secrets
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub_server.db import insert_ignore
from hub_server.db.tables.catalog import CatalogClock

ROW = 1


class Moment(NamedTuple):
    """What a transaction sees of the index. Versions of another epoch compare with nothing."""

    epoch: str
    version: int


NEVER = Moment("", 0)


def moment(session: Session) -> Moment:
    """NEVER before anything was indexed."""
    found = session.connection().execute(
        select(CatalogClock.epoch, CatalogClock.version).where(CatalogClock.id == ROW)
    )
    row = found.one_or_none()
    return Moment(*row) if row else NEVER


def tick(session: Session) -> int:
    """A version that nobody has, and the turn to write until the transaction ends.

    Rows of `repo` that the transaction changes are locked before, other rows of the index after.
    """
    version = _advance(session)
    if version is None:
        insert_ignore(session, CatalogClock, {"id": ROW, "epoch": _new_epoch(), "version": 0})
        version = _advance(session)
    assert version is not None  # noqa: S101 - there is a row by now
    return version


def begin_epoch(session: Session) -> int:
    """As `tick`, where sets were made anew: what anybody remembers of them is worth nothing."""
    version = tick(session)
    session.execute(update(CatalogClock).where(CatalogClock.id == ROW).values(epoch=_new_epoch()))
    return version


def _advance(session: Session) -> int | None:
    statement = (
        update(CatalogClock)
        .where(CatalogClock.id == ROW)
        .values(version=CatalogClock.version + 1)
        .returning(CatalogClock.version)
    )
    return session.connection().execute(statement).scalar_one_or_none()


def _new_epoch() -> str:
    return secrets.token_hex(8)
