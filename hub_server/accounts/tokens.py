"""Access tokens `hf_…`: shown once, kept as hashes."""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub_server.accounts.callers import TokenRole, digest
from hub_server.accounts.scopes import Scope, store_scopes
from hub_server.db import now
from hub_server.db.tables.accounts import Account, Token
from hub_server.errors import BadRequest, NotFound

PREFIX = "hf_"
LENGTH = 34
MAX_NAME = 100
_BASE62 = string.ascii_letters + string.digits


@dataclass(frozen=True)
class NewToken:
    """`scopes` belong to the role `fine-grained`, which needs at least one."""

    name: str
    role: TokenRole = "write"
    scopes: tuple[Scope, ...] = ()
    expires_at: datetime | None = None


def create_token(session: Session, user: Account, new: NewToken) -> tuple[Token, str]:
    """The row, and the token itself, which nobody can read again."""
    name = " ".join(new.name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadRequest("A token needs a name of 1 to 100 characters.")
    if (new.role == "fine-grained") != bool(new.scopes):
        raise BadRequest("Scopes belong to a fine-grained token, which needs at least one.")
    if new.expires_at is not None and new.expires_at <= now():
        raise BadRequest("A token cannot expire in the past.")
    secret = PREFIX + "".join(secrets.choice(_BASE62) for _ in range(LENGTH))
    row = Token(
        user_id=user.id,
        name=name,
        role=new.role,
        scopes=store_scopes(new.scopes),
        hash=digest(secret),
        hint=secret[-4:],
        expires_at=new.expires_at,
    )
    session.add(row)
    session.flush()
    return row, secret


def list_tokens(session: Session, user_id: int) -> Sequence[Token]:
    """Newest first; expired ones too, so that people see why something stopped."""
    statement = select(Token).where(Token.user_id == user_id)
    return session.scalars(statement.order_by(Token.created_at.desc(), Token.id.desc())).all()


def revoke_token(session: Session, user_id: int, token_id: int) -> None:
    """NotFound for a token of somebody else."""
    _revoked(
        session.execute(
            delete(Token).where(Token.id == token_id, Token.user_id == user_id).returning(Token.id)
        ).first()
    )


def revoke_number(session: Session, token_id: int) -> None:
    """By id, whoever's it is: for the operator."""
    _revoked(session.execute(delete(Token).where(Token.id == token_id).returning(Token.id)).first())


def revoke_secret(session: Session, secret: str) -> None:
    """Whoever found a token may take it out of use."""
    _revoked(
        session.execute(
            delete(Token).where(Token.hash == digest(secret)).returning(Token.id)
        ).first()
    )


def _revoked(row: object | None) -> None:
    if row is None:
        raise NotFound("There is no such token.")
