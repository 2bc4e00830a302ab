"""The repositories of one namespace, newest change first, as far as the caller may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, visible_clause
from hub_server.db.tables.repos import KINDS, Kind, Repo


@dataclass(frozen=True)
class Cursor:
    """The last row of the page before."""

    updated_at: datetime
    id: int

    @classmethod
    def after(cls, repo: Repo) -> "Cursor":
        return cls(repo.updated_at, repo.id)


def list_in(
    session: Session,
    caller: Caller,
    namespace_id: int,
    *,
    kind: Kind | None = None,
    after: Cursor | None = None,
    limit: int = 100,
) -> Sequence[Repo]:
    statement = (
        select(Repo)
        .where(Repo.namespace_id == namespace_id, visible_clause(caller))
        .order_by(Repo.updated_at.desc(), Repo.id.desc())
        .limit(limit)
    )
    if kind:
        statement = statement.where(Repo.kind == kind)
    if after:
        place = tuple_(Repo.updated_at, Repo.id)
        statement = statement.where(place < tuple_(after.updated_at, after.id))
    return session.scalars(statement).all()


def counts(session: Session, caller: Caller, namespace_id: int) -> dict[Kind, int]:
    """How many of each kind the caller may see; every kind is a key."""
    rows = session.execute(
        select(Repo.kind, func.count())
        .where(Repo.namespace_id == namespace_id, visible_clause(caller))
        .group_by(Repo.kind)
    )
    found = {kind: count for kind, count in rows}  # noqa: C416 - typed keys
    return {kind: found.get(kind, 0) for kind in KINDS}
