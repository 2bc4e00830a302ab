"""The job table: put in with the rows it belongs to, claimed, leased, finished under a fence."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from hub_server.db import database_clock, insert_ignore, now
from hub_server.db.tables.jobs import Job

LEASE = timedelta(seconds=60)
FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(hours=1)


class LeaseLost(Exception):
    """Another worker has the job by now; what this one did must not be committed."""


@dataclass(frozen=True)
class Claim:
    """A job somebody is working on; `fence` proves that it is still theirs."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    fence: int
    attempts: int
    max_attempts: int


def enqueue(
    session: Session,
    kind: str,
    payload: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    delay: float = 0,
    max_attempts: int = 12,
) -> bool:
    """Write a job down; with a `key`, False when one of that kind and key already waits."""
    row = {
        "kind": kind,
        "key": key,
        "payload": dict(payload or {}),
        "state": "ready",
        "run_at": now() + timedelta(seconds=delay),
        "attempts": 0,
        "max_attempts": max_attempts,
        "fence": 0,
        "created_at": now(),
    }
    return insert_ignore(session, Job, row) > 0


def claim(session: Session, kinds: Collection[str]) -> Claim | None:
    """The next job of these kinds that is due, or whose worker's lease ran out; in a write unit."""
    clock = database_clock(session)
    due = or_(
        and_(Job.state == "ready", Job.run_at <= clock),
        and_(Job.state == "running", Job.lease_ends_at < clock),
    )
    chosen = session.scalar(
        select(Job)
        .where(Job.kind.in_(kinds), due)
        .order_by(Job.run_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if chosen is None:
        return None
    if chosen.attempts >= chosen.max_attempts:
        _bury(session, chosen)
        return claim(session, kinds)
    chosen.state = "running"
    chosen.fence += 1
    chosen.attempts += 1
    chosen.lease_ends_at = clock + LEASE
    session.flush()
    return Claim(
        chosen.id, chosen.kind, chosen.payload, chosen.fence, chosen.attempts, chosen.max_attempts
    )


def _bury(session: Session, job: Job) -> None:
    """Each of its workers ended without a word: perhaps it is the job that kills them."""
    job.state = "failed"
    job.fence += 1
    job.lease_ends_at = None
    job.error = f"its worker ended each of {job.attempts} times"
    session.flush()


def mend_times(session: Session, periods: Mapping[str, float]) -> int:
    """Bring back what a clock that was ahead has put off; how many jobs that were.

    A lease and a retry are never longer than ours, and a periodic job (`periods`: seconds by kind)
    waits for its turn at most. Jobs that were given a delay of their own are left alone.
    """
    clock = database_clock(session)
    never_ends = or_(Job.lease_ends_at.is_(None), Job.lease_ends_at > clock + LEASE)
    stuck = and_(Job.state == "running", never_ends)
    late = and_(Job.state == "ready", Job.attempts > 0, Job.run_at > clock + LONGEST_RETRY)
    changes = [(stuck, {"lease_ends_at": clock}), (late, {"run_at": clock + LONGEST_RETRY})]
    for kind, every in periods.items():
        turn = and_(Job.state == "ready", Job.kind == kind, Job.key == "periodic")
        over = Job.run_at > clock + timedelta(seconds=every)
        changes.append((and_(turn, over), {"run_at": clock}))
    mended = 0
    for wrong, values in changes:
        done: Any = session.execute(
            update(Job).where(wrong).values(values).execution_options(synchronize_session=False)
        )
        mended += int(done.rowcount)
    return mended


def renew(session: Session, held: Claim) -> None:
    """Hold on to the job for another lease; raises LeaseLost."""
    _under_fence(session, held, {"lease_ends_at": database_clock(session) + LEASE})


def complete(session: Session, held: Claim) -> None:
    """Forget the job, in the transaction that keeps its effect; raises LeaseLost."""
    gone: Any = session.execute(delete(Job).where(Job.id == held.id, Job.fence == held.fence))
    if not gone.rowcount:
        raise LeaseLost(f"job {held.id} ({held.kind}) was taken over")


def fail(session: Session, held: Claim, error: str) -> None:
    """Try again later, each time after twice as long; for good after `max_attempts`."""
    pause = min(FIRST_RETRY * 2 ** (held.attempts - 1), LONGEST_RETRY)
    state = "failed" if held.attempts >= held.max_attempts else "ready"
    values = {"state": state, "run_at": database_clock(session) + pause, "error": error[:2000]}
    if state == "ready" and _another_waits(session, held):
        complete(session, held)  # the one that waits does the same work
    else:
        _under_fence(session, held, values | {"lease_ends_at": None})


def _another_waits(session: Session, held: Claim) -> bool:
    mine = select(Job.key).where(Job.id == held.id).scalar_subquery()
    twin = select(Job.id).where(Job.kind == held.kind, Job.key == mine, Job.state == "ready")
    return session.scalar(twin.limit(1)) is not None


def _under_fence(session: Session, held: Claim, values: Mapping[str, Any]) -> None:
    changed: Any = session.execute(
        update(Job).where(Job.id == held.id, Job.fence == held.fence).values(**values)
    )
    if not changed.rowcount:
        raise LeaseLost(f"job {held.id} ({held.kind}) was taken over")
