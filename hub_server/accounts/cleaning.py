"""What nobody needs any more: ended sessions, counters, links and invitations."""

from datetime import timedelta

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from hub_server.accounts import sessions, throttling
from hub_server.db import now
from hub_server.db.tables.accounts import Invitation, OneTimeLink

KEPT = timedelta(days=30)


def clean_up(session: Session) -> None:
    """Delete rows whose time is over; a job does this now and then. Expired tokens stay listed."""
    sessions.forget_expired(session)
    throttling.forget_ended(session)
    time = now()
    session.execute(
        delete(OneTimeLink).where(
            or_(OneTimeLink.expires_at < time, OneTimeLink.used_at < time - KEPT)
        )
    )
    session.execute(
        delete(Invitation).where(
            or_(Invitation.expires_at < time - KEPT, Invitation.revoked_at < time - KEPT)
        )
    )
