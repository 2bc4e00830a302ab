"""Rows in every table of a database, whatever its schema: made from what the database says."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    func,
    inspect,
    select,
)

from hub_server.db import Database, findable

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAKERS: tuple[tuple[type, Callable[[int, Any], Any]], ...] = (
    (Integer, lambda number, _: number),
    (Float, lambda number, _: float(number)),
    (Date, lambda _, kind: MOMENT.date()),
    (Boolean, lambda number, _: number % 2 == 0),
    (DateTime, lambda _, kind: MOMENT if kind.timezone else MOMENT.replace(tzinfo=None)),
    (JSON, lambda number, _: {"number": number}),
    (LargeBinary, lambda number, _: b"\x00\xff%d" % number),
)


def fill(database: Database, count: int = 5) -> None:
    """`count` rows in each table; row `i` refers to row `i` of other tables."""
    tables = MetaData()
    with database.engine.execution_options(writer=True).begin() as connection:
        tables.reflect(connection, only=_not_derived)
        for table in _ours(tables):
            choices = dict(_choices(connection, table))
            for number in range(1, count + 1):
                row = {c.name: _value(c, number, choices) for c in table.columns}
                connection.execute(table.insert().values(row))


def counts(database: Database) -> dict[str, int]:
    """Rows of each table but the one that keeps the schema's version."""
    tables = MetaData()
    with database.engine.connect() as connection:
        tables.reflect(connection, only=_not_derived)
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in _ours(tables)
        }


def _not_derived(name: str, _: object) -> bool:
    return not findable.is_derived(name)


def _ours(tables: MetaData) -> list[Table]:
    return [table for table in tables.sorted_tables if table.name != "alembic_version"]


def _choices(connection: Connection, table: Table) -> Iterator[tuple[str, list[str]]]:
    """Columns that take only certain words."""
    for check in inspect(connection).get_check_constraints(table.name):
        text = str(check["sqltext"])
        words = re.findall(r"'([^']+)'", text)
        name = next((word for word in re.findall(r"\w+", text) if word in table.columns), None)
        if name and words:
            yield name, words


def _value(column: Column[Any], number: int, choices: dict[str, list[str]]) -> Any:
    if words := choices.get(column.name):
        return words[number % len(words)]
    if column.foreign_keys:
        return number
    for kind, make in MAKERS:
        if isinstance(column.type, kind):
            return make(number, column.type)
    return f"{number}{column.name}"[: getattr(column.type, "length", None) or 20]
