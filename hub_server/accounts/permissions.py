"""The permission matrix: what a caller may do with a repository, decided here and nowhere else.

    role in the namespace      public     private    own repository (created by the caller)
    none, anonymous            READ¹      NONE       -
    read                       READ       READ       READ
    contributor                READ       READ       ADMIN
    write                      WRITE      WRITE      ADMIN
    admin, owner, site admin   ADMIN      ADMIN      ADMIN

¹ SEE if the repository is gated; NONE for anonymous callers where HUB_ANONYMOUS is `none`.

A token narrows that: `read` to READ, `fine-grained` to its scopes, and where none covers a
repository to what a signed-in stranger may. Contents of a disabled repository are for site
administrators only.
"""

from enum import IntEnum
from typing import Protocol

from sqlalchemy import ColumnElement, and_, false, or_, true

from hub_server.accounts.callers import Caller, TokenGrant
from hub_server.accounts.scopes import Scope
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import Forbidden, HubError, RepoNotFound, Unauthorized


class RepoFacts(Protocol):
    """What permissions need of a repository; rows and ORM objects both have it."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def namespace_id(self) -> int: ...
    @property
    def full_name(self) -> str: ...
    @property
    def private(self) -> bool: ...
    @property
    def gated(self) -> str | None: ...
    @property
    def disabled(self) -> bool: ...
    @property
    def discussions_disabled(self) -> bool: ...
    @property
    def created_by(self) -> int | None: ...


class NamespaceFacts(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...


class Access(IntEnum):
    """Each step includes the ones before."""

    NONE = 0
    """Does not exist for this caller."""
    SEE = 1
    """Name, card data and discussions; not the contents of a gated repository."""
    READ = 2
    """Contents, by every door."""
    WRITE = 3
    """Heads, tags, commits."""
    ADMIN = 4
    """Settings, visibility, move, delete."""


class DisabledRepo(Forbidden):
    """Clients compare these words."""

    def __init__(self) -> None:
        super().__init__("Access to this resource is disabled.")


class GatedRepo(Forbidden):
    code = "GatedRepo"

    def __init__(self, kind: str, full_name: str) -> None:
        super().__init__(
            "Access to {kind} {name} is restricted and you are not in the authorized list. "
            "Visit its page to ask for access.",
            kind=kind,
            name=full_name,
        )


class GatedRepoSignIn(Unauthorized):
    """A gated repository for somebody who has not said who they are."""

    code = "GatedRepo"

    def __init__(self, kind: str, full_name: str) -> None:
        super().__init__(
            "Access to {kind} {name} is restricted. You must have access to it and be "
            "authenticated to access it. Please log in.",
            kind=kind,
            name=full_name,
        )


def access(caller: Caller, repo: RepoFacts) -> Access:
    """The highest step of the matrix, before the repository's being disabled is looked at."""
    return max(_stranger(caller, repo), min(_user(caller, repo), _token(caller.token, repo)))


def _stranger(caller: Caller, repo: RepoFacts) -> Access:
    if repo.private or not caller.reads_public:
        return Access.NONE
    return Access.SEE if repo.gated else Access.READ


def _user(caller: Caller, repo: RepoFacts) -> Access:
    role = caller.role_in(repo.namespace_id)
    if role is None:
        return Access.NONE
    if role == "admin":
        return Access.ADMIN
    own = caller.user_id is not None and repo.created_by == caller.user_id
    if role in ("contributor", "write") and own:
        return Access.ADMIN
    return Access.WRITE if role == "write" else Access.READ


def _token(token: TokenGrant | None, repo: RepoFacts) -> Access:
    if token is None or token.role == "write":
        return Access.ADMIN
    if token.role == "read":
        return Access.READ
    covering = {
        scope.permission
        for scope in token.scopes
        if scope.covers(repo.id, repo.namespace_id, repo.kind)
    }
    if "repo.write" in covering:
        return Access.ADMIN
    return Access.READ if covering else Access.NONE


def can_see(caller: Caller, repo: RepoFacts) -> bool:
    """May know that it exists, and its card data."""
    return access(caller, repo) >= Access.SEE


def can_read(caller: Caller, repo: RepoFacts) -> bool:
    return refusal(caller, repo, Access.READ) is None


def can_write(caller: Caller, repo: RepoFacts) -> bool:
    return refusal(caller, repo, Access.WRITE) is None


def can_admin(caller: Caller, repo: RepoFacts) -> bool:
    return refusal(caller, repo, Access.ADMIN) is None


def can_discuss(caller: Caller, repo: RepoFacts) -> bool:
    """Open discussions and pull requests, comment: any signed-in reader, unless switched off."""
    if caller.user_id is None or not can_read(caller, repo) or repo.discussions_disabled:
        return False
    token = caller.token
    if token is None or token.role != "fine-grained":
        return token is None or token.role == "write"
    return any(
        scope.permission in ("repo.write", "discussion.write")
        and scope.covers(repo.id, repo.namespace_id, repo.kind)
        for scope in token.scopes
    )


def can_create(caller: Caller, namespace: NamespaceFacts, kind: Kind | None = None) -> bool:
    """May make repositories (of this kind, or of any) in a namespace."""
    return creation_refusal(caller, namespace, kind) is None


def creation_refusal(
    caller: Caller, namespace: NamespaceFacts, kind: Kind | None = None
) -> HubError | None:
    """Why not, in words; None if allowed."""
    if caller.is_anonymous:
        return Unauthorized("Invalid username or password.")
    if caller.role_in(namespace.id) in (None, "read"):
        return Forbidden(
            "You don't have the rights to create repositories under the namespace {name}.",
            name=namespace.name,
        )
    token = caller.token
    if token is None or token.role == "write":
        return None
    if any(_opens(scope, namespace.id, kind) for scope in token.scopes):
        return None
    return Forbidden(
        "This token may not create repositories under the namespace {name}; "
        "use a token with the role write.",
        name=namespace.name,
    )


def _opens(scope: Scope, namespace_id: int, kind: Kind | None) -> bool:
    whole = scope.namespace_id == namespace_id and scope.kind in (None, kind)
    return whole and scope.permission == "repo.write"


def refusal(caller: Caller, repo: RepoFacts, wanted: Access) -> HubError | None:
    """The error that tells this caller no, in the words clients understand; None if allowed."""
    have = access(caller, repo)
    if have is Access.NONE:
        return RepoNotFound(anonymous=caller.is_anonymous)
    if repo.disabled and wanted >= Access.READ and not caller.is_admin:
        return DisabledRepo()
    return None if have >= wanted else _shortfall(caller, repo, wanted)


def _shortfall(caller: Caller, repo: RepoFacts, wanted: Access) -> HubError:
    """The caller sees the repository and wants more."""
    if repo.gated and access(caller, repo) is Access.SEE:
        gate = GatedRepoSignIn if caller.is_anonymous else GatedRepo
        return gate(repo.kind, repo.full_name)
    if caller.is_anonymous:
        return Unauthorized("Invalid username or password.")
    if _user(caller, repo) >= wanted:
        return Forbidden(
            "This token may not change {name}; use a token with the role write, or a "
            "fine-grained token with repo.write on it.",
            name=repo.full_name,
        )
    return Forbidden(_LACKING[wanted], name=repo.full_name)


_LACKING = {
    Access.READ: "You may not read the contents of {name}.",
    Access.WRITE: "You may read {name} but not change it.",
    Access.ADMIN: "Only an administrator of {name}'s namespace may do this.",
}


def require(caller: Caller, repo: RepoFacts, wanted: Access) -> None:
    """Raise what `refusal` says."""
    if error := refusal(caller, repo, wanted):
        raise error


def visible_clause(caller: Caller) -> ColumnElement[bool]:
    """A condition on Repo for listings: what `can_see` says yes to, deleted ones left out."""
    public: ColumnElement[bool] = Repo.private.is_(False) if caller.reads_public else false()
    return and_(Repo.deleted_at.is_(None), or_(public, _granted(caller)))


def _granted(caller: Caller) -> ColumnElement[bool]:
    token = caller.token
    member: ColumnElement[bool] = true()
    if not caller.is_admin:
        own = [] if caller.user_id is None else [caller.user_id]
        spaces = [*own, *caller.roles]
        member = Repo.namespace_id.in_(spaces) if spaces else false()
    if token is None or token.role != "fine-grained":
        return member
    return and_(member, or_(false(), *(_scope_clause(scope) for scope in token.scopes)))


def _scope_clause(scope: Scope) -> ColumnElement[bool]:
    if scope.repo_id is not None:
        return Repo.id == scope.repo_id
    whole: ColumnElement[bool] = Repo.namespace_id == scope.namespace_id
    return whole if scope.kind is None else and_(whole, Repo.kind == scope.kind)
