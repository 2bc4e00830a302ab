"""All rows as text that either database can take back, read in one transaction.

Tables are taken as the database has them, not as this release's code does, so that a later release
reads a backup of an earlier one: it makes the earlier schema, fills it and upgrades.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, LargeBinary, MetaData, Table, select
from sqlalchemy.types import Date, TypeEngine

from hub_server.db import Database, findable
from hub_server.db.tables.git import Pack
from hub_server.db.tables.jobs import Fact
from hub_server.db.tables.objects import LargeObject, ObjectForm
from hub_server.db.tables.xet import Xorb
from hub_server.gitstore.records import index_key, pack_key
from hub_server.objects import xorb_key
from hub_server.upkeep.backup_format import LineWriter, NamedBlob, TableFacts

TRANSIENT = frozenset({
    "alembic_version", "lease", "upload", "upload_part", "doomed_blob", "prune_mark",
    "recent_download",
})  # fmt: skip
"""What is in flight on the hub that is backed up, and means nothing to another."""
STREAMED = {"yield_per": 1000}
Coder = Callable[[Any], Any]


@contextmanager
def frozen(database: Database) -> Iterator[Connection]:
    """A connection that sees the database as it is now for as long as the block lasts."""
    options: dict[str, Any] = {}
    if not database.is_sqlite:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with database.read() as session:
        connection = session.connection(execution_options=options)
        connection.execute(select(Pack.id).limit(1)).all()  # the view begins with the first look
        yield connection


def kept_tables(connection: Connection) -> list[Table]:
    """What a backup holds, tables before those that refer to them."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: not findable.is_derived(name))
    for table in found.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
    return [table for table in found.sorted_tables if table.name not in TRANSIENT]


def dump(
    connection: Connection, folder: Path, on_rows: Callable[[int], object]
) -> dict[str, TableFacts]:
    """Write every table into `folder`; `on_rows` hears how many rows have been written."""
    return {table.name: _dump(connection, table, folder, on_rows)
            for table in kept_tables(connection)}  # fmt: skip


def _dump(
    connection: Connection, table: Table, folder: Path, on_rows: Callable[[int], object]
) -> TableFacts:
    columns = list(table.columns)
    encoders = [encoder(column.type) for column in columns]
    statement = select(*columns).order_by(*table.primary_key.columns)
    if table.name == Pack.__tablename__:
        statement = statement.where(table.c.state == "live")  # the bytes of others may go
    rows = connection.execute(statement, execution_options=STREAMED)
    file = LineWriter(folder, f"tables/{table.name}.jsonl.gz")
    try:
        for some in rows.partitions():
            for row in some:
                file.write(coded(encoders, row))
            on_rows(len(some))
    finally:
        facts = file.close()
    return TableFacts(**asdict(facts), columns=[column.name for column in columns])


def coded(coders: Sequence[Coder], row: Sequence[Any]) -> list[Any]:
    return [None if value is None else code(value) for code, value in zip(coders, row, strict=True)]


def encoder(kind: TypeEngine[Any]) -> Coder:
    """From a value of the database to one that JSON knows."""
    if isinstance(kind, DateTime):
        return _moment
    if isinstance(kind, Date):
        return date.isoformat
    if isinstance(kind, LargeBinary):
        return lambda value: base64.b64encode(value).decode()
    return lambda value: value


def _moment(value: datetime) -> str:
    return (
        value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    ).isoformat()


def named_blobs(connection: Connection) -> Iterator[NamedBlob]:
    """Every blob that rows of a backup name."""
    columns = (Pack.name, Pack.size, Pack.pack_sha256, Pack.index_size, Pack.index_sha256)
    packs = select(*columns).where(Pack.state == "live").order_by(Pack.id)
    for name, size, sha256, index_size, index_sha256 in connection.execute(
        packs, execution_options=STREAMED
    ):
        yield NamedBlob(pack_key(name), size, sha256)
        yield NamedBlob(index_key(name), index_size, index_sha256)
    forms = (
        select(ObjectForm.key, ObjectForm.size, LargeObject.sha256)
        .join(LargeObject, LargeObject.id == ObjectForm.object_id)
        .order_by(ObjectForm.object_id)
    )
    for key, size, sha256 in connection.execute(forms, execution_options=STREAMED):
        yield NamedBlob(key, size, sha256 if key == f"lfs/{sha256}" else "")
    xorbs = select(Xorb.sha256, Xorb.size).order_by(Xorb.id)
    for sha256, size in connection.execute(xorbs, execution_options=STREAMED):
        yield NamedBlob(xorb_key(sha256), size, sha256)


def read_facts(connection: Connection) -> Mapping[str, str]:
    return dict(connection.execute(select(Fact.name, Fact.value)).all())
