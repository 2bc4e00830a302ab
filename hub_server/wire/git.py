"""Git over HTTP: what refs there are, fetch, push. Cookies do not count here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    Transfer,
    content_length,
    small_body,
    spooled,
)
from hub_server.errors import BadRequest, Forbidden
from hub_server.git import GitError, receive
from hub_server.gitstore import Repository

router = APIRouter(include_in_schema=False)
log = structlog.get_logger("hub.git")

FETCH_BODY = 32 * 1024 * 1024
IN_MEMORY = 4 * 1024 * 1024
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
async def upload_pack(request: Request, hub: TheHub, repo: FetchedRepo) -> Response:
    """Fetch: the answer grows in a file of this node while the client reads it."""
    body = await small_body(request, FETCH_BODY)
    # What can be refused with a status is refused before the answer begins.
    plain = await to_thread.run_sync(_inflated, request, body)
    source = await to_thread.run_sync(_source, hub, repo)
    protocol = protocol_of(request)

    def make(write: Callable[[bytes], None]) -> None:
        try:
            git.upload_pack(
                source, protocol=protocol, body=BytesIO(plain), out=write, git=hub.git_program
            )
        except GitError as refusal:  # the client has been told
            log.info("fetch refused", repo=repo.full_name, reason=str(refusal))

    return GrowingResponse(
        make,
        folder=hub.settings.cache_folder,
        budget=request.app.state.budget,
        limiter=request.app.state.generators,
        headers={**NEVER_KEPT, "Content-Type": "application/x-git-upload-pack-result"},
    )


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


def _source(hub: Hub, repo: Repo) -> Repository:
    return hub.git.open(repo.id, default_branch=repo.default_branch)


def _inflated(request: Request, body: bytes) -> bytes:
    with _plain(request, BytesIO(body), FETCH_BODY) as plain:
        return plain.read()


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
