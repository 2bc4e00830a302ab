"""Invitations: a link with an expiry and a number of uses, that may lead into an organization."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from hub_server.accounts import orgs, users
from hub_server.accounts.callers import Role, digest
from hub_server.accounts.users import NewUser
from hub_server.db import now
from hub_server.db.tables.accounts import Account, Invitation, Membership
from hub_server.errors import BadRequest, Forbidden, Gone, NotFound

LIFETIME = timedelta(days=14)
SignupMode = Literal["open", "invite", "closed"]


class InvitationEnded(Gone):
    def __init__(self) -> None:
        super().__init__(
            "This invitation has expired, was used up or revoked, or never existed; "
            "ask for another."
        )


class SignupClosed(Forbidden):
    pass


@dataclass(frozen=True)
class NewInvitation:
    """`uses` None is any number; `expires_at` None is never. `role` is the one in `org`."""

    org: Account | None = None
    role: Role | None = None
    uses: int | None = 1
    expires_at: datetime | None = None
    created_by: int | None = None


def create_invitation(session: Session, new: NewInvitation) -> tuple[Invitation, str]:
    """The row and the secret of its link. That the asker may invite has been checked."""
    if new.uses is not None and new.uses < 1:
        raise BadRequest("An invitation can be used at least once.")
    if (new.org is None) != (new.role is None):
        raise BadRequest("A role belongs to an organization: give both or none.")
    if new.expires_at is not None and new.expires_at <= now():
        raise BadRequest("An invitation cannot expire in the past.")
    secret = secrets.token_urlsafe(18)
    row = Invitation(
        hash=digest(secret),
        hint=secret[-4:],
        org_id=new.org.id if new.org else None,
        role=new.role,
        created_by=new.created_by,
        expires_at=new.expires_at,
        uses_left=new.uses,
    )
    session.add(row)
    session.flush()
    return row, secret


def _valid() -> ColumnElement[bool]:
    return and_(
        Invitation.revoked_at.is_(None),
        or_(Invitation.expires_at.is_(None), Invitation.expires_at > now()),
        or_(Invitation.uses_left.is_(None), Invitation.uses_left > 0),
    )


def check_invitation(session: Session, secret: str) -> Invitation:
    """What the link offers; InvitationEnded if nothing."""
    row = session.execute(
        select(Invitation).where(Invitation.hash == digest(secret), _valid())
    ).scalar_one_or_none()
    if row is None:
        raise InvitationEnded
    return row


def list_invitations(session: Session, *, org_id: int | None = None) -> Sequence[Invitation]:
    """Those that still work, newest first; of one organization, or all."""
    statement = select(Invitation).where(_valid()).order_by(Invitation.id.desc())
    if org_id is not None:
        statement = statement.where(Invitation.org_id == org_id)
    return session.scalars(statement).all()


def revoke_invitation(session: Session, invitation_id: int) -> None:
    row = session.get(Invitation, invitation_id)
    if row is None or row.revoked_at:
        raise NotFound("There is no such invitation.")
    row.revoked_at = now()
    session.flush()


def accept(session: Session, secret: str, user: Account) -> None:
    """Use the invitation once for an existing user, who joins its organization.

    A higher role than the invitation's is kept; a member already uses nothing up.
    """
    invitation = check_invitation(session, secret)
    role = orgs.check_role(invitation.role) if invitation.role else None
    org = session.get(Account, invitation.org_id) if invitation.org_id else None
    if org is None or role is None:
        raise BadRequest("This invitation is for people who have no account yet.")
    present = session.get(Membership, (org.id, user.id))
    if present is not None and _rank(orgs.check_role(present.role)) >= _rank(role):
        return
    _use(session, invitation)
    orgs.set_member(session, org, user, role)


def _rank(role: Role) -> int:
    return orgs.ROLES.index(role)


def _use(session: Session, invitation: Invitation) -> None:
    """Count one use down, in one statement, so that one use cannot serve two."""
    used = session.execute(
        update(Invitation)
        .where(Invitation.id == invitation.id, _valid())
        .values(uses_left=Invitation.uses_left - 1, used=Invitation.used + 1)
        .returning(Invitation.id)
        .execution_options(synchronize_session=False)
    ).first()
    if used is None:
        raise InvitationEnded


def sign_up(
    session: Session, mode: SignupMode, new: NewUser, *, invitation: str | None = None
) -> Account:
    """A new account, under HUB_SIGNUP; an invitation into an organization joins it.

    SignupClosed says what to do instead; InvitationEnded for a link that no longer works.
    """
    if mode == "closed":
        raise SignupClosed("Accounts on this hub are made by its administrators; ask one of them.")
    if mode == "invite" and not invitation:
        raise SignupClosed("Signing up here needs an invitation link; ask for one.")
    offered = check_invitation(session, invitation) if invitation else None
    if offered is not None:
        _use(session, offered)
    new_user = users.create_user(session, new)
    if offered is not None and offered.org_id and offered.role:
        org = session.get_one(Account, offered.org_id)
        orgs.set_member(session, org, new_user, orgs.check_role(offered.role))
    return new_user
