"""Guessing passwords gets slow, without locking out a class behind one address.

Three counters in SQL, shared by all workers and nodes. One account from one address: free tries,
then a delay that doubles. One account from everywhere: a high cap, which does not touch addresses
its owner has signed in from. One address: a cap far above what a class gets wrong. Every try is
counted before the password is looked at, so that many at once gain nothing.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, or_, select, update
from sqlalchemy.orm import Session

from hub_server.db import now, upsert
from hub_server.db.tables.accounts import Throttle
from hub_server.errors import Forbidden

FREE_TRIES = 5
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(minutes=15)
PAIR_WINDOW = timedelta(hours=1)
ACCOUNT_CAP = 100
ADDRESS_CAP = 600
CAP_WINDOW = timedelta(minutes=15)
KNOWN_FOR = timedelta(days=60)


class SignInThrottled(Forbidden):
    """403, because clients repeat a 429 by themselves."""

    def __init__(self, seconds: int) -> None:
        minutes = -(-seconds // 60)
        super().__init__(
            "Too many wrong passwords. Try again in {seconds} seconds, or ask an administrator "
            "for a link to set a new one."
            if seconds < 2 * 60
            else "Too many wrong passwords. Try again in {minutes} minutes, or ask an "
            "administrator for a link to set a new one.",
            seconds=seconds,
            minutes=minutes,
        )
        self.seconds = seconds


@dataclass(frozen=True)
class _Keys:
    pair: str
    account: str
    address: str
    known: str


def _keys(login: str, address: str) -> _Keys:
    # The name is hashed: it is whatever somebody typed, maybe a password by mistake.
    who = hashlib.sha256(login.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
    where = hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()[:32]
    return _Keys(
        f"pair:{who}:{where}", f"account:{who}", f"address:{where}", f"known:{who}:{where}"
    )


def count_try(session: Session, login: str, address: str) -> None:
    """Call before looking at a password, in a transaction that is kept whatever comes of it.

    Raises SignInThrottled, and then counts nothing.
    """
    keys, time = _keys(login, address), now()
    for key in (keys.pair, keys.account, keys.address):  # in one order everywhere: no deadlock
        _ensure(session, key, time)
    rows = session.execute(
        select(Throttle.key, Throttle.failures, Throttle.blocked_until, Throttle.window_ends_at)
        .where(Throttle.key.in_([keys.pair, keys.account, keys.address, keys.known]))
        .order_by(Throttle.key)
        .with_for_update()
    ).all()
    found = {row.key: row for row in rows}
    is_known = keys.known in found and found[keys.known].window_ends_at > time
    _refuse_until(found[keys.pair].blocked_until, time)
    if not is_known and found[keys.account].failures >= ACCOUNT_CAP:
        _refuse_until(found[keys.account].window_ends_at, time)
    if found[keys.address].failures >= ADDRESS_CAP:
        _refuse_until(found[keys.address].window_ends_at, time)
    _add(session, keys.pair, _blocked_until(found[keys.pair].failures + 1, time))
    _add(session, keys.account, None)
    _add(session, keys.address, None)


def _ensure(session: Session, key: str, time: datetime) -> None:
    """A row for the counter, at zero if there was none or its window ended."""
    ends = time + (PAIR_WINDOW if key.startswith("pair:") else CAP_WINDOW)
    ended = Throttle.window_ends_at <= time
    upsert(
        session,
        Throttle,
        {"key": key, "failures": 0, "window_ends_at": ends, "blocked_until": None},
        key=["key"],
        update={
            "failures": case((ended, 0), else_=Throttle.failures),
            "blocked_until": case((ended, None), else_=Throttle.blocked_until),
            "window_ends_at": case((ended, ends), else_=Throttle.window_ends_at),
        },
    )


def _refuse_until(moment: datetime | None, time: datetime) -> None:
    if moment is not None and moment > time:
        raise SignInThrottled(max(1, -(-int((moment - time).total_seconds() * 1000) // 1000)))


def _blocked_until(failures: int, time: datetime) -> datetime | None:
    if failures < FREE_TRIES:
        return None
    doublings: int = min(failures - FREE_TRIES, 16)
    delay: timedelta = min(FIRST_DELAY * 2**doublings, LONGEST_DELAY)
    return time + delay


def _add(session: Session, key: str, blocked_until: datetime | None) -> None:
    values: dict[str, object] = {"failures": Throttle.failures + 1}
    if blocked_until is not None:
        values |= {"blocked_until": blocked_until, "window_ends_at": blocked_until + PAIR_WINDOW}
    session.execute(
        update(Throttle)
        .where(Throttle.key == key)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def succeeded(session: Session, login: str, address: str) -> None:
    """The try was right: it does not count, and this address is known to belong to the account."""
    keys, time = _keys(login, address), now()
    for key in (keys.pair, keys.account):
        session.execute(delete(Throttle).where(Throttle.key == key))
    session.execute(
        update(Throttle)
        .where(Throttle.key == keys.address, Throttle.failures > 0)
        .values(failures=Throttle.failures - 1)
        .execution_options(synchronize_session=False)
    )
    known = {"key": keys.known, "failures": 0, "window_ends_at": time + KNOWN_FOR}
    upsert(session, Throttle, known, key=["key"], update=["window_ends_at"])


def forget_ended(session: Session) -> None:
    """Counters whose time is over; a clean-up job calls this now and then."""
    time = now()
    session.execute(
        delete(Throttle).where(
            Throttle.window_ends_at <= time,
            or_(Throttle.blocked_until.is_(None), Throttle.blocked_until <= time),
        )
    )
