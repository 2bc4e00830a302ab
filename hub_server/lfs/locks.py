"""Locks on paths: advice between people who push, kept by the hub, enforced by git-lfs."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub_server.accounts import Access, Caller, RepoFacts, require
from hub_server.db import insert_ignore, now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.objects import LfsLock
from hub_server.errors import BadRequest, Conflict, Forbidden, NotFound, Unprocessable

MOST = 100
LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class Lock:
    id: int
    path: str
    locked_at: datetime
    owner: str
    owner_id: int

    def as_json(self) -> dict[str, Any]:
        at = self.locked_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        owner = {"name": self.owner}
        return {"id": str(self.id), "path": self.path, "locked_at": at, "owner": owner}


@dataclass(frozen=True, slots=True)
class LockPage:
    """`next` is the cursor of the rest, or None."""

    locks: Sequence[Lock]
    next: int | None

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"locks": [lock.as_json() for lock in self.locks]}
        return {**said, "next_cursor": str(self.next)} if self.next else said

    def split_json(self, user_id: int | None) -> dict[str, Any]:
        """What `locks/verify` answers: the caller's own, and those of others."""
        ours = [lock.as_json() for lock in self.locks if lock.owner_id == user_id]
        theirs = [lock.as_json() for lock in self.locks if lock.owner_id != user_id]
        said: dict[str, Any] = {"ours": ours, "theirs": theirs}
        return {**said, "next_cursor": str(self.next)} if self.next else said


class AlreadyLocked(Conflict):
    """git-lfs shows whose lock it is, so the answer holds it as `lock`."""

    def __init__(self, lock: Lock) -> None:
        super().__init__("{path} is locked by {owner}.", path=lock.path, owner=lock.owner)
        self.lock = lock


_COLUMNS = (LfsLock.id, LfsLock.path, LfsLock.locked_at, Account.name, LfsLock.owner_id)
_LOCKS = select(*_COLUMNS).join(Account, Account.id == LfsLock.owner_id)


def create_lock(session: Session, caller: Caller, repo: RepoFacts, path: object) -> Lock:
    """Lock a path, also one that does not exist. Raises AlreadyLocked."""
    require(caller, repo, Access.WRITE)
    if caller.user_id is None:
        raise Forbidden("Locks belong to users.")
    if not isinstance(path, str) or not path or len(path) > LONGEST_PATH or "\0" in path:
        raise Unprocessable("`path` must be the path of a file in the repository.")
    row = {
        "repo_id": repo.id,
        "path": path,
        "path_key": _key(path),
        "owner_id": caller.user_id,
        "locked_at": now(),
    }
    made = insert_ignore(session, LfsLock, row)
    found = session.execute(
        _LOCKS.where(LfsLock.repo_id == repo.id, LfsLock.path_key == _key(path))
    ).one()
    lock = Lock(*found)
    if not made:
        raise AlreadyLocked(lock)
    return lock


def list_locks(session: Session, repo: RepoFacts, query: Mapping[str, object]) -> LockPage:
    """Locks by `path` or `id`, from `cursor` on, at most `limit`; values as clients send them."""
    limit = _number(query, "limit") or MOST
    statement = _LOCKS.where(LfsLock.repo_id == repo.id).order_by(LfsLock.id)
    if path := query.get("path"):
        statement = statement.where(LfsLock.path_key == _key(str(path)))
    if (lock_id := _number(query, "id")) is not None:
        statement = statement.where(LfsLock.id == lock_id)
    if (cursor := _number(query, "cursor")) is not None:
        statement = statement.where(LfsLock.id >= cursor)
    limit = max(1, min(limit, MOST))
    locks = [Lock(*row) for row in session.execute(statement.limit(limit + 1))]
    return LockPage(locks[:limit], locks[limit].id if len(locks) > limit else None)


def unlock(
    session: Session, caller: Caller, repo: RepoFacts, lock_id: str, *, force: bool = False
) -> Lock:
    """Remove a lock: one's own, or with `force` anybody's."""
    require(caller, repo, Access.WRITE)
    number = _number({"id": lock_id}, "id")
    found = session.execute(
        _LOCKS.where(LfsLock.repo_id == repo.id, LfsLock.id == number)
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such lock.")
    lock = Lock(*found)
    if lock.owner_id != caller.user_id and not force:
        raise Forbidden(
            "{path} is locked by {owner}; only --force removes it.",
            path=lock.path,
            owner=lock.owner,
        )
    session.execute(delete(LfsLock).where(LfsLock.id == lock.id))
    return lock


def _key(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()


def _number(query: Mapping[str, object], name: str) -> int | None:
    value = query.get(name)
    if value is None or value == "":
        return None
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - fits 64 bits
        raise BadRequest("`{name}` must be a number.", name=name)
    return int(text)
