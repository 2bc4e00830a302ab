"""Taking away what nothing reaches: marked first, deleted after a grace period.

What counts as reached: what any ref leads to, what refs led to within some days (by their log),
and what an object leads to that is neither marked nor reached; so whatever stays is complete.

No push and no commit is ever hurt:
* a ref that moves before the deletion is seen by it, under the lock that writers take too: what
  the ref leads to stays (the push has brought it back to life);
* a writer who looked at the repository before the deletion and lands after it finds that the
  repository's number of prunes has changed, and looks again (`Pruned`).
"""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.db import database_clock
from hub_server.db.tables.git import PruneMark
from hub_server.db.tables.repos import Repo
from hub_server.errors import Unavailable
from hub_server.git.errors import ProgramFailed
from hub_server.git.listing import Selection, list_objects
from hub_server.git.packs import PackSet
from hub_server.git.subprocesses import GitProgram, Store, list_reachable
from hub_server.git.types import ObjectId
from hub_server.gitstore import reach, records
from hub_server.gitstore.leases import Held
from hub_server.gitstore.records import PackRecord
from hub_server.gitstore.replacing import (
    Replacement,
    Step,
    build,
    discarded_on_failure,
    hold_packs,
    nothing_more,
    publish,
)
from hub_server.gitstore.repository import Repository
from hub_server.gitstore.store import GitStore

ATTEMPTS = 8
ID = 20


class RefsBusy(Unavailable):
    """Refs came back to what was about to go, or did not stand still; nothing was taken away."""

    def __init__(self) -> None:
        super().__init__("Refs are moving; nothing was pruned. Try again later.")


@dataclass(frozen=True, slots=True)
class Found:
    """Objects that nothing reaches and the bytes they take in their packs.

    `later`: objects beside them that are kept only because of what refs pointed at before.
    """

    objects: int
    bytes: int
    later: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """Refs count for `log_days` after they moved on, None for not at all. What was marked is
    deleted after `grace`."""

    log_days: float | None
    grace: timedelta = timedelta(0)


@dataclass
class _Seen:
    """A repository as the deletion saw it.

    `reached` is what all `roots` reach; refs that moved after the log's entry `last_move` are
    roots nobody has looked at. `logs`: whether what refs have pointed at counts.
    """

    packs: list[PackRecord]
    objects: PackSet
    roots: set[ObjectId]
    last_move: int
    logs: bool
    reached: set[bytes]
    later: int

    @cached_property
    def stored(self) -> set[bytes]:
        return {raw for pack in self.objects.packs for raw, _ in pack.ids()}

    def new_roots(self, session: Session, repo_id: int) -> set[ObjectId]:
        found = records.tips(session, repo_id)
        if self.logs:
            found |= records.logged(session, repo_id, after=self.last_move)
        return found - self.roots


def unreachable(store: GitStore, repo_id: int, rules: Rules, *, git: GitProgram | None) -> Found:
    """What could go, by now; changes nothing."""
    seen = _look(store, repo_id, rules, git)
    return _found(seen, seen.stored - seen.reached)


def mark(store: GitStore, repo_id: int, rules: Rules, *, git: GitProgram | None) -> Found | None:
    """Remember what nothing reaches, in the place of what was marked before.

    None while another process changes the packs. Raises ObjectMissing where a ref is incomplete.
    """
    with hold_packs(store, repo_id) as held:
        if held is None:
            return None
        seen = _look(store, repo_id, rules, git)
        lost = seen.stored - seen.reached
        with store.database.write() as session:
            _forget_mark(session, repo_id)
            if lost:
                row = {
                    "repo_id": repo_id,
                    "marked_at": database_clock(session),
                    "ids": b"".join(sorted(lost)),
                }
                session.execute(insert(PruneMark).values(row))
        faults.point("prune.marked")
        return _found(seen, lost)


def marked_until(store: GitStore, repo_id: int, rules: Rules) -> timedelta | None:
    """How long until what is marked may go (nothing or less: now), None where nothing is."""
    with store.database.read() as session:
        marked = session.scalar(select(PruneMark.marked_at).where(PruneMark.repo_id == repo_id))
        return None if marked is None else marked + rules.grace - database_clock(session)


def delete_marked(
    store: GitStore,
    repo_id: int,
    rules: Rules,
    *,
    git: GitProgram | None,
    finish: Step = nothing_more,
) -> Found | None:
    """Delete what was marked long enough ago and is still not reached.

    None while another process changes the packs. Raises RefsBusy, ObjectMissing, and what `build`
    and `publish` raise; then nothing has gone.
    """
    with hold_packs(store, repo_id) as held:
        if held is None:
            return None
        with store.database.read() as session:
            marks = _marks(session, repo_id, rules)
        if marks is None:
            return Found(0, 0)
        seen = _look(store, repo_id, rules, git)
        spared = seen.stored - seen.reached - marks
        reach.extend(seen.objects, seen.reached, map(bytes.hex, spared))
        return _delete(store, repo_id, held, _Deletion(seen, marks - seen.reached, git, finish))


def prune_now(
    store: GitStore,
    repo_id: int,
    rules: Rules,
    *,
    git: GitProgram | None,
    finish: Step = nothing_more,
) -> Found | None:
    """Delete what nothing reaches, whether it was marked or not; as `delete_marked`."""
    with hold_packs(store, repo_id) as held:
        if held is None:
            return None
        seen = _look(store, repo_id, rules, git)
        lost = seen.stored - seen.reached
        return _delete(store, repo_id, held, _Deletion(seen, lost, git, finish))


@dataclass(frozen=True)
class _Deletion:
    seen: _Seen
    lost: set[bytes]
    git: GitProgram | None
    finish: Step


class _RefsMoved(Exception):
    """Refs moved since they were looked at last."""


def _delete(store: GitStore, repo_id: int, held: Held, wanted: _Deletion) -> Found:
    seen = wanted.seen
    lost = wanted.lost & seen.stored
    touched = [
        record
        for record, pack in zip(seen.packs, seen.objects.packs, strict=True)
        if any(raw in lost for raw, _ in pack.ids())
    ]
    if not touched:
        with store.database.write() as session:
            _forget_mark(session, repo_id)
        return Found(0, 0)
    replacement = Replacement(
        "prune",
        touched,
        without=lost,
        check=lambda session: _check_roots(session, repo_id, seen),
        finish=lambda session: _finish(session, repo_id, wanted.finish),
    )
    made = build(store, repo_id, replacement, git=wanted.git)
    with discarded_on_failure(store, made):
        for _ in range(ATTEMPTS):
            _catch_up(store, repo_id, seen)
            if not lost.isdisjoint(seen.reached):
                break
            with contextlib.suppress(_RefsMoved):
                publish(store, repo_id, held, replacement, made)
                return _found(seen, lost)
        raise RefsBusy


def _check_roots(session: Session, repo_id: int, seen: _Seen) -> None:
    """In the transaction that deletes: no ref leads, or led, to where nobody has looked."""
    if seen.new_roots(session, repo_id):
        raise _RefsMoved


def _catch_up(store: GitStore, repo_id: int, seen: _Seen) -> None:
    with store.database.read() as session:
        new = seen.new_roots(session, repo_id)
    if new:
        reach.extend(store.open(repo_id).objects, seen.reached, new)
        seen.roots |= new


def _finish(session: Session, repo_id: int, more: Step) -> None:
    session.execute(update(Repo).where(Repo.id == repo_id).values(prunes=Repo.prunes + 1))
    _forget_mark(session, repo_id)
    more(session)


def _look(store: GitStore, repo_id: int, rules: Rules, git: GitProgram | None) -> _Seen:
    """Refs first, then packs, which so hold all that the refs reach."""
    with store.database.read() as session:
        last_move = records.newest_move(session, repo_id)
        tips = records.tips(session, repo_id)
        roots = set(tips)
        if rules.log_days is not None:
            since = database_clock(session) - timedelta(days=rules.log_days)
            roots |= records.logged(session, repo_id, since=since)
    view = store.open(repo_id)
    reached = _reached(view, tips, git)
    by_refs = len(reached)
    reach.extend(view.objects, reached, (root for root in roots if root in view.objects))
    logs, later = rules.log_days is not None, len(reached) - by_refs
    return _Seen(view.packs, view.objects, roots, last_move, logs, reached, later)


def _reached(view: Repository, tips: Collection[ObjectId], git: GitProgram | None) -> set[bytes]:
    """Everything that `tips` reach. Raises ObjectMissing: what is incomplete is not pruned."""
    if not tips:
        return set()
    if git is not None:
        try:
            ids = list_reachable(git, Store(view.git_dir / "objects"), sorted(tips))
            return {ids[at : at + ID] for at in range(0, len(ids), ID)}
        except ProgramFailed:
            pass  # the native walk says what is missing, or has more time
    return set(list_objects(view.objects, Selection(wants=sorted(tips))).ids)


def _marks(session: Session, repo_id: int, rules: Rules) -> set[bytes] | None:
    """Raw ids that were marked at least `grace` ago; None where nothing is to go yet."""
    row = session.execute(
        select(PruneMark.marked_at, PruneMark.ids).where(PruneMark.repo_id == repo_id)
    ).one_or_none()
    if row is None or row.marked_at + rules.grace > database_clock(session):
        return None
    return {row.ids[at : at + ID] for at in range(0, len(row.ids), ID)}


def _forget_mark(session: Session, repo_id: int) -> None:
    session.execute(delete(PruneMark).where(PruneMark.repo_id == repo_id))


def _found(seen: _Seen, lost: set[bytes]) -> Found:
    """Counts each copy's bytes, each object once."""
    size = 0
    for pack in seen.objects.packs:
        size += sum(pack.end_of(offset) - offset for raw, offset in pack.ids() if raw in lost)
    return Found(len(lost), size, seen.later)
