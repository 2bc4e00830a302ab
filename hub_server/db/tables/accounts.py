"""Users, organizations and what proves who somebody is. Written by the room `accounts`."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, text
from sqlalchemy.orm import Mapped, mapped_column

from hub_server.db.base import Base, new_public_id, now


class Account(Base):
    """A namespace: a user or an organization. `name_key` is the name in lower case."""

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("kind in ('user', 'org')", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(24), unique=True, default=new_public_id)
    kind: Mapped[str] = mapped_column(String(4))
    name: Mapped[str] = mapped_column(String(96))
    name_key: Mapped[str] = mapped_column(String(96), unique=True)
    full_name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    email: Mapped[str | None] = mapped_column(String(254))
    email_key: Mapped[str | None] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(256))
    is_admin: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    language: Mapped[str | None] = mapped_column(String(8))
    about: Mapped[str] = mapped_column(String(2000), default="", server_default="")
    default_visibility: Mapped[str] = mapped_column(
        String(8), default="public", server_default="public"
    )
    created_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    """Set while deleted repositories of a deleted account can still be brought back."""


class AccountRedirect(Base):
    """A name an account had before; it leads to the account until somebody takes the name."""

    __tablename__ = "account_redirect"

    name_key: Mapped[str] = mapped_column(String(96), primary_key=True)
    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=now)


class Membership(Base):
    __tablename__ = "membership"
    __table_args__ = (CheckConstraint("role in ('read', 'contributor', 'write', 'admin')", "role"),)

    org_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Token(Base):
    """`hash` is the sha256 of the token; the token itself is shown once and never kept.

    `scopes` of a fine-grained token: a list of `{"permission": "repo.write", "kind": "model",
    "target": "ada/tiny"}`, where a target without a slash is a whole namespace.
    """

    __tablename__ = "token"
    __table_args__ = (CheckConstraint("role in ('read', 'write', 'fine-grained')", "role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(12))
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class BrowserSession(Base):
    """`hash` is the sha256 of the cookie's value."""

    __tablename__ = "browser_session"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    user_agent: Mapped[str] = mapped_column(String(300), default="")


class OneTimeLink(Base):
    """The first administrator's link (`setup`) or a password reset (`reset`), by hash."""

    __tablename__ = "one_time_link"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(8))
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Invitation(Base):
    """A link that lets somebody sign up, and joins them to an organization if one is named."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(12))
    org_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str | None] = mapped_column(String(12))
    created_by: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    uses_left: Mapped[int | None]
    used: Mapped[int] = mapped_column(default=0, server_default="0")
    revoked_at: Mapped[datetime | None]


class Throttle(Base):
    """Failed sign-ins in a window, by account and by address; shared by all nodes."""

    __tablename__ = "throttle"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    window_ends_at: Mapped[datetime] = mapped_column(index=True)
    blocked_until: Mapped[datetime | None]


__all__ = [
    "Account",
    "AccountRedirect",
    "BrowserSession",
    "Invitation",
    "Membership",
    "OneTimeLink",
    "Throttle",
    "Token",
]
