"""Large files: every row has a stored form; a plain one has the size and the hash of its name, one
of chunks has terms that give the file."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select

from hub_server.db.tables.objects import LargeObject, ObjectForm, ObjectLink
from hub_server.db.tables.xet import XetFile
from hub_server.upkeep.findings import Finding
from hub_server.upkeep.looking import Look, Problem
from hub_server.upkeep.users import shown, users
from hub_server.upkeep.xorbs import terms_problem

AT_ONCE = 256
WORKERS = 4
AGAIN = "have somebody who has the file send it again (`git lfs push --all`, or `upload_file`)."
ADVICE = {
    "missing": "Bring it back from a backup of the store, or " + AGAIN,
    "truncated": "Bring it back from a backup of the store, or " + AGAIN,
    "altered": "Bring it back from a backup of the store; or remove it there and " + AGAIN,
    "unreadable": "Look at the disk, then bring it back from a backup of the store.",
    "terms": "Bring the rows back from a backup.",
    "formless": "Bring the rows back from a backup, or " + AGAIN,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """`key` is None for an object that has no plain form, `xet` for one that is not chunks."""

    id: int
    sha256: str
    size: int
    key: str | None
    stored: int | None
    xet: str | None


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
            XetFile.hash.label("xet"),
        )
        .outerjoin(ObjectForm, ObjectForm.object_id == LargeObject.id)
        .outerjoin(XetFile, XetFile.object_id == LargeObject.id)
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
    if row.key is None and row.xet is None:
        return Problem("formless", f"The large file {row.sha256} has no stored form.")
    problem = row.key and _plain_problem(look, row, row.key)
    if problem or row.xet is None:
        return problem or None
    return terms_problem(look, row.id, row.size, row.xet)


def _plain_problem(look: Look, row: _Row, key: str) -> Problem | None:
    if row.stored != row.size:
        words = f"The rows of {row.sha256} tell two sizes, {row.size} and {row.stored}."
        return Problem("formless", words)
    return look.problem(key, row.size, row.sha256)


def _confirmed(look: Look, row: _Row) -> Iterator[Finding]:
    """Look once more at what the row says now: it may have been collected meanwhile."""
    rows = [each for each in _rows(look, None, row.id - 1) if each.id == row.id]
    problem = _problem(look, rows[0]) if rows else None
    if problem is None:
        return
    with look.hub.database.read() as session:
        names = users(session, [row.id])
    message = f"{problem.message} It is used by {shown(names)}."
    subject = row.sha256 if problem.code == "terms" else row.key or row.sha256
    repo = names[0] if names else ""
    yield Finding(
        "error" if names else "note",
        f"object-{problem.code}",
        subject,
        message,
        repo,
        ADVICE[problem.code] if names else "",
    )
