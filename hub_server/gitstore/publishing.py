"""Moving refs: a staged pack becomes live and refs change by compare-and-swap, in one transaction.

Who comes here holds the repository alone: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory
lock taken here. So refs are read once and judged; the conditions on the writes stay as proof.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, or_, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hub_server.db import now
from hub_server.db.tables.git import GitRef, Pack, RefLog
from hub_server.errors import Conflict, Unavailable
from hub_server.git.types import ObjectId
from hub_server.gitstore.records import begins_with, refs_named

LOCK_CLASS = 0x6875  # keeps our advisory locks apart from those of others
LOCK_WAIT = "30s"
FEW = 20
"""New refs up to this many are looked up one by one, more against all names at once."""

STALE = "it was updated meanwhile; fetch first"
EXISTS = "it exists already"
MISSING = "it does not exist"
ATOMIC = "another ref of this atomic push was refused"


class PackGone(Unavailable):
    """The staged pack was collected as garbage before it was published; sending again helps."""

    def __init__(self) -> None:
        super().__init__("The upload took too long and was dropped; send it again.")


class Pruned(Unavailable):
    """Objects were taken away since the caller read; `prunes` is the repository's number now."""

    def __init__(self, prunes: int) -> None:
        super().__init__("The repository was cleaned up at this moment; try again.")
        self.prunes = prunes


class RefsMoved(Conflict):
    """A ref changed between being read and being written, which the lock should not allow."""


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """Move `name` from `old` to `new`; None is no ref. `peeled`: the commit `new` is a tag of."""

    name: bytes
    old: ObjectId | None
    new: ObjectId | None
    peeled: ObjectId | None = None


@dataclass(frozen=True, slots=True)
class StagedPack:
    """A pack whose bytes are stored, and whose row waits for `publish`."""

    id: int
    name: str


def lock_repository(session: Session, repo_id: int) -> None:
    """Until the transaction ends nobody else publishes to this repository; waits ≤ 30 s."""
    locked = session.info.setdefault("locked repositories", set())
    if session.get_bind().dialect.name == "sqlite" or repo_id in locked:
        return
    try:
        session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
        session.execute(
            text("SELECT pg_advisory_xact_lock(:class, :repo)"),
            {"class": LOCK_CLASS, "repo": repo_id},
        )
    except OperationalError as failure:
        raise Unavailable("Many are writing to this repository; try again shortly.") from failure
    session.execute(text("SET LOCAL lock_timeout = 0"))
    locked.add(repo_id)


def publish(
    session: Session,
    repo_id: int,
    staged: StagedPack | Sequence[StagedPack] | None,
    updates: Sequence[RefUpdate],
    *,
    who: int | None,
    atomic: bool = False,
) -> dict[bytes, str | None]:
    """Apply what can be applied and say for each ref None or why not; see the module.

    Nothing changes for an `atomic` list with one refusal. Packs become live if any ref moved.
    Raises PackGone, RefsMoved, Unavailable.
    """
    lock_repository(session, repo_id)
    results = _judge(session, repo_id, updates)
    if atomic and any(results.values()):
        return {name: reason or ATOMIC for name, reason in results.items()}
    accepted = [update for update in updates if results[update.name] is None]
    if not accepted:
        return results
    for pack in [staged] if isinstance(staged, StagedPack) else staged or ():
        make_live(session, pack)
    for change in accepted:
        if change.old is not None:
            _move(session, repo_id, change)
    _create(session, repo_id, [change for change in accepted if change.old is None])
    _log(session, repo_id, accepted, who)
    return results


def _judge(session: Session, repo_id: int, updates: Sequence[RefUpdate]) -> dict[bytes, str | None]:
    current = refs_named(session, repo_id, [change.name for change in updates])
    gone = {change.name for change in updates if change.new is None}
    results: dict[bytes, str | None] = {}
    for change in updates:
        line = current.get(change.name)
        results[change.name] = _refusal(change, line.id if line else None)
    born = [c.name for c in updates if c.new and not c.old and results[c.name] is None]
    for name, other in _in_the_way(session, repo_id, born, gone):
        results[name] = f"'{other.decode(errors='replace')}' is in the way"
    return results


def _refusal(change: RefUpdate, current: ObjectId | None) -> str | None:
    if change.old == current:
        return None
    if current is None:
        return MISSING
    return STALE if change.old else EXISTS


def _in_the_way(
    session: Session, repo_id: int, born: Sequence[bytes], gone: set[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """New names that would be a folder of a ref, or lie below one: no client could fetch both."""
    fresh = set(born)
    known = _all_names(session, repo_id) if len(born) > FEW else None
    for name in born:
        above = set(_above(name))
        if known is None:
            clash = or_(GitRef.name.in_(above), begins_with(name + b"/"))
            found = select(GitRef.name).where(GitRef.repo_id == repo_id, clash)
            others = set(session.scalars(found))
        else:
            names, folders = known
            others = (above & names) | folders.get(name, set())
        others = (others - gone) or (above & fresh)
        if others:
            yield name, min(others)


def _all_names(session: Session, repo_id: int) -> tuple[set[bytes], dict[bytes, set[bytes]]]:
    """Every ref, and for every folder of refs those that lie in it."""
    names = set(session.scalars(select(GitRef.name).where(GitRef.repo_id == repo_id)))
    folders: dict[bytes, set[bytes]] = {}
    for name in names:
        for folder in _above(name):
            folders.setdefault(folder, set()).add(name)
    return names, folders


def _above(name: bytes) -> list[bytes]:
    parts = name.split(b"/")
    return [b"/".join(parts[:count]) for count in range(3, len(parts))]


def make_live(session: Session, staged: StagedPack) -> None:
    done: Any = session.execute(
        update(Pack).where(Pack.id == staged.id, Pack.state == "uploading").values(state="live")
    )
    if not done.rowcount:
        raise PackGone


def _create(session: Session, repo_id: int, born: Sequence[RefUpdate]) -> None:
    rows = [
        {"repo_id": repo_id, "name": each.name, "value": each.new, "peeled": each.peeled}
        for each in born
        if each.new is not None
    ]
    if rows:
        session.execute(insert(GitRef), rows)


def _move(session: Session, repo_id: int, change: RefUpdate) -> None:
    here = (GitRef.repo_id == repo_id, GitRef.name == change.name, GitRef.value == change.old)
    done: Any
    if change.new is None:
        done = session.execute(delete(GitRef).where(*here))
    else:
        values = {"value": change.new, "peeled": change.peeled}
        done = session.execute(update(GitRef).where(*here).values(values))
    if done.rowcount != 1:
        raise RefsMoved("{name} moved while it was written", name=change.name.decode("latin-1"))


def _log(session: Session, repo_id: int, accepted: Sequence[RefUpdate], who: int | None) -> None:
    stamp = now()
    session.execute(
        insert(RefLog),
        [
            {
                "repo_id": repo_id,
                "name": change.name,
                "old": change.old,
                "new": change.new,
                "user_id": who,
                "created_at": stamp,
            }
            for change in accepted
        ],
    )
