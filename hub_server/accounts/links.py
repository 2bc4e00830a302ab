"""One-time links: the first administrator's, and password resets that an administrator hands out.

Whoever opens such a link is asked for a new password; the link ends when it has been used.
"""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub_server.accounts import users
from hub_server.accounts.callers import digest
from hub_server.accounts.users import NewUser
from hub_server.db import now
from hub_server.db.tables.accounts import Account, OneTimeLink
from hub_server.errors import Gone

SETUP_LIFETIME = timedelta(days=365)
RESET_LIFETIME = timedelta(days=1)
Purpose = Literal["setup", "reset"]


class LinkEnded(Gone):
    def __init__(self) -> None:
        super().__init__(
            "This link has been used, has expired or was never valid; ask for another."
        )


def _make(session: Session, purpose: Purpose, user_id: int | None, life: timedelta) -> str:
    secret = secrets.token_urlsafe(24)
    session.add(
        OneTimeLink(hash=digest(secret), purpose=purpose, user_id=user_id, expires_at=now() + life)
    )
    session.flush()
    return secret


def ensure_setup_link(session: Session) -> str | None:
    """A secret for the page that makes the first administrator; None once there is one.

    Every start makes another, because only hashes are kept; all of them end with the first use.
    """
    if users.has_administrator(session):
        return None
    return _make(session, "setup", None, SETUP_LIFETIME)


def make_reset_link(session: Session, user: Account) -> str:
    """A secret that lets `user` choose a password within a day; earlier ones end."""
    session.execute(
        delete(OneTimeLink).where(OneTimeLink.user_id == user.id, OneTimeLink.purpose == "reset")
    )
    return _make(session, "reset", user.id, RESET_LIFETIME)


def check_setup_link(session: Session, secret: str) -> None:
    """Raise LinkEnded unless the link still makes an administrator."""
    if users.has_administrator(session) or not _living(session, "setup", secret):
        raise LinkEnded


def check_reset_link(session: Session, secret: str) -> Account:
    """Whose password the link changes; LinkEnded if it no longer does."""
    link = _living(session, "reset", secret)
    if link is None or link.user_id is None:
        raise LinkEnded
    return users.user_by_id(session, link.user_id)


def _living(session: Session, purpose: Purpose, secret: str) -> OneTimeLink | None:
    return session.execute(
        select(OneTimeLink).where(
            OneTimeLink.hash == digest(secret),
            OneTimeLink.purpose == purpose,
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now(),
        )
    ).scalar_one_or_none()


def create_first_administrator(session: Session, secret: str, new: NewUser) -> Account:
    """Use a setup link; of several people at once one succeeds, the others get LinkEnded."""
    check_setup_link(session, secret)
    taken = session.execute(  # every link at once: this is the lock that the first one wins
        update(OneTimeLink)
        .where(OneTimeLink.purpose == "setup", OneTimeLink.used_at.is_(None))
        .values(used_at=now())
        .returning(OneTimeLink.hash)
        .execution_options(synchronize_session=False)
    ).scalars()
    if digest(secret) not in set(taken):
        raise LinkEnded
    return users.create_user(session, replace(new, is_admin=True))


def reset_password(session: Session, secret: str, password_hash: str) -> Account:
    """Use a reset link: the new password counts, and all browser sessions end."""
    user = check_reset_link(session, secret)
    used = session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.hash == digest(secret), OneTimeLink.used_at.is_(None))
        .values(used_at=now())
        .returning(OneTimeLink.hash)
        .execution_options(synchronize_session=False)
    ).first()
    if used is None:
        raise LinkEnded
    users.set_password(session, user, password_hash)
    return user
