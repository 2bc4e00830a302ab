"""Many small rows of the index in one statement: on PostgreSQL as arrays, which takes a tenth of
the time of rows one by one; on SQLite the driver repeats one that is prepared."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from hub_server.catalog.rows import is_sqlite

Rows = Sequence[tuple[Any, ...]]
_INTO = "INSERT INTO tag_bits (tag_id, chunk, n, bits, version)"
_INSTEAD = (
    "ON CONFLICT (tag_id, chunk) DO UPDATE "
    "SET n = excluded.n, bits = excluded.bits, version = excluded.version"
)


def insert_pairs(session: Session, rows: Rows) -> None:
    """Tag and repository, of pairs that the index has not."""
    _run(
        session,
        "INSERT INTO repo_tag (tag_id, repo_id) VALUES (:c0, :c1)",
        "INSERT INTO repo_tag (tag_id, repo_id) "
        "SELECT * FROM unnest(CAST(:c0 AS integer[]), CAST(:c1 AS integer[]))",
        rows,
    )


def delete_pairs(session: Session, rows: Rows) -> None:
    """Tag and repository."""
    _run(
        session,
        "DELETE FROM repo_tag WHERE tag_id = :c0 AND repo_id = :c1",
        "DELETE FROM repo_tag "
        "USING unnest(CAST(:c0 AS integer[]), CAST(:c1 AS integer[])) AS gone(tag, repo) "
        "WHERE tag_id = gone.tag AND repo_id = gone.repo",
        rows,
    )


def add_counts(session: Session, rows: Rows) -> None:
    """Tag, how many more have it, how many more public ones."""
    _run(
        session,
        "UPDATE tag SET n = n + :c1, n_public = n_public + :c2 WHERE id = :c0",
        "UPDATE tag SET n = tag.n + more.n, n_public = tag.n_public + more.shown "
        "FROM unnest(CAST(:c0 AS integer[]), CAST(:c1 AS integer[]), CAST(:c2 AS integer[])) "
        "AS more(id, n, shown) WHERE tag.id = more.id",
        rows,
    )


def put_sets(session: Session, version: int, rows: Rows) -> None:
    """Tag, chunk, number of ids and the set itself, in place of what is there."""
    arrays = (
        "unnest(CAST(:c0 AS integer[]), CAST(:c1 AS integer[]), CAST(:c2 AS integer[]), "
        "CAST(:c3 AS bytea[]), CAST(:c4 AS bigint[]))"
    )
    _run(
        session,
        f"{_INTO} VALUES (:c0, :c1, :c2, :c3, :c4) {_INSTEAD}",
        f"{_INTO} SELECT * FROM {arrays} {_INSTEAD}",  # noqa: S608 - our own words
        [(*row, version) for row in rows],
    )


def _run(session: Session, one: str, all_at_once: str, rows: Rows) -> None:
    if not rows:
        return
    connection = session.connection()
    if is_sqlite(session):
        values = [{f"c{at}": value for at, value in enumerate(row)} for row in rows]
        connection.execute(text(one), values)
    else:
        columns = {f"c{at}": list(column) for at, column in enumerate(zip(*rows, strict=True))}
        connection.execute(text(all_at_once), columns)
