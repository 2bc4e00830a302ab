"""A page out of a set of repositories in some order, and where the next one begins.

Two ways lead to it: sort all ids of the set, or walk down the index of the order until enough of
the set have come by. The cheaper one is told by arithmetic; a walk that takes much longer than
expected is given up.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub_server.catalog.question import Question, Sort
from hub_server.catalog.rows import among, is_sqlite
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import BadRequest

COLUMNS: dict[Sort, InstrumentedAttribute[Any]] = {
    "trending": Repo.trending,
    "downloads": Repo.downloads,
    "likes": Repo.likes,
    "created": Repo.created_at,
    "modified": Repo.updated_at,
    "parameters": Repo.parameters,
    "id": Repo.id,
}
LONGEST_ID = 2**31
PATIENCE = 2_000
"""Rows that a walk may take beyond four times of what is expected."""
BATCH = 500


class Place(NamedTuple):
    """An entry of a listing by what it is sorted by."""

    value: Any
    id: int


class Order(NamedTuple):
    """Repositories of a kind, the highest of a column first; `size`: about how many there are."""

    kind: Kind
    column: Any
    size: int


def page(
    session: Session, order: Order, bits: BitMap, after: Place | None, limit: int
) -> list[Place]:
    """The first `limit` of the set behind a place."""
    if not bits:
        return []
    if order.column is Repo.id:
        return _by_id(bits, after, limit)
    size = max(order.size, len(bits))
    if len(bits) ** 2 > limit * size:
        found = _walked(session, order, bits, after, limit)
        if found is not None:
            return found
    return _sorted(session, order, bits, after, limit)


def _by_id(bits: BitMap, after: Place | None, limit: int) -> list[Place]:
    end = bits.rank(after.id - 1) if after and after.id > 0 else 0 if after else len(bits)
    some = bits[max(0, end - limit) : end]
    return [Place(number, number) for number in reversed(some.to_array())]


def _sorted(
    session: Session, order: Order, bits: BitMap, after: Place | None, limit: int
) -> list[Place]:
    column = order.column
    statement: Select[Any] = select(column, Repo.id)
    if is_sqlite(session):
        each = func.json_each(json.dumps(list(bits))).table_valued("value")
        statement = statement.select_from(each).join(Repo, Repo.id == each.c.value)
    else:
        statement = statement.where(among(session, Repo.id, bits))
    if after is not None:
        statement = statement.where(_behind(column, after))
    statement = statement.order_by(column.desc(), Repo.id.desc()).limit(limit)
    return [Place(*row) for row in session.connection().execute(statement)]


def _behind(column: Any, after: Place) -> ColumnElement[bool]:
    return or_(column < after.value, (column == after.value) & (Repo.id < after.id))


def _walked(
    session: Session, order: Order, bits: BitMap, after: Place | None, limit: int
) -> list[Place] | None:
    """None where the set lies so far down that sorting it is cheaper."""
    expected = limit * max(order.size, len(bits)) // len(bits) + 1
    walk = _streamed if is_sqlite(session) else _in_batches
    rows = islice(walk(session, order, after, expected), PATIENCE + 4 * expected)
    found: list[Place] = []
    seen = 0
    for row in rows:
        seen += 1
        if row.id in bits:
            found.append(row)
            if len(found) == limit:
                return found
    return found if seen < PATIENCE + 4 * expected else None


def _streamed(
    session: Session, order: Order, after: Place | None, expected: int
) -> Iterator[Place]:
    """SQLite reads no further than is asked for; of a row value it would use the first part only,
    so that ties are a statement of their own."""
    del expected
    column = order.column
    rows = select(column, Repo.id).where(Repo.kind == order.kind)
    if after is not None:
        ties = rows.where(column == after.value, Repo.id < after.id).order_by(Repo.id.desc())
        yield from _run(session, ties)
        rows = rows.where(column < after.value)
    yield from _run(session, rows.order_by(column.desc(), Repo.id.desc()))


def _in_batches(
    session: Session, order: Order, after: Place | None, expected: int
) -> Iterator[Place]:
    column = order.column
    rows = select(column, Repo.id).where(Repo.kind == order.kind)
    rows = rows.order_by(column.desc(), Repo.id.desc())
    size = expected * 14 // 10 + 40
    while True:
        some = rows if after is None else rows.where(
            tuple_(column, Repo.id) < tuple_(_bound(column, after.value), after.id)
        )  # fmt: skip
        batch = list(_run(session, some.limit(size)))
        yield from batch
        if len(batch) < size:
            return
        after, size = batch[-1], size * 2


def _bound(column: Any, value: Any) -> Any:
    return bindparam(None, value, type_=column.type)


def _run(session: Session, statement: Select[Any]) -> Iterator[Place]:
    result = session.connection().execute(statement)
    try:
        for some in result.partitions(BATCH):
            yield from (Place(value, number) for value, number in some)
    finally:
        result.close()


def written(question: Question, place: Place) -> list[Any]:
    """A place as the next request brings it back."""
    value = place.value
    text = value.isoformat() if isinstance(value, datetime) else value
    return [text, place.id, question.digest]


def read(question: Question, after: object) -> Place | None:
    """Raises BadRequest for what is not the end of a page of this question."""
    if after is None:
        return None
    match after:
        case [value, int(number), str(digest)] if digest == question.digest:
            if 0 < number < LONGEST_ID and not isinstance(number, bool):
                return Place(_value(question.sort, value), number)
    raise BadRequest('"cursor" is not one of ours; start from the first page.')


def _value(sort: Sort, value: object) -> Any:
    try:
        match sort, value:
            case (("created" | "modified"), str(text)):
                return _moment(text)
            case "relevance", int(start) if 0 < start < LONGEST_ID:
                return start
            case "trending", (int() | float()) as number if number == number:  # noqa: PLR0124
                return float(number)
            case (("downloads" | "likes" | "parameters" | "id"), int(count)):
                if abs(count) < LONGEST_ID**2:
                    return count
    except (ValueError, OverflowError):
        pass
    raise BadRequest('"cursor" is not one of ours; start from the first page.')


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def rows_of(session: Session, ids: Sequence[int], condition: ColumnElement[bool]) -> list[Repo]:
    """In the order of the ids; a row that does not meet the condition is left out."""
    statement = select(Repo).where(Repo.id.in_(ids), condition)
    found = {repo.id: repo for repo in session.scalars(statement)}
    return [found[number] for number in ids if number in found]
