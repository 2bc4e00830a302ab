"""What happens to repositories when the user or organization that owns them is renamed or goes."""

from sqlalchemy import String, delete, func, select, update
from sqlalchemy.orm import Session

from hub_server.accounts import names, users
from hub_server.db import now, upsert
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Alias, Repo, RepoRedirect
from hub_server.errors import Conflict
from hub_server.events import AccountRemoved, ReposChanged, announce

AT_ONCE = 1000


class OwnsRepositories(Conflict):
    def __init__(self, name: str, count: int) -> None:
        super().__init__(
            "{name} owns {count} repositories; move or delete them first.", name=name, count=count
        )


def _hold(session: Session, account: Account) -> None:
    """Nobody creates a repository in the namespace until the transaction ends."""
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())


def rename_namespace(session: Session, account: Account, to: str) -> None:
    """Rename a user or an organization; every former address goes on leading to its repository."""
    _hold(session, account)
    old = users.rename(session, account, to)
    new = account.name
    if names.key(old) != names.key(new):
        _leave_redirects(session, account.id)
    former = _names(session, account.id)
    rest = func.substr(Repo.full_name, len(old) + 1, type_=String)
    session.execute(
        update(Repo)
        .where(Repo.namespace_id == account.id)
        .values(full_name=new + rest, name_key=names.key(new) + func.lower(rest, type_=String))
        .execution_options(synchronize_session="fetch")
    )
    session.execute(
        update(Alias)
        .where(func.lower(Alias.target).startswith(f"{names.key(old)}/", autoescape=True))
        .values(target=new + func.substr(Alias.target, len(old) + 1, type_=String))
    )
    taken = select(Repo.id).where(
        Repo.namespace_id == account.id,
        Repo.kind == RepoRedirect.kind,
        Repo.name_key == RepoRedirect.name_key,
        Repo.deleted_at.is_(None),
    )
    session.execute(delete(RepoRedirect).where(taken.exists()))
    announce(session, ReposChanged(tuple(former), former))


def _names(session: Session, namespace_id: int) -> dict[int, str]:
    """Full names of the repositories of a namespace by their ids, deleted ones too."""
    rows = select(Repo.id, Repo.full_name).where(Repo.namespace_id == namespace_id)
    return dict(session.execute(rows).all())


def _leave_redirects(session: Session, namespace_id: int) -> None:
    """From the names the repositories still have, to them."""
    rows = session.execute(
        select(Repo.kind, Repo.name_key, Repo.id.label("repo_id")).where(
            Repo.namespace_id == namespace_id, Repo.deleted_at.is_(None)
        )
    ).mappings()
    for batch in rows.partitions(AT_ONCE):
        found = [dict(row) for row in batch]
        upsert(session, RepoRedirect, found, key=["kind", "name_key"], update=["repo_id"])


def delete_namespace(
    session: Session, account: Account, *, with_repositories: bool = False
) -> None:
    """Delete a user or an organization.

    OwnsRepositories unless it has none or they are to go along; those can be restored into another
    namespace until they are purged.
    """
    _hold(session, account)
    owned = (Repo.namespace_id == account.id) & Repo.deleted_at.is_(None)
    count = session.scalar(select(func.count()).select_from(Repo).where(owned)) or 0
    if count and not with_repositories:
        raise OwnsRepositories(account.name, count)
    gone = tuple(_names(session, account.id))
    session.execute(update(Repo).where(owned).values(deleted_at=now()))
    announce(session, AccountRemoved(account.id))
    needed = session.scalar(select(Repo.id).where(Repo.namespace_id == account.id).limit(1))
    users.remove(session, account, keep_row=needed is not None)
    announce(session, ReposChanged(gone))  # last: rows of others are not waited for under the clock
