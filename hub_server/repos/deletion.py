"""Deleted repositories: the name is free at once, the rest can be brought back for some days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete as sql_delete
from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub_server.accounts import AccountNotFound, names
from hub_server.db import now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.git import Pack
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import AlreadyExists
from hub_server.events import ReposChanged, ReposPurged, announce
from hub_server.repos.changes import end_redirect
from hub_server.repos.finding import web_path


def delete(session: Session, repo: Repo) -> None:
    """Hide it and free its name; redirects that lead to it lead nowhere until it is restored."""
    repo.deleted_at = now()
    session.flush()
    announce(session, ReposChanged((repo.id,)))


def find_deleted(session: Session, kind: Kind, full_name: str) -> Repo | None:
    """The one deleted last under this name."""
    return session.scalars(
        select(Repo)
        .where(Repo.kind == kind, Repo.name_key == names.key(full_name))
        .where(Repo.deleted_at.is_not(None))
        .order_by(Repo.deleted_at.desc(), Repo.id.desc())
        .limit(1)
    ).first()


def list_deleted(session: Session, namespace_id: int) -> Sequence[Repo]:
    """Newest first."""
    return session.scalars(
        select(Repo)
        .where(Repo.namespace_id == namespace_id, Repo.deleted_at.is_not(None))
        .order_by(Repo.deleted_at.desc(), Repo.id.desc())
    ).all()


def restore(session: Session, repo: Repo, *, to: str | None = None) -> None:
    """Bring back, under another full name if `to` says so.

    AlreadyExists if the name has been taken since; AccountNotFound if its namespace is gone.
    """
    namespace, name = names.split_full_name(to) if to else repo.full_name.split("/", 1)
    owner = Account.name_key == names.key(namespace) if to else Account.id == repo.namespace_id
    account = session.execute(
        select(Account).where(owner, Account.deleted_at.is_(None)).with_for_update(read=True)
    ).scalar_one_or_none()
    if account is None:
        raise AccountNotFound("user or organization", namespace)
    full_name, kind, former = f"{account.name}/{name}", repo.kind, repo.full_name
    try:
        with session.begin_nested():
            repo.namespace_id = account.id
            repo.full_name, repo.name_key = full_name, names.key(full_name)
            repo.deleted_at = None
            session.flush()
    except IntegrityError as failure:
        raise AlreadyExists(
            "A {kind} repository called {name} already exists; restore under another name.",
            url=web_path(kind, full_name),
            kind=kind,
            name=full_name,
        ) from failure
    end_redirect(session, kind, repo.name_key)
    announce(session, ReposChanged((repo.id,), {repo.id: former}))


@dataclass(frozen=True)
class Purged:
    """What remains of a purged repository: names of packs whose blobs nobody needs now."""

    repo_id: int
    packs: tuple[str, ...]


def purge_deleted(session: Session, *, before: datetime, limit: int = 100) -> list[Purged]:
    """Take away for good what was deleted before a moment; the caller deletes the packs' blobs.

    Rows go first: a crash in between leaves blobs that garbage collection finds by listing.
    """
    ids = session.scalars(
        select(Repo.id).where(Repo.deleted_at < before).order_by(Repo.deleted_at).limit(limit)
    ).all()
    packs: dict[int, list[str]] = {repo_id: [] for repo_id in ids}
    rows = session.execute(select(Pack.repo_id, Pack.name).where(Pack.repo_id.in_(ids)))
    for repo_id, name in rows:
        packs[repo_id].append(name)
    announce(session, ReposPurged(tuple(ids)))
    session.execute(sql_delete(Repo).where(Repo.id.in_(ids)))
    _forget_nameless_accounts(session)
    return [Purged(repo_id, tuple(names_)) for repo_id, names_ in packs.items()]


def _forget_nameless_accounts(session: Session) -> None:
    """Accounts that were kept only for the sake of their deleted repositories."""
    session.execute(
        sql_delete(Account)
        .where(Account.deleted_at.is_not(None))
        .where(~exists().where(Repo.namespace_id == Account.id))
    )
