"""Browser sessions: a random cookie, kept as a hash, ended by signing out or by time.

A session lives as long again after each use as it was given at first: half a day, or a month for
those who stay signed in.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub_server.accounts.callers import TOUCH_EVERY, digest
from hub_server.db import now
from hub_server.db.tables.accounts import BrowserSession
from hub_server.errors import NotFound

SHORT = timedelta(hours=12)
LONG = timedelta(days=30)
MAX_USER_AGENT = 300


def open_session(
    session: Session, user_id: int, *, stay: bool = False, user_agent: str = ""
) -> tuple[str, timedelta | None]:
    """The cookie's value and its age, None for a cookie that the browser forgets when it closes."""
    secret = secrets.token_urlsafe(32)
    lifetime = LONG if stay else SHORT
    time = now()
    session.add(
        BrowserSession(
            hash=digest(secret),
            user_id=user_id,
            created_at=time,
            seen_at=time,
            expires_at=time + lifetime,
            user_agent="".join(filter(str.isprintable, user_agent))[:MAX_USER_AGENT],
        )
    )
    session.flush()
    return secret, lifetime if stay else None


def close_session(session: Session, session_hash: str) -> None:
    """Sign out; no error if it ended already."""
    session.execute(delete(BrowserSession).where(BrowserSession.hash == session_hash))


def touch_session(session: Session, session_hash: str) -> None:
    """Record the use and live on for the time given at first; at most once a minute."""
    row = session.execute(
        select(BrowserSession.seen_at, BrowserSession.expires_at).where(
            BrowserSession.hash == session_hash
        )
    ).one_or_none()
    time = now()
    if row is None or row.seen_at >= time - TOUCH_EVERY:
        return
    session.execute(
        update(BrowserSession)
        .where(BrowserSession.hash == session_hash, BrowserSession.seen_at == row.seen_at)
        .values(seen_at=time, expires_at=time + (row.expires_at - row.seen_at))
    )


def list_sessions(session: Session, user_id: int) -> Sequence[BrowserSession]:
    """Those that still live, last seen first."""
    return session.scalars(
        select(BrowserSession)
        .where(BrowserSession.user_id == user_id, BrowserSession.expires_at > now())
        .order_by(BrowserSession.seen_at.desc())
    ).all()


def end_session(session: Session, user_id: int, session_hash: str) -> None:
    """Sign out one browser of a user; NotFound for one that ended, or somebody else's."""
    ended = session.execute(
        delete(BrowserSession)
        .where(BrowserSession.hash == session_hash, BrowserSession.user_id == user_id)
        .returning(BrowserSession.hash)
    ).first()
    if ended is None:
        raise NotFound("That browser is signed out already.")


def forget_expired(session: Session) -> None:
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= now()))
