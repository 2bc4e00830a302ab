"""Lists of ids and of tags as one parameter of a statement, however long they are."""

import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from hub_server.catalog.tagging import Pair
from hub_server.db.tables.catalog import TagRow


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def among(session: Session, column: Any, ids: Iterable[int]) -> ColumnElement[bool]:
    """Whether a column of integers has one of these values."""
    if is_sqlite(session):
        each = func.json_each(json.dumps(list(ids))).table_valued("value")
        found: ColumnElement[bool] = column.in_(select(each.c.value))
        return found
    given: Any = bindparam(None, list(ids), type_=ARRAY(Integer))
    same: ColumnElement[bool] = column == any_(given)
    return same


def tag_ids(session: Session, pairs: Collection[Pair]) -> dict[Pair, int]:
    """The ids of those tags that exist."""
    if not pairs:
        return {}
    wanted = sorted(set(pairs))
    same: ColumnElement[bool]
    if is_sqlite(session):
        each = func.json_each(json.dumps(wanted)).table_valued("value")
        kind, name = (func.json_extract(each.c.value, place) for place in ("$[0]", "$[1]"))
        same = (TagRow.type == kind) & (TagRow.name == name)
        source: Any = each
    else:
        columns = (
            bindparam(None, list(each), type_=ARRAY(Text)) for each in zip(*wanted, strict=True)
        )
        source = func.unnest(*columns).table_valued("type", "name").render_derived()
        same = (TagRow.type == source.c.type) & (TagRow.name == source.c.name)
    statement = select(TagRow.type, TagRow.name, TagRow.id).select_from(source).join(TagRow, same)
    rows = session.connection().execute(statement)
    return {(type_, name_): number for type_, name_, number in rows}
