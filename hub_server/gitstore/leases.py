"""Doing a thing alone across nodes: leases by the database's clock, with a fencing token.

A holder may be slow and not know that its lease ran out; so whatever it commits is committed
together with `check`, which refuses a fence that is no longer the newest.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub_server.db import Database, database_clock, insert_ignore
from hub_server.db.tables.git import Lease
from hub_server.errors import Conflict, HubError

log = structlog.get_logger("hub.leases")

HOLD = 60.0
"""Seconds after which others may take over what a dead process held."""


class LeaseLost(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__("Another process has taken over {name}.", name=name)


@dataclass(frozen=True, slots=True)
class Held:
    name: str
    fence: int
    expires_at: datetime


def acquire(session: Session, name: str, seconds: float) -> Held | None:
    """Hold `name` for so long, or None while somebody else does. In a write unit."""
    clock = database_clock(session)
    ends = clock + timedelta(seconds=seconds)
    if insert_ignore(session, Lease, {"name": name, "fence": 1, "expires_at": ends}):
        return Held(name, 1, ends)
    fence = session.scalar(select(Lease.fence).where(Lease.name == name).with_for_update())
    taken: Any = session.execute(
        update(Lease)
        .where(Lease.name == name, Lease.fence == fence, Lease.expires_at <= clock)
        .values(fence=Lease.fence + 1, expires_at=ends)
    )
    return Held(name, int(fence or 0) + 1, ends) if taken.rowcount else None


def renew(session: Session, held: Held, seconds: float) -> Held:
    """The same lease for longer; raises LeaseLost if somebody took it over."""
    ends = database_clock(session) + timedelta(seconds=seconds)
    _under_fence(session, held, ends)
    return Held(held.name, held.fence, ends)


def check(session: Session, held: Held) -> None:
    """Raise LeaseLost unless this is still the newest holder; call it where the work commits."""
    newest = session.scalar(select(Lease.fence).where(Lease.name == held.name).with_for_update())
    if newest != held.fence:
        raise LeaseLost(held.name)


def release(session: Session, held: Held) -> None:
    """Let others have it at once; the row stays, so that the fence goes on growing."""
    _under_fence(session, held, database_clock(session))


@contextmanager
def hold(database: Database, name: str, seconds: float = HOLD) -> Iterator[Held | None]:
    """Hold `name` while the block runs, renewed by a thread; None while somebody else does.

    The block is not told when the lease is lost: `check` is, where its work commits.
    """
    with database.write() as session:
        held = acquire(session, name, seconds)
    if held is None:
        yield None
        return
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(database, held, seconds, done), daemon=True)
    keeper.start()
    try:
        yield held
    finally:
        done.set()
        keeper.join()
        _give_back(database, held)


def _keep(database: Database, held: Held, seconds: float, done: threading.Event) -> None:
    while not done.wait(seconds / 3):
        try:
            with database.write() as session:
                renew(session, held, seconds)
        except LeaseLost:
            return
        except HubError as failure:
            log.warning("lease not renewed", name=held.name, error=str(failure))


def _give_back(database: Database, held: Held) -> None:
    try:
        with database.write() as session:
            release(session, held)
    except HubError as failure:  # lost, or no database: then it runs out by itself
        log.info("lease not given back", name=held.name, error=str(failure))


def _under_fence(session: Session, held: Held, ends: datetime) -> None:
    done: Any = session.execute(
        update(Lease)
        .where(Lease.name == held.name, Lease.fence == held.fence)
        .values(expires_at=ends)
    )
    if not done.rowcount:
        raise LeaseLost(held.name)
