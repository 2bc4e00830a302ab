"""Large files: every row has a stored form, whose blob has the size and the hash of its name."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub_server.db.tables.objects import LargeObject, ObjectForm, ObjectLink, PendingLink
from hub_server.db.tables.repos import Repo
from hub_server.upkeep.findings import Finding
from hub_server.upkeep.looking import Look, Problem
from hub_server.upkeep.repositories import label

AT_ONCE = 256
WORKERS = 4
SHOWN = 10
"""Repositories that a finding names."""
AGAIN = "have somebody who has the file send it again (`git lfs push --all`, or `upload_file`)."
ADVICE = {
    "missing": "Bring it back from a backup of the store, or " + AGAIN,
    "truncated": "Bring it back from a backup of the store, or " + AGAIN,
    "altered": "Bring it back from a backup of the store; or remove it there and " + AGAIN,
    "unreadable": "Look at the disk, then bring it back from a backup of the store.",
    "formless": "Bring the rows back from a backup, or " + AGAIN,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """`key` is None for an object that has no stored form."""

    id: int
    sha256: str
    size: int
    key: str | None
    stored: int | None


def check_large_files(look: Look, repo_id: int | None = None) -> Iterator[Finding]:
    """Each object once, however many repositories use it; those of one repository only."""
    after = 0
    with ThreadPoolExecutor(WORKERS, "fsck") as pool:
        while rows := _rows(look, repo_id, after):
            after = rows[-1].id
            problems = pool.map(partial(_problem, look), rows)
            for row, problem in zip(rows, problems, strict=True):
                if problem is not None:
                    yield from _confirmed(look, row)


def _rows(look: Look, repo_id: int | None, after: int) -> list[_Row]:
    statement = (
        select(
            LargeObject.id,
            LargeObject.sha256,
            LargeObject.size,
            ObjectForm.key,
            ObjectForm.size.label("stored"),
        )
        .outerjoin(ObjectForm, ObjectForm.object_id == LargeObject.id)
        .where(LargeObject.id > after)
        .order_by(LargeObject.id)
        .limit(AT_ONCE)
    )
    if repo_id is not None:
        mine = ObjectLink.object_id == LargeObject.id
        statement = statement.join(ObjectLink, mine).where(ObjectLink.repo_id == repo_id)
    with look.hub.database.read() as session:
        return [_Row(*row) for row in session.execute(statement)]


def _problem(look: Look, row: _Row) -> Problem | None:
    look.meter.add(objects=1)
    if row.key is None:
        return Problem("formless", f"The large file {row.sha256} has no stored form.")
    if row.stored != row.size:
        words = f"The rows of {row.sha256} tell two sizes, {row.size} and {row.stored}."
        return Problem("formless", words)
    return look.problem(row.key, row.size, row.sha256)


def _confirmed(look: Look, row: _Row) -> Iterator[Finding]:
    """Look once more at what the row says now: it may have been collected meanwhile."""
    rows = [each for each in _rows(look, None, row.id - 1) if each.id == row.id]
    problem = _problem(look, rows[0]) if rows else None
    if problem is None:
        return
    with look.hub.database.read() as session:
        names, used = _users(session, row.id)
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    message = f"{problem.message} It is used by {shown or 'nobody'}."
    subject = row.key or row.sha256
    repo = names[0] if names else ""
    yield Finding(
        "error" if used else "note",
        f"object-{problem.code}",
        subject,
        message,
        repo,
        ADVICE[problem.code] if used else "",
    )


def _users(session: Session, object_id: int) -> tuple[list[str], bool]:
    """Repositories that link the object, and whether anybody may still need it."""
    linked = select(ObjectLink.repo_id).where(ObjectLink.object_id == object_id)
    waiting = select(PendingLink.repo_id).where(PendingLink.object_id == object_id)
    columns = select(Repo.kind, Repo.full_name, Repo.deleted_at)
    rows = session.execute(
        columns.where(or_(Repo.id.in_(linked), Repo.id.in_(waiting)))
        .order_by(Repo.id)
        .limit(SHOWN + 1)
    )
    names = [label(kind, name, deleted=gone is not None) for kind, name, gone in rows]
    return names, bool(names)
