"""Rows that tests about people and repositories start from."""

from typing import Any

from sqlalchemy.orm import Session

from hub_server.accounts import Caller, NewUser, caller_for, orgs, tokens, users
from hub_server.accounts.tokens import NewToken
from hub_server.db import Database
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Kind, Repo


def make_user(session: Session, name: str = "ada", **fields: Any) -> Account:
    fields.setdefault("email", f"{name.lower()}@example.org")
    return users.create_user(session, NewUser(name, **fields))


def make_org(session: Session, name: str = "lab", **roles: Account) -> Account:
    """`make_org(session, "lab", write=bob)` makes bob a member with that role."""
    org = orgs.create_org(session, name)
    for role, user in roles.items():
        orgs.set_member(session, org, user, orgs.check_role(role))
    return org


def make_repo(
    session: Session,
    owner: Account,
    name: str = "tiny",
    *,
    kind: Kind = "model",
    by: Account | None = None,
    **columns: Any,
) -> Repo:
    """A row as `repos.create` leaves it, without asking who may."""
    full_name = f"{owner.name}/{name}"
    creator = by or (owner if owner.kind == "user" else None)
    repo = Repo(
        kind=kind,
        namespace_id=owner.id,
        full_name=full_name,
        name_key=full_name.lower(),
        created_by=creator.id if creator else None,
        **columns,
    )
    session.add(repo)
    session.flush()
    return repo


def make_token(session: Session, user: Account, **fields: Any) -> str:
    return tokens.create_token(session, user, NewToken(**{"name": "test", **fields}))[1]


def caller(database: Database, name: str) -> Caller:
    with database.read() as session:
        return caller_for(session, users.user_named(session, name))
