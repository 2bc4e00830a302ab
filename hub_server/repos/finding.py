"""From a name in a request to a repository, through aliases and former names.

Missing and hidden repositories are told apart by nobody: same error, same words.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, select
from sqlalchemy.orm import Session

from hub_server.accounts import Access, Caller, can_see, names, require, users
from hub_server.accounts.permissions import RepoFacts
from hub_server.db.tables.repos import Alias, Kind, Repo, RepoRedirect
from hub_server.errors import Moved, RepoNotFound

_PREFIX: dict[Kind, str] = {"model": "", "dataset": "/datasets", "space": "/spaces"}


@dataclass(frozen=True, slots=True)
class RepoRow:
    """The columns that serving a file needs; read in one statement, no ORM object."""

    id: int
    public_id: str
    kind: Kind
    namespace_id: int
    full_name: str
    private: bool
    gated: str | None
    disabled: bool
    discussions_disabled: bool
    created_by: int | None
    default_branch: str
    head: str | None
    updated_at: datetime
    prunes: int


_ROW = select(*(getattr(Repo, name) for name in RepoRow.__slots__)).where(
    Repo.kind == bindparam("kind"),
    Repo.name_key == bindparam("name_key"),
    Repo.deleted_at.is_(None),
)
"""Built once and run on the connection: half the time of building it at each request."""


def web_path(kind: Kind, full_name: str) -> str:
    """The path of a repository's page, such as `/datasets/ada/words`."""
    return f"{_PREFIX[kind]}/{full_name}"


def _named(kind: Kind, path: str) -> ColumnElement[bool]:
    return and_(Repo.kind == kind, Repo.name_key == names.key(path), Repo.deleted_at.is_(None))


def find(session: Session, kind: Kind, path: str) -> Repo | None:
    """By its present name in any case; no redirects, no permission asked."""
    return session.execute(select(Repo).where(_named(kind, path))).scalar_one_or_none()


def former(session: Session, kind: Kind, path: str) -> Repo | None:
    """The repository that an alias or a former name of it or of its namespace leads to."""
    if "/" not in path:
        target = session.scalar(
            select(Alias.target).where(Alias.kind == kind, Alias.name_key == names.key(path))
        )
        return (find(session, kind, target) or former(session, kind, target)) if target else None
    redirected = session.execute(
        select(Repo)
        .join(RepoRedirect, RepoRedirect.repo_id == Repo.id)
        .where(RepoRedirect.kind == kind, RepoRedirect.name_key == names.key(path))
        .where(Repo.deleted_at.is_(None))
    ).scalar_one_or_none()
    if redirected:
        return redirected
    namespace, _, name = path.partition("/")
    account = users.moved_account(session, namespace)
    return find(session, kind, f"{account.name}/{name}") if account else None


def locate(session: Session, kind: Kind, path: str) -> Repo:
    """For commands and jobs, which may see everything: raises Moved or RepoNotFound."""
    if repo := find(session, kind, path):
        return repo
    if repo := former(session, kind, path):
        raise Moved(path, repo.full_name)
    raise RepoNotFound


def readable(
    session: Session, caller: Caller, kind: Kind, path: str, *, wanted: Access = Access.READ
) -> Repo:
    """The repository if the caller has the access `wanted`.

    Raises RepoNotFound alike for missing and hidden ones, Moved where the caller may see what the
    former name leads to, else what `permissions.refusal` says.
    """
    repo = find(session, kind, path)
    if repo is None:
        raise _elsewhere(session, caller, kind, path)
    require(caller, repo, wanted)
    return repo


def readable_row(
    session: Session, caller: Caller, kind: Kind, path: str, *, wanted: Access = Access.READ
) -> RepoRow:
    """As `readable`, in one statement where the name is the present one."""
    wanted_name = {"kind": kind, "name_key": names.key(path)}
    found = session.connection().execute(_ROW, wanted_name).one_or_none()
    if found is None:
        raise _elsewhere(session, caller, kind, path)
    repo = RepoRow(*found)
    require(caller, repo, wanted)
    return repo


def _elsewhere(session: Session, caller: Caller, kind: Kind, path: str) -> Moved | RepoNotFound:
    target: RepoFacts | None = former(session, kind, path)
    if target is not None and can_see(caller, target):
        return Moved(path, target.full_name)
    return RepoNotFound(anonymous=caller.is_anonymous)
