"""Organizations and who is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from hub_server.accounts.callers import Role
from hub_server.accounts.users import (
    AccountNotFound,
    add_account,
    clean_full_name,
    find_account,
)
from hub_server.db import upsert
from hub_server.db.tables.accounts import Account, Membership
from hub_server.errors import BadRequest, Conflict, NotFound

Visibility = Literal["public", "private"]
ROLES: tuple[Role, ...] = get_args(Role)


class LastOrgAdministrator(Conflict):
    def __init__(self, org: str) -> None:
        super().__init__(
            "{org} would have no administrator left; give somebody else the role first.", org=org
        )


@dataclass(frozen=True)
class Member:
    user: Account
    role: Role


def check_role(role: str) -> Role:
    """`role` itself, if it is one; BadRequest otherwise."""
    for known in ROLES:
        if role == known:
            return known
    raise BadRequest(
        "{role!r} is not a role; roles are {roles}.", role=role[:40], roles=", ".join(ROLES)
    )


def create_org(
    session: Session,
    name: str,
    *,
    full_name: str = "",
    default_visibility: Visibility = "public",
    admin: Account | None = None,
) -> Account:
    """A new organization; `admin` becomes its first administrator."""
    org = Account(
        kind="org",
        name=name,
        full_name=clean_full_name(full_name),
        default_visibility=default_visibility,
    )
    add_account(session, org)
    if admin is not None:
        set_member(session, org, admin, "admin")
    return org


def org_named(session: Session, name: str) -> Account:
    """By name in any case; AccountNotFound for users too."""
    account = find_account(session, name)
    if account is None or account.kind != "org":
        raise AccountNotFound("organization", name)
    return account


def list_orgs(session: Session) -> Sequence[Account]:
    return session.scalars(
        select(Account)
        .where(Account.kind == "org", Account.deleted_at.is_(None))
        .order_by(Account.name_key)
    ).all()


def orgs_of(session: Session, user_id: int) -> list[tuple[Account, Role]]:
    """The organizations a user is in, by name, with the role in each."""
    rows = session.execute(
        select(Account, Membership.role)
        .join(Membership, Membership.org_id == Account.id)
        .where(Membership.user_id == user_id, Account.deleted_at.is_(None))
        .order_by(Account.name_key)
    )
    return [(org, check_role(role)) for org, role in rows]


def members(session: Session, org: Account, *, after: str = "", limit: int = 1000) -> list[Member]:
    """By name; `after` is the last name key of the page before."""
    rows = session.execute(
        select(Account, Membership.role)
        .join(Membership, Membership.user_id == Account.id)
        .where(Membership.org_id == org.id, Account.name_key > after)
        .order_by(Account.name_key)
        .limit(limit)
    )
    return [Member(user, check_role(role)) for user, role in rows]


def set_member(
    session: Session, org: Account, user: Account, role: Role, *, keep_admin: bool = False
) -> None:
    """Add a user, or change the role.

    With `keep_admin` the last administrator cannot be given another role (LastOrgAdministrator).
    """
    if org.kind != "org" or user.kind != "user":
        raise BadRequest("Only users can be members, and only of organizations.")
    if keep_admin and role != "admin":
        _check_other_admin(session, org, user)
    key = {"org_id": org.id, "user_id": user.id}
    upsert(session, Membership, key | {"role": role}, key=list(key), update=["role"])


def remove_member(
    session: Session, org: Account, user: Account, *, keep_admin: bool = False
) -> None:
    if keep_admin:
        _check_other_admin(session, org, user)
    row = session.get(Membership, (org.id, user.id))
    if row is None:
        raise NotFound("{user} is not a member of {org}.", user=user.name, org=org.name)
    session.delete(row)
    session.flush()


def _check_other_admin(session: Session, org: Account, user: Account) -> None:
    """Unless `user` is no administrator, or not the only one. Holds the organization's row."""
    session.execute(select(Account.id).where(Account.id == org.id).with_for_update())
    is_admin = exists().where(Membership.org_id == org.id, Membership.role == "admin")
    held = select(is_admin.where(Membership.user_id == user.id))
    others = select(is_admin.where(Membership.user_id != user.id))
    if session.scalar(held) and not session.scalar(others):
        raise LastOrgAdministrator(org.name)


def change_org(
    session: Session,
    org: Account,
    *,
    full_name: str | None = None,
    default_visibility: Visibility | None = None,
) -> None:
    if full_name is not None:
        org.full_name = clean_full_name(full_name)
    if default_visibility is not None:
        org.default_visibility = default_visibility
    session.flush()


def count_members(session: Session, org: Account) -> int:
    counted = select(func.count()).where(Membership.org_id == org.id)
    return session.scalar(counted) or 0
