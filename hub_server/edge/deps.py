"""What routes are handed: the hub, a unit of work, the caller, a repository they may use.

Each dependency that opens a unit of work ends it before the answer leaves (`scope="function"`), so
a failing commit is an error the client sees, and a download holds no connection.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from hub_server import accounts, repos
from hub_server.accounts import Access, Caller
from hub_server.catalog import TagSets
from hub_server.contents import Hub
from hub_server.db.tables.repos import Repo
from hub_server.edge import csrf
from hub_server.edge.paths import RepoRef
from hub_server.errors import InvalidCredentials, Unauthorized

log = structlog.get_logger("hub.edge")


def hub_of(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


async def _the_hub(request: Request) -> Hub:
    """Like all dependencies that wait for nothing: in the loop, without a trip to a thread."""
    return hub_of(request)


TheHub = Annotated[Hub, Depends(_the_hub)]


async def _the_sets(request: Request) -> TagSets:
    sets: TagSets = request.app.state.sets
    return sets


TheSets = Annotated[TagSets, Depends(_the_sets)]
"""What this process remembers of the catalog's sets."""


def _read(hub: TheHub) -> Iterator[Session]:
    with hub.database.read() as session:
        yield session


def _write(hub: TheHub) -> Iterator[Session]:
    with hub.database.write() as session:
        yield session


ReadSession = Annotated[Session, Depends(_read, scope="function")]
WriteSession = Annotated[Session, Depends(_write, scope="function")]


class PasswordForGit(Unauthorized):
    def __init__(self, url: str) -> None:
        super().__init__(
            "Passwords work on the sign-in page only; use a token from {url}/settings/tokens",
            url=url,
        )


def sent_token(request: Request) -> str | None:
    """The token of `Authorization: Bearer …` or Basic (its password, or its user name alone)."""
    header = request.headers.get("authorization")
    if not header:
        return None
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        raise InvalidCredentials
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:  # no base64, or no text inside
        raise InvalidCredentials from None
    token = password or user
    if not token.startswith("hf_"):
        raise PasswordForGit(request.state.origin.base_url)
    return token


def token_caller(request: Request, session: Session) -> Caller:
    """The caller by token alone, as Git, LFS and transfers want it; cookies are not looked at."""
    token = sent_token(request)
    if token is None:
        return accounts.anonymous(hub_of(request).settings.anonymous)
    caller = accounts.authenticate_token(session, token)
    request.state.caller_name = caller.name
    request.state.caller = caller
    return caller


def any_caller(request: Request, session: Session, form_token: str = "") -> Caller:
    """The caller by token, else by cookie where it may count (see csrf)."""
    cookie = csrf.read_cookie(request, csrf.SESSION_COOKIE)
    if request.headers.get("authorization") or not cookie:
        return token_caller(request, session)
    caller = accounts.authenticate_session(session, cookie)
    if caller is None:
        return accounts.anonymous(hub_of(request).settings.anonymous)
    if not csrf.is_ours(request, hub_of(request).keys, form_token):
        raise csrf.ForgedRequest
    request.state.caller_name = caller.name
    request.state.caller = caller
    return caller


def touch(hub: Hub, caller: Caller) -> None:
    """Note when a token or browser session was last used, at most once a minute each."""
    if caller.token and caller.token.stale:
        with hub.database.write() as session:
            accounts.touch_token(session, caller.token.id)
    elif caller.session and caller.session.stale:
        with hub.database.write() as session:
            accounts.touch_session(session, caller.session.hash)


def _caller(request: Request, hub: TheHub, form_token: csrf.SentToken) -> Caller:
    with hub.database.read() as session:
        caller = any_caller(request, session, form_token)
    touch(hub, caller)
    return caller


def _git_caller(request: Request, hub: TheHub) -> Caller:
    with hub.database.read() as session:
        caller = token_caller(request, session)
    touch(hub, caller)
    return caller


CurrentCaller = Annotated[Caller, Depends(_caller)]
TokenCaller = Annotated[Caller, Depends(_git_caller)]


async def _signed_in(caller: CurrentCaller) -> Caller:
    if caller.is_anonymous:
        raise Unauthorized("Invalid username or password.")
    return caller


SignedIn = Annotated[Caller, Depends(_signed_in)]


def client_of(request: Request, user_id: int | None) -> str:
    """Who downloads, as far as that can be told: a user, else an address and its program."""
    if user_id is not None:
        return f"user {user_id}"
    return f"{request.state.origin.client} {request.headers.get('user-agent', '')}"


def repo_ref(request: Request) -> RepoRef:
    """The repository that the path names, in either spelling (see edge.paths)."""
    found = request.path_params.get("repo")
    if isinstance(found, RepoRef):
        return found
    return RepoRef(request.path_params["kinds"], request.path_params["id"])


async def _the_ref(request: Request) -> RepoRef:
    return repo_ref(request)


TheRef = Annotated[RepoRef, Depends(_the_ref)]


def find_repo(session: Session, caller: Caller, ref: RepoRef, wanted: Access) -> Repo:
    """The repository if the caller has that access; raises Moved, RepoNotFound, Forbidden …"""
    return repos.readable(session, caller, ref.kind, ref.name, wanted=wanted)


def _visible(session: ReadSession, caller: CurrentCaller, ref: TheRef) -> Repo:
    return find_repo(session, caller, ref, Access.SEE)


def _readable(session: ReadSession, caller: CurrentCaller, ref: TheRef) -> Repo:
    return find_repo(session, caller, ref, Access.READ)


def _writable(session: WriteSession, caller: CurrentCaller, ref: TheRef) -> Repo:
    return find_repo(session, caller, ref, Access.WRITE)


def _administered(session: WriteSession, caller: CurrentCaller, ref: TheRef) -> Repo:
    return find_repo(session, caller, ref, Access.ADMIN)


VisibleRepo = Annotated[Repo, Depends(_visible)]
"""Name, card data; of a gated repository, too. Read unit."""
ReadableRepo = Annotated[Repo, Depends(_readable)]
"""Contents. Read unit."""
WritableRepo = Annotated[Repo, Depends(_writable)]
"""In a write unit, for small changes of rows; transfers use `Transfer`."""
AdminRepo = Annotated[Repo, Depends(_administered)]


class Transfer:
    """For routes that move bytes: authorizes in a short unit of its own and holds no connection."""

    def __init__(self, request: Request, hub: Hub, caller: Caller) -> None:
        self.request = request
        self.hub = hub
        self.caller = caller

    def repo(self, wanted: Access) -> Repo:
        with self.hub.database.read() as session:
            return find_repo(session, self.caller, repo_ref(self.request), wanted)


async def _transfer(request: Request, hub: TheHub, caller: TokenCaller) -> Transfer:
    return Transfer(request, hub, caller)


async def _api_transfer(request: Request, hub: TheHub, caller: CurrentCaller) -> Transfer:
    return Transfer(request, hub, caller)


GitTransfer = Annotated[Transfer, Depends(_transfer)]
"""Git and LFS: cookies do not count."""
ApiTransfer = Annotated[Transfer, Depends(_api_transfer)]


@contextmanager
def reading(request: Request) -> Iterator[tuple[Session, Caller]]:
    """Session and caller in one unit and one thread: for the hottest routes, GET and HEAD only."""
    hub = hub_of(request)
    with hub.database.read() as session:
        caller = any_caller(request, session)
        yield session, caller
    touch(hub, caller)
