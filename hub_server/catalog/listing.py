"""Listings of one kind of repository: filters, order, and pages that stay stable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, String, cast, exists, func, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub_server.accounts import Caller, visible_clause
from hub_server.db.tables.repos import Kind, Repo

Sort = Literal["lastModified", "createdAt", "downloads", "likes", "trendingScore"]
LinkedKind = Literal["models", "datasets"]
SORTS: dict[Sort, InstrumentedAttribute[Any]] = {
    "lastModified": Repo.updated_at,
    "createdAt": Repo.created_at,
    "downloads": Repo.downloads,
    "likes": Repo.likes,
    "trendingScore": Repo.updated_at,
}


@dataclass(frozen=True)
class Filters:
    """All given conditions must hold. `tags` match plain or with their prefix.

    `links`: models and datasets that a Space's metadata names.
    """

    kind: Kind
    search: tuple[str, ...] = ()
    author: str | None = None
    tags: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    gated: bool | None = None
    links: tuple[tuple[LinkedKind, str], ...] = ()
    sort: Sort = "lastModified"


@dataclass(frozen=True)
class Listing:
    """One page; `after` is what the next page begins behind, None on the last."""

    repos: Sequence[Repo]
    after: list[Any] | None


def listing(
    session: Session,
    filters: Filters,
    caller: Caller,
    *,
    after: object = None,
    limit: int = 100,
) -> Listing:
    """What the caller may see, newest or most first. One statement."""
    column = SORTS[filters.sort]
    statement = _filtered(session, filters, caller).order_by(column.desc(), Repo.id.desc())
    if (place := _place(after, filters.sort)) is not None:
        statement = statement.where(tuple_(column, Repo.id) < tuple_(*place))
    rows = session.scalars(statement.limit(limit + 1)).all()
    page = rows[:limit]
    if len(rows) <= limit:
        return Listing(page, None)
    value = getattr(page[-1], column.key)
    return Listing(page, [_written(value), page[-1].id])


def count(session: Session, filters: Filters, caller: Caller) -> int:
    """How many there are in all."""
    inner = _filtered(session, filters, caller).with_only_columns(Repo.id).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0


def _filtered(session: Session, filters: Filters, caller: Caller) -> Select[Repo]:
    statement = select(Repo).where(Repo.kind == filters.kind, visible_clause(caller))
    for word in filters.search:
        statement = statement.where(Repo.name_key.contains(word.lower(), autoescape=True))
    if filters.author:
        owner = filters.author.lower()
        statement = statement.where(Repo.name_key.startswith(f"{owner}/", autoescape=True))
    for tag in filters.tags:
        statement = statement.where(_has_tag(session, tag))
    for field, name in filters.links:
        statement = statement.where(_names(session, field, name))
    if filters.pipeline_tag:
        statement = statement.where(Repo.pipeline_tag == filters.pipeline_tag)
    if filters.gated is not None:
        given = Repo.gated.is_not(None)
        statement = statement.where(given if filters.gated else ~given)
    return statement


def _has_tag(session: Session, tag: str) -> ColumnElement[bool]:
    spellings = {tag, f"language:{tag}", tag.removeprefix("language:")}
    if session.get_bind().dialect.name == "postgresql":
        wanted = cast(Repo.tags, JSONB)
        return func.jsonb_exists_any(wanted, list(spellings))
    each = func.json_each(Repo.tags).table_valued("value", name="tag_value")
    return exists(select(1).select_from(each).where(cast(each.c.value, String).in_(spellings)))


def _names(session: Session, field: LinkedKind, name: str) -> ColumnElement[bool]:
    """Whether the list `field` of the facts holds `name`."""
    if session.get_bind().dialect.name == "postgresql":
        return func.jsonb_exists(cast(Repo.facts, JSONB)[field], name)
    each = func.json_each(Repo.facts, f"$.{field}").table_valued("value", name="linked_name")
    return exists(select(1).select_from(each).where(cast(each.c.value, String) == name))


def _place(after: object, sort: Sort) -> tuple[Any, int] | None:
    if not isinstance(after, list) or len(after) != 2 or not isinstance(after[1], int):  # noqa: PLR2004
        return None
    value = after[0]
    if sort in ("lastModified", "createdAt", "trendingScore"):
        try:
            return datetime.fromisoformat(str(value)), after[1]
        except ValueError:
            return None
    return (int(value), after[1]) if isinstance(value, int) else None


def _written(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
