"""The database itself: its file, its references, and rows in states that nothing leads out of."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, exists, func, or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub_server.db import Base, database_clock
from hub_server.db.tables.git import Lease, Pack
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.objects import Upload
from hub_server.upkeep.findings import Finding
from hub_server.upkeep.looking import Look

FAR = timedelta(days=8)
"""Nothing is held for longer, nor waits for longer than what is kept before it is pruned, unless a
clock was ahead when it was written."""
SOME = 20
RESTORE = "Stop the hub and restore the database from a backup."
CLOCK = "A clock was ahead. Starting a node brings back retries, leases and daily jobs."


def check_rows(look: Look, kinds: Collection[str] = ()) -> Iterator[Finding]:
    """`kinds` are the jobs that somebody works; others are told."""
    try:
        with look.hub.database.read() as session:
            if look.hub.database.is_sqlite:
                yield from _sqlite(session, fast=look.fast)
            else:
                yield from _references(session)
    except DBAPIError as failure:
        said = str(failure.orig).strip().splitlines()[0]
        yield Finding("error", "database", "database", f"It cannot be read: {said}.", "", RESTORE)
        return
    with look.hub.database.read() as session:
        patience = FAR + timedelta(days=look.hub.settings.prune_days)
        yield from _states(session, patience)
        yield from _jobs(session, kinds)


def _sqlite(session: Session, *, fast: bool) -> Iterator[Finding]:
    pragma = "quick_check" if fast else "integrity_check"
    for (said,) in session.execute(text(f"PRAGMA {pragma}({SOME})")):
        if said != "ok":
            yield Finding("error", "database", "database", f"SQLite says: {said}.", "", RESTORE)
    rows = session.execute(text("PRAGMA foreign_key_check")).fetchmany(SOME)
    for table, rowid, parent, _ in rows:
        message = f"Row {rowid} of {table} refers to a row of {parent} that is not there."
        yield Finding("error", "reference-broken", f"{table}:{rowid}", message, "", RESTORE)


def _references(session: Session) -> Iterator[Finding]:
    """PostgreSQL holds them by itself, unless somebody told it not to while restoring."""
    for table in Base.metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            child: Any = table.alias("child")
            parent: Any = constraint.referred_table.alias("parent")
            pairs = [(child.c[e.parent.name], parent.c[e.column.name]) for e in constraint.elements]
            there = exists().where(and_(*(mine == other for mine, other in pairs)))
            given = and_(*(mine.is_not(None) for mine, _ in pairs))
            broken = select(func.count()).select_from(child).where(given, ~there)
            if count := session.scalar(broken):
                yield _broken_reference(table, constraint.referred_table, count)


def _broken_reference(table: Table, parent: Table, count: int) -> Finding:
    message = f"{count} rows of {table.name} refer to rows of {parent.name} that are not there."
    return Finding("error", "reference-broken", f"{table.name}→{parent.name}", message, "", RESTORE)


@dataclass(frozen=True)
class _State:
    """Rows that `wrong` selects, by the clock and how long a job may wait, can never go on."""

    id: Any
    wrong: Callable[[datetime, timedelta], ColumnElement[bool]]
    message: str
    advice: str = ""


STATES = (
    _State(
        Job.id,
        lambda *_: and_(Job.state == "running", Job.lease_ends_at.is_(None)),
        "Job {id} is running under no lease; nobody takes it up.",
    ),
    _State(
        Job.id,
        lambda clock, patience: or_(
            and_(Job.state == "ready", Job.run_at > clock + patience),
            and_(Job.state == "running", Job.lease_ends_at > clock + FAR),
        ),
        "Job {id} waits for a day that is far away.",
        CLOCK,
    ),
    _State(
        Lease.name,
        lambda clock, _: Lease.expires_at > clock + FAR,
        "The lease {id} ends in more than a week.",
        "A clock was ahead. Delete the row while no node runs.",
    ),
    _State(
        Upload.id,
        lambda *_: and_(Upload.state == "verifying", Upload.lease_ends_at.is_(None)),
        "Upload {id} is being verified by nobody.",
    ),
    _State(
        Pack.name,
        lambda *_: and_(Pack.state == "retired", Pack.retired_at.is_(None)),
        "Pack {id} is retired since no time, so it is never collected.",
    ),
    _State(
        Pack.name,
        lambda clock, _: and_(Pack.state == "uploading", Pack.created_at > clock + FAR),
        "Pack {id} began to arrive in the future, so it is never collected.",
    ),
)


def _states(session: Session, patience: timedelta) -> Iterator[Finding]:
    clock = database_clock(session)
    for state in STATES:
        for found in session.scalars(
            select(state.id).where(state.wrong(clock, patience)).limit(SOME)
        ):
            subject = f"{state.id.class_.__tablename__}:{found}"
            message = state.message.format(id=found)
            yield Finding("error", "row-stuck", subject, message, "", state.advice)


def _jobs(session: Session, kinds: Collection[str]) -> Iterator[Finding]:
    failed = select(Job.kind, func.count(), func.max(Job.error)).where(Job.state == "failed")
    for kind, count, error in session.execute(failed.group_by(Job.kind)):
        message = f"{count} jobs failed for good, the last words were: {error}"
        yield Finding("note", "jobs-failed", kind, message)
    if not kinds:
        return
    strange = select(Job.kind, func.count()).where(Job.kind.not_in(sorted(kinds)))
    for kind, count in session.execute(strange.group_by(Job.kind)):
        message = f"{count} jobs are of a kind that this release does not know."
        yield Finding("note", "jobs-unknown", kind, message)
