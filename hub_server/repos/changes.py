"""Make, move and duplicate repositories; change their settings. Rows only: contents follow later.

Each of these holds the row of the namespace until the transaction ends, so that a namespace cannot
be renamed or deleted between the look at its name and the repository's new row.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub_server.accounts import AccountNotFound, Caller, names
from hub_server.accounts.permissions import creation_refusal
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.repos import Alias, Kind, Repo, RepoRedirect
from hub_server.errors import AlreadyExists, BadRequest, RevisionNotFound
from hub_server.events import ReposChanged, announce
from hub_server.repos.finding import find, web_path


def _held_namespace(session: Session, name: str) -> Account:
    account = session.execute(
        select(Account)
        .where(Account.name_key == names.key(name), Account.deleted_at.is_(None))
        .with_for_update(read=True)
    ).scalar_one_or_none()
    if account is None:
        raise AccountNotFound("user or organization", name)
    return account


def _place(session: Session, caller: Caller, kind: Kind, full_name: str) -> tuple[Account, str]:
    """The namespace and the name as it will be stored, if the caller may create there."""
    namespace, name = names.split_full_name(full_name)
    account = _held_namespace(session, namespace)
    if error := creation_refusal(caller, account, kind):
        raise error
    return account, f"{account.name}/{name}"


def create(
    session: Session, caller: Caller, kind: Kind, full_name: str, *, private: bool | None = None
) -> Repo:
    """A repository without commits; `private` None takes the namespace's default.

    AlreadyExists carries the path of the existing one as `url`. A redirect from this name ends.
    """
    account, full_name = _place(session, caller, kind, full_name)
    repo = Repo(
        kind=kind,
        namespace_id=account.id,
        full_name=full_name,
        name_key=names.key(full_name),
        private=account.default_visibility == "private" if private is None else private,
        created_by=caller.user_id,
    )
    taken = AlreadyExists(
        "You already created this {kind} repo: {name}",
        url=web_path(kind, full_name),
        kind=kind,
        name=full_name,
    )
    if find(session, kind, full_name):
        raise taken
    try:
        with session.begin_nested():
            session.add(repo)
            session.flush()
    except IntegrityError as failure:  # somebody else made it at the same moment
        raise taken from failure
    end_redirect(session, kind, repo.name_key)
    announce(session, ReposChanged((repo.id,)))
    return repo


def end_redirect(session: Session, kind: Kind, name_key: str) -> None:
    session.execute(
        delete(RepoRedirect).where(RepoRedirect.kind == kind, RepoRedirect.name_key == name_key)
    )


def move(session: Session, caller: Caller, repo: Repo, to: str) -> None:
    """Rename, or hand over to a namespace the caller may create in; the old name redirects.

    That the caller administers `repo` has been checked.
    """
    namespace, name = names.split_full_name(to)
    account = _held_namespace(session, namespace)
    if account.id != repo.namespace_id and (error := creation_refusal(caller, account, repo.kind)):
        raise error
    old_key, old_name, kind = repo.name_key, repo.full_name, repo.kind
    full_name = f"{account.name}/{name}"
    taken = AlreadyExists(
        "A {kind} repository called {name} already exists",
        url=web_path(kind, full_name),
        kind=kind,
        name=full_name,
    )
    existing = find(session, kind, full_name)
    if existing is not None and existing.id != repo.id:
        raise taken
    try:
        with session.begin_nested():
            repo.full_name, repo.name_key = full_name, names.key(full_name)
            repo.namespace_id = account.id
            session.flush()
    except IntegrityError as failure:
        raise taken from failure
    end_redirect(session, kind, repo.name_key)
    if repo.name_key != old_key:
        session.merge(RepoRedirect(kind=kind, name_key=old_key, repo_id=repo.id))
        _follow_aliases(session, kind, old_name, full_name)
    session.flush()
    announce(session, ReposChanged((repo.id,), {repo.id: old_name}))


def _follow_aliases(session: Session, kind: Kind, old: str, new: str) -> None:
    session.execute(
        update(Alias)
        .where(Alias.kind == kind, func.lower(Alias.target) == names.key(old))
        .values(target=new)
    )


@dataclass(frozen=True)
class RepoSettings:
    """None leaves a setting as it is; `gated` False opens the repository."""

    private: bool | None = None
    gated: Literal["auto", "manual", False] | None = None
    discussions_disabled: bool | None = None
    default_branch: str | None = None


def change_settings(session: Session, repo: Repo, settings: RepoSettings) -> None:
    """That the caller administers `repo` has been checked; the default branch must exist."""
    if settings.private is not None:
        repo.private = settings.private
    if settings.gated is not None:
        if settings.gated and repo.kind == "space":
            raise BadRequest("A Space cannot be gated.")
        repo.gated = settings.gated or None
    if settings.discussions_disabled is not None:
        repo.discussions_disabled = settings.discussions_disabled
    if settings.default_branch is not None:
        repo.head = _tip(session, repo, settings.default_branch)
        repo.default_branch = settings.default_branch
    session.flush()
    announce(session, ReposChanged((repo.id,)))


def set_disabled(session: Session, repo: Repo, disabled: bool) -> None:
    """Contents of a disabled repository are for administrators of the hub only."""
    repo.disabled = disabled
    session.flush()


def _tip(session: Session, repo: Repo, branch: str) -> str:
    name = b"refs/heads/" + branch.encode("utf-8", "surrogateescape")
    tip = session.scalar(select(GitRef.value).where(GitRef.repo_id == repo.id, GitRef.name == name))
    if tip is None:
        raise RevisionNotFound(branch)
    return tip


def duplicate(
    session: Session, caller: Caller, source: Repo, full_name: str, *, private: bool | None = None
) -> Repo:
    """The row of a copy, without contents, behind the same gate if there is one.

    The copy of a private repository is private unless told.
    """
    kept_private = True if private is None and source.private else private
    copy = create(session, caller, source.kind, full_name, private=kept_private)
    copy.default_branch = source.default_branch
    copy.gated = source.gated
    session.flush()
    announce(session, ReposChanged((copy.id,)))
    return copy
