"""Rows of a backup into an empty database of either kind, in one transaction."""

import base64
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.schema import AddConstraint, DropConstraint
from sqlalchemy.types import Date, String, TypeEngine

from hub_server.db import Database, findable
from hub_server.errors import Unprocessable
from hub_server.upkeep.backup_format import DamagedBackup, Manifest, TableFacts, read_lines
from hub_server.upkeep.backup_rows import Coder, coded, kept_tables

AT_ONCE = 1000
NOT_CONTENT = frozenset({"alembic_version", "fact", "lease", "job", "one_time_link", "throttle"})
"""Tables in which a hub that nobody has used yet has rows of its own."""


class RowsRefused(Unprocessable):
    """The database does not take what the backup holds."""


def first_content(connection: Connection) -> str | None:
    """A table with content, None in an empty database or on a hub that nobody used yet."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: not findable.is_derived(name))
    for table in found.sorted_tables:
        if table.name not in NOT_CONTENT and connection.execute(select(table).limit(1)).first():
            return table.name
    return None


@contextmanager
def filling(database: Database) -> Iterator[Connection]:
    """One transaction in which references are checked at the end and not before."""
    engine = database.engine.execution_options(writer=True)
    with engine.connect() as connection:
        if not database.is_sqlite:
            with connection.begin():
                yield connection
            return
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - by the URL
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchone()
                if broken:
                    raise RowsRefused(
                        "A row of the table {table} refers to one that is not in the backup.",
                        table=broken[0],
                    )
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def load(
    connection: Connection, folder: Path, manifest: Manifest, on_rows: Callable[[int], object]
) -> int:
    """Replace all rows by those of the backup, in a transaction of `filling`; how many there are.

    What finds names and texts goes; `Schema.prepare` makes it anew. Raises DamagedBackup,
    RowsRefused.
    """
    findable.drop(connection)
    tables = {table.name: table for table in kept_tables(connection)}
    if unknown := sorted(manifest.tables.keys() - tables.keys()):
        raise RowsRefused("The backup has a table {name} that is unknown here.", name=unknown[0])
    references = _drop_references(connection, tables.values())
    for table in reversed(tables.values()):
        connection.execute(delete(table))
    count = 0
    for name in (name for name in tables if name in manifest.tables):
        with _told(name):
            count += _fill(connection, tables[name], folder, manifest.tables[name], on_rows)
    for reference in references:
        connection.execute(AddConstraint(reference))
    if connection.dialect.name == "postgresql":
        for table in tables.values():
            _set_sequences(connection, table)
    return count


@contextmanager
def _told(table: str) -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError) as failure:
        said = str(failure.orig).strip().splitlines()[0]
        raise RowsRefused(
            "The database refuses rows of the table {table}: {said}.", table=table, said=said
        ) from failure


def _drop_references(connection: Connection, tables: Iterable[Table]) -> list[ForeignKeyConstraint]:
    """PostgreSQL checks each row at once, in an order that no list of tables can always satisfy."""
    if connection.dialect.name != "postgresql":
        return []
    found = [constraint for table in tables for constraint in table.foreign_key_constraints]
    for constraint in found:
        connection.execute(DropConstraint(constraint))
    return found


def _fill(
    connection: Connection,
    table: Table,
    folder: Path,
    facts: TableFacts,
    on_rows: Callable[[int], object],
) -> int:
    names = facts.columns
    if unknown := [name for name in names if name not in table.columns]:
        raise RowsRefused(
            "The backup has a column {table}.{name} that is unknown here.",
            table=table.name,
            name=unknown[0],
        )
    dialect = connection.dialect.name
    decoders = [decoder(table.columns[name].type, dialect) for name in names]
    lines = read_lines(folder, facts)
    count = 0
    while some := list(islice(lines, AT_ONCE)):
        rows = [dict(zip(names, coded(decoders, line), strict=True)) for line in some]
        connection.execute(table.insert(), rows)
        count += len(rows)
        on_rows(len(rows))
    there = connection.execute(select(func.count()).select_from(table)).scalar_one()
    if not count == there == facts.rows:
        raise DamagedBackup(
            "{path} has {found} rows instead of {wanted}.",
            path=str(folder / facts.file),
            found=there,
            wanted=facts.rows,
        )
    return count


def decoder(kind: TypeEngine[Any], dialect: str) -> Coder:
    """From what JSON knows to a value for a column of this kind; see `backup_rows.encoder`."""
    if isinstance(kind, DateTime):
        return _naive if dialect == "sqlite" else datetime.fromisoformat
    if isinstance(kind, Date):
        return date.fromisoformat
    if isinstance(kind, LargeBinary):
        return base64.b64decode
    if dialect == "postgresql" and isinstance(kind, JSON | String):
        return storable
    return lambda value: value


def _naive(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)


def storable(value: Any) -> Any:
    """The value without what PostgreSQL has no place for: NUL in text, numbers that are none."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {storable(name): storable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [storable(each) for each in value]
    return value


def _set_sequences(connection: Connection, table: Table) -> None:
    """The next id is one that no row of the backup has."""
    for column in table.primary_key.columns:
        if not isinstance(column.type, Integer):
            continue
        name = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": f'"{table.name}"', "column": column.name},
        ).scalar()
        if name:
            highest = connection.execute(select(func.max(column))).scalar()
            connection.execute(
                text("SELECT setval(CAST(:name AS regclass), :value, :used)"),
                {"name": name, "value": highest or 1, "used": highest is not None},
            )
