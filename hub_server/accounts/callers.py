"""Who asks: nobody, a token's owner or a signed-in browser. Everything permissions need to know.

Each way of authenticating is one SQL statement, because it stands before every request.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Executable, bindparam, select, update
from sqlalchemy.orm import Session

from hub_server.accounts.scopes import Scope, read_scopes
from hub_server.db import now
from hub_server.db.tables.accounts import Account, BrowserSession, Membership, Token
from hub_server.errors import InvalidCredentials

Via = Literal["anonymous", "token", "session", "operator"]
Role = Literal["read", "contributor", "write", "admin"]
TokenRole = Literal["read", "write", "fine-grained"]

TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class TokenGrant:
    """What the token in use allows; `stale` asks the edge to call `touch_token`."""

    id: int
    name: str
    role: TokenRole
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    stale: bool


@dataclass(frozen=True)
class SessionGrant:
    """The browser session in use, by the hash of its cookie; `stale` asks for `touch_session`."""

    hash: str
    expires_at: datetime
    stale: bool


@dataclass(frozen=True)
class Caller:
    """`user_id` is None for nobody and for the operator at the command line.

    `roles` maps the ids of organizations to the role there. `reads_public` is false only for
    anonymous callers of a hub that asks everybody to sign in first.
    """

    user_id: int | None = None
    name: str = ""
    is_admin: bool = False
    language: str | None = None
    token: TokenGrant | None = None
    via: Via = "anonymous"
    roles: Mapping[int, Role] = field(default_factory=dict)
    reads_public: bool = True
    public_id: str = ""
    full_name: str = ""
    email: str | None = None
    session: SessionGrant | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.via == "anonymous"

    def role_in(self, namespace_id: int) -> Role | None:
        """The role in a namespace, whatever the token; in one's own it is `admin`."""
        if self.is_admin or self.user_id == namespace_id:
            return "admin"
        return self.roles.get(namespace_id)


ANONYMOUS = Caller()
STRANGER = Caller(reads_public=False)
OPERATOR = Caller(via="operator", is_admin=True, name="operator")
"""Whoever may run commands on the machine may do everything."""


def anonymous(mode: Literal["read", "none"]) -> Caller:
    """The caller without an account, under HUB_ANONYMOUS."""
    return ANONYMOUS if mode == "read" else STRANGER


def digest(secret: str) -> str:
    """How tokens, cookies and links are kept: they are random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


_ACCOUNT = (
    Account.id.label("user_id"),
    Account.public_id,
    Account.name,
    Account.full_name,
    Account.email,
    Account.is_admin,
    Account.language,
    Account.disabled_at,
    Membership.org_id,
    Membership.role.label("member_role"),
)
_TOKEN = (
    select(
        *_ACCOUNT,
        Token.id.label("token_id"),
        Token.name.label("token_name"),
        Token.role.label("token_role"),
        Token.scopes,
        Token.created_at,
        Token.expires_at,
        Token.last_used_at,
    )
    .join(Account, Account.id == Token.user_id)
    .outerjoin(Membership, Membership.user_id == Account.id)
)
_BY_TOKEN = _TOKEN.where(Token.hash == bindparam("hash"))
_BY_TOKEN_ID = _TOKEN.where(Token.id == bindparam("id"))
_BY_SESSION = (
    select(*_ACCOUNT, BrowserSession.hash, BrowserSession.expires_at, BrowserSession.seen_at)
    .join(Account, Account.id == BrowserSession.user_id)
    .outerjoin(Membership, Membership.user_id == Account.id)
    .where(BrowserSession.hash == bindparam("hash"))
)


def _rows(session: Session, statement: Executable, **values: object) -> Sequence[Any]:
    """One for each membership; run on the connection, which spares half of the time."""
    return session.connection().execute(statement, values).all()


def _person(rows: Sequence[Any]) -> dict[str, Any]:
    first = rows[0]
    return {
        "user_id": first.user_id,
        "public_id": first.public_id,
        "name": first.name,
        "full_name": first.full_name,
        "email": first.email,
        "is_admin": first.is_admin,
        "language": first.language,
        "roles": {row.org_id: row.member_role for row in rows if row.org_id is not None},
    }


def authenticate_token(session: Session, token: str) -> Caller:
    """The owner of a token; InvalidCredentials if unknown, expired, or the account is disabled."""
    if not token.startswith("hf_"):
        raise InvalidCredentials
    return _by_token(_rows(session, _BY_TOKEN, hash=digest(token)))


def caller_by_token_id(session: Session, token_id: int) -> Caller:
    """The same for what was issued in place of a token, and ends with it."""
    return _by_token(_rows(session, _BY_TOKEN_ID, id=token_id))


def _by_token(rows: Sequence[Any]) -> Caller:
    time = now()
    if not rows or rows[0].disabled_at or (rows[0].expires_at and rows[0].expires_at <= time):
        raise InvalidCredentials
    first = rows[0]
    grant = TokenGrant(
        id=first.token_id,
        name=first.token_name,
        role=first.token_role,
        scopes=read_scopes(first.scopes),
        created_at=first.created_at,
        expires_at=first.expires_at,
        stale=first.last_used_at is None or first.last_used_at < time - TOUCH_EVERY,
    )
    return Caller(via="token", token=grant, **_person(rows))


def authenticate_session(session: Session, cookie: str) -> Caller | None:
    """Whose browser this is, or None when the session ended or the account is disabled."""
    rows = _rows(session, _BY_SESSION, hash=digest(cookie))
    time = now()
    if not rows or rows[0].disabled_at or rows[0].expires_at <= time:
        return None
    first = rows[0]
    grant = SessionGrant(first.hash, first.expires_at, first.seen_at < time - TOUCH_EVERY)
    return Caller(via="session", session=grant, **_person(rows))


def touch_token(session: Session, token_id: int) -> None:
    """Record the use of a token, at most once a minute whoever asks."""
    time = now()
    session.execute(
        update(Token)
        .where(Token.id == token_id)
        .where((Token.last_used_at.is_(None)) | (Token.last_used_at < time - TOUCH_EVERY))
        .values(last_used_at=time)
    )


def caller_for(session: Session, account: Account) -> Caller:
    """What this user may do, as if signed in; for jobs and commands that act for somebody."""
    memberships = session.execute(
        select(Membership.org_id, Membership.role).where(Membership.user_id == account.id)
    )
    return Caller(
        via="session",
        user_id=account.id,
        public_id=account.public_id,
        name=account.name,
        full_name=account.full_name,
        email=account.email,
        is_admin=account.is_admin,
        language=account.language,
        roles={row.org_id: row.role for row in memberships},
    )
