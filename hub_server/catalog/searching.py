"""Ids from the index of names and texts that `db.findable` keeps, as sets."""

import json
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

from pyroaring import BitMap
from sqlalchemy import text
from sqlalchemy.orm import Session

from hub_server.catalog.rows import is_sqlite


def found_by_sqlite(session: Session, statement: str, **values: object) -> BitMap:
    """What a statement selects whose one column is `id`, as one value: half of the time of rows."""
    whole = text(f"SELECT group_concat(id) FROM ({statement})")  # noqa: S608 - our own words
    ids = session.connection().execute(whole, values).scalar()
    return BitMap(array("I", json.loads(f"[{ids or ''}]")))


def found_by_postgres(session: Session, table: str, condition: str, **values: object) -> BitMap:
    """The ids of a table's rows, sent as one value, which takes half of the time of rows."""
    statement = text(
        f"SELECT string_agg(int4send(repo_id), ''::bytea) FROM {table} WHERE {condition}"  # noqa: S608 - our own words
    )
    with by_index(session):
        packed = session.connection().execute(statement, values).scalar()
    ids = array("I", bytes(packed or b""))
    if sys.byteorder == "little":
        ids.byteswap()
    return BitMap(ids)


@contextmanager
def by_index(session: Session) -> Iterator[None]:
    """PostgreSQL does not read a whole table: it takes that for cheaper than it is, as the texts
    lie beside it."""
    if is_sqlite(session):
        yield
        return
    connection = session.connection()
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    yield
    connection.execute(text("SET LOCAL enable_seqscan = on"))
