"""From many names that people wrote down to the repositories they lead to."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import and_, func, select, tuple_, union_all
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, names, visible_clause
from hub_server.db.tables.repos import Alias, Kind, Repo, RepoRedirect

AT_ONCE = 1000
Name = tuple[Kind, str]


def named(session: Session, caller: Caller, wanted: Iterable[Name]) -> dict[Name, Repo]:
    """The repositories that names lead to and that the caller may see, by kind and `names.key`.

    Two statements for each thousand names.
    """
    keys = sorted({(kind, names.key(name)) for kind, name in wanted})
    found: dict[Name, Repo] = {}
    for start in range(0, len(keys), AT_ONCE):
        found |= _named_here(session, caller, keys[start : start + AT_ONCE])
    return found


def _named_here(session: Session, caller: Caller, keys: Sequence[Name]) -> dict[Name, Repo]:
    visible = visible_clause(caller)
    direct = select(Repo).where(tuple_(Repo.kind, Repo.name_key).in_(keys), visible)
    found: dict[Name, Repo] = {(repo.kind, repo.name_key): repo for repo in session.scalars(direct)}
    if missing := [key for key in keys if key not in found]:
        former = _former(missing).subquery()
        rows = select(former.c.kind, former.c.name_key, Repo).join(Repo, Repo.id == former.c.id)
        found |= {(kind, key): repo for kind, key, repo in session.execute(rows.where(visible))}
    return found


def _former(keys: Sequence[Name]) -> Any:
    """Former names and aliases, and the ids of what they lead to."""
    moved = select(RepoRedirect.kind, RepoRedirect.name_key, RepoRedirect.repo_id.label("id"))
    called = select(Alias.kind, Alias.name_key, Repo.id).join(
        Repo, and_(Repo.kind == Alias.kind, Repo.name_key == func.lower(Alias.target))
    )
    return union_all(
        moved.where(tuple_(RepoRedirect.kind, RepoRedirect.name_key).in_(keys)),
        called.where(tuple_(Alias.kind, Alias.name_key).in_(keys)),
    )
