"""Git over HTTP: what refs there are, fetch, push. Cookies do not count here."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Annotated, BinaryIO, cast

import structlog
from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from hub_server import contents, git
from hub_server.accounts import Access
from hub_server.contents import Hub
from hub_server.db.tables.repos import Repo
from hub_server.edge import (
    GitTransfer,
    GrowingResponse,
    Inflated,
    TheHub,
    TokenCaller,
    Transfer,
    client_of,
    content_length,
    small_body,
    spooled,
)
from hub_server.errors import BadRequest, Forbidden
from hub_server.git import GitError, GitProgram, ProgramFailed, receive
from hub_server.gitstore import Repository

router = APIRouter(include_in_schema=False)
log = structlog.get_logger("hub.git")

FETCH_BODY = 32 * 1024 * 1024
IN_MEMORY = 4 * 1024 * 1024
NEWEST = 2
LISTS = b"command=ls-refs"
HAVE = re.compile(rb"[0-9a-f]{4}have [0-9a-f]{40}")
NEVER_KEPT = {
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
}


def protocol_of(request: Request) -> int:
    """0, 1 or 2, from the header `Git-Protocol`."""
    asked = request.headers.get("git-protocol", "").split(":")
    return 2 if "version=2" in asked else 1 if "version=1" in asked else 0


def _fetched(transfer: GitTransfer) -> Repo:
    return transfer.repo(Access.READ)


def _pushed(transfer: GitTransfer) -> Repo:
    """Who may read may knock: which refs they may move is decided for each ref."""
    return contents.push_target(transfer.hub, transfer.caller, transfer.repo(Access.READ))


FetchedRepo = Annotated[Repo, Depends(_fetched)]
PushedRepo = Annotated[Repo, Depends(_pushed)]


@router.get("/{repo:repo}/info/refs")
def info_refs(request: Request, hub: TheHub, transfer: GitTransfer) -> Response:
    """The first request of every git command."""
    service = request.query_params.get("service", "")
    if service not in ("git-upload-pack", "git-receive-pack"):
        raise Forbidden("This hub speaks Git's smart HTTP protocol only; use a current git.")
    fetches = service == "git-upload-pack"
    repo = _fetched(transfer) if fetches else _pushed(transfer)
    source = _source(hub, repo)
    advertise = git.advertise_upload_pack if fetches else git.advertise_receive_pack
    body = b"".join(advertise(source, protocol_of(request)))
    return Response(body, 200, NEVER_KEPT, f"application/x-{service}-advertisement")


@router.post("/{repo:repo}/git-upload-pack")
async def upload_pack(
    request: Request, hub: TheHub, caller: TokenCaller, repo: FetchedRepo
) -> Response:
    """Fetch: the answer grows in a file of this node while the client reads it."""
    body = await small_body(request, FETCH_BODY)
    # What can be refused with a status is refused before the answer begins.
    fetch = await to_thread.run_sync(_asked, request, hub, repo, body)
    if fetch.clones:
        hub.downloads.note(repo.kind, repo.id, client_of(request, caller.user_id))
    headers = {**NEVER_KEPT, "Content-Type": "application/x-git-upload-pack-result"}
    if fetch.lists:
        return Response(await to_thread.run_sync(fetch.whole), headers=headers)
    return GrowingResponse(
        fetch.make,
        folder=hub.settings.cache_folder,
        budget=request.app.state.budget,
        limiter=request.app.state.generators,
        headers=headers,
    )


@dataclass(frozen=True)
class _Fetch:
    """One request to `git-upload-pack`, its body without gzip."""

    source: Repository
    name: str
    protocol: int
    body: bytes
    program: GitProgram | None

    @property
    def lists(self) -> bool:
        """Whether the answer is only a list of refs, too small to be worth a file."""
        return self.protocol == NEWEST and LISTS in self.body[:40]

    @property
    def clones(self) -> bool:
        """Whether the client has nothing of it yet, so that it takes the whole repository."""
        return not self.lists and HAVE.search(self.body) is None

    def make(self, write: Callable[[bytes], None]) -> None:
        plain = BytesIO(self.body)
        try:
            git.upload_pack(
                self.source, protocol=self.protocol, body=plain, out=write, git=self.program
            )
        except GitError as refusal:  # the client has been told
            log.info("fetch refused", repo=self.name, reason=str(refusal))
            if isinstance(refusal, ProgramFailed):
                self.source.doubt()

    def whole(self) -> bytes:
        parts: list[bytes] = []
        self.make(parts.append)
        return b"".join(parts)


def _asked(request: Request, hub: Hub, repo: Repo, body: bytes) -> _Fetch:
    with _plain(request, BytesIO(body), FETCH_BODY) as plain:
        inflated = plain.read()
    source = _source(hub, repo)
    return _Fetch(source, repo.full_name, protocol_of(request), inflated, hub.git_program)


def _source(hub: Hub, repo: Repo) -> Repository:
    return hub.git.open(repo.id, default_branch=repo.default_branch)


@router.post("/{repo:repo}/git-receive-pack")
async def receive_pack(
    request: Request, hub: TheHub, transfer: GitTransfer, repo: PushedRepo
) -> Response:
    """Push: the whole body is here before anybody looks at it."""
    size = content_length(request)
    if size is not None and size <= IN_MEMORY:
        body = await small_body(request, IN_MEMORY)
        return await to_thread.run_sync(_accept, request, transfer, repo, BytesIO(body))
    async with spooled(request, hub.spool, hub.settings.max_push) as received:
        with received.path.open("rb") as file:
            return await to_thread.run_sync(_accept, request, transfer, repo, file)


def _accept(request: Request, transfer: Transfer, repo: Repo, body: BinaryIO) -> Response:
    hub = transfer.hub
    with _plain(request, body, hub.settings.max_push) as plain:
        push = receive.read_commands(plain)
        results = contents.accept_push(hub, transfer.caller, repo, push, plain)
    answer = b"".join(receive.report(push, results.refs, results.unpack, results.messages))
    return Response(answer, 200, NEVER_KEPT, "application/x-git-receive-pack-result")


@contextmanager
def _plain(request: Request, body: BinaryIO, limit: int) -> Iterator[BinaryIO]:
    """The body without the gzip that git puts around larger requests."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise BadRequest("The content encoding {name} is not known.", name=encoding[:50])
    yield body if encoding == "identity" else cast(BinaryIO, Inflated(body, limit))
