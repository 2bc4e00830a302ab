"""Likes: one per user and repository, and the number of them on the repository's row."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub_server.accounts import Caller, visible_clause
from hub_server.db import insert_ignore, now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.usage import Like
from hub_server.errors import Forbidden, Unauthorized
from hub_server.events import AccountRemoved
from hub_server.usage.recording import hold


@dataclass(frozen=True)
class Place:
    """The last row of a page: when, and the id of the user or of the repository."""

    created_at: datetime
    id: int


def may_like(caller: Caller) -> bool:
    """Somebody signed in, or a token that may write."""
    return caller.user_id is not None and (caller.token is None or caller.token.role == "write")


def _user(caller: Caller) -> int:
    if caller.user_id is None:
        raise Unauthorized("Invalid username or password.")
    if not may_like(caller):
        raise Forbidden("This token may not change likes; use a token with the role write.")
    return caller.user_id


def like(session: Session, caller: Caller, repo: Repo) -> None:
    """That the caller sees `repo` has been checked. A second time changes nothing."""
    row = {"repo_id": repo.id, "user_id": _user(caller), "created_at": now()}
    if insert_ignore(session, Like, row):
        _add(session, [repo.id], 1)


def unlike(session: Session, caller: Caller, repo: Repo) -> None:
    mine = delete(Like).where(Like.repo_id == repo.id, Like.user_id == _user(caller))
    gone: Any = session.execute(mine)
    if gone.rowcount:
        _add(session, [repo.id], -1)


def _add(session: Session, repo_ids: Collection[int], number: int) -> None:
    """Counted by the database: others do the same at the same moment."""
    session.execute(
        update(Repo)
        .where(Repo.id.in_(repo_ids))
        .values(likes=Repo.likes + number)
        .execution_options(synchronize_session=False)
    )


def account_removed(session: Session, event: AccountRemoved) -> None:
    """Subscriber: what somebody liked who is no more. Nobody's repository is waited for: numbers
    that could not be changed now are set right by `trending.refresh`."""
    theirs = Like.user_id == event.account_id
    _add(session, hold(session, session.scalars(select(Like.repo_id).where(theirs)).all()), -1)
    session.execute(delete(Like).where(theirs))


def is_liked(session: Session, caller: Caller, repo: Repo) -> bool:
    return session.get(Like, (repo.id, caller.user_id)) is not None if caller.user_id else False


def likers(
    session: Session, repo: Repo, *, after: Place | None = None, limit: int = 100
) -> Sequence[tuple[Account, datetime]]:
    """Who likes it, the last first. That the caller sees `repo` has been checked."""
    statement = (
        select(Account, Like.created_at)
        .join(Like, Like.user_id == Account.id)
        .where(Like.repo_id == repo.id, Account.deleted_at.is_(None))
        .order_by(Like.created_at.desc(), Like.user_id.desc())
        .limit(limit)
    )
    if after:
        statement = statement.where(_behind(Like.user_id, after))
    return [(account, moment) for account, moment in session.execute(statement)]


def liked(
    session: Session, caller: Caller, user_id: int, *, after: Place | None = None, limit: int = 100
) -> Sequence[tuple[Repo, datetime]]:
    """What a user likes of that which the caller may see, the last first."""
    statement = (
        select(Repo, Like.created_at)
        .join(Like, Like.repo_id == Repo.id)
        .where(Like.user_id == user_id, visible_clause(caller))
        .order_by(Like.created_at.desc(), Like.repo_id.desc())
        .limit(limit)
    )
    if after:
        statement = statement.where(_behind(Like.repo_id, after))
    return [(repo, moment) for repo, moment in session.execute(statement)]


def _behind(column: InstrumentedAttribute[int], place: Place) -> ColumnElement[bool]:
    return tuple_(Like.created_at, column) < tuple_(place.created_at, place.id)


def count_liked(session: Session, caller: Caller, user_id: int) -> int:
    """How much a user likes of that which the caller may see."""
    counted = select(func.count()).select_from(Like).join(Repo, Repo.id == Like.repo_id)
    return session.scalar(counted.where(Like.user_id == user_id, visible_clause(caller))) or 0
