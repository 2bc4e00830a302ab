"""INSERT … ON CONFLICT, spelled alike on both databases."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hub_server.db.base import Base

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def insert_into(session: Session, table: type[Base], rows: Rows) -> Any:
    """The statement of the session's database, to which `on_conflict_…` and `returning` go."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    assert isinstance(table.__table__, Table)  # noqa: S101 - mapped classes have one
    return dialect.insert(table.__table__).values(rows)


def insert_ignore(session: Session, table: type[Base], rows: Rows) -> int:
    """Insert what is not there yet (by any unique key); returns the number of new rows."""
    if not rows:
        return 0
    statement = insert_into(session, table, rows).on_conflict_do_nothing()
    # Without the option SQLAlchemy answers -1 for an INSERT on PostgreSQL.
    result: Any = session.execute(statement, execution_options={"preserve_rowcount": True})
    return int(result.rowcount)


def upsert(
    session: Session,
    table: type[Base],
    rows: Rows,
    *,
    key: Sequence[str],
    update: Mapping[str, ColumnElement[Any] | Any] | Sequence[str],
) -> None:
    """Insert, or update the row with the same `key`.

    `update` names the columns that take the new value, or maps columns to expressions.
    """
    if not rows:
        return
    statement = insert_into(session, table, rows)
    changes = (
        dict(update)
        if isinstance(update, Mapping)
        else {name: statement.excluded[name] for name in update}
    )
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changes))
