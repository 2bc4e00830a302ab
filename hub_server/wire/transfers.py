"""Where the links of a batch answer lead: the bytes of large files, up and down.

A ticket in the query is the permission, because clients send no token here; whether its user may
still do this is asked again before and after the bytes have moved.
"""

from collections.abc import Callable
from typing import Annotated, Any, BinaryIO

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from hub_server.accounts import Access, require
from hub_server.contents import Hub
from hub_server.edge import Download, TheHub, content_length, send, small_body
from hub_server.errors import BadRequest, NotFound, Unavailable
from hub_server.objects import Purpose, Ticket, Tickets, present

router = APIRouter(prefix="/-/lfs", include_in_schema=False)

COMPLETION_BODY = 4 * 1024 * 1024
SLOW_VERIFY = 60.0


def _ticket(purpose: Purpose) -> Callable[..., Ticket]:
    """A dependency: the ticket of the request, if its user may still bring or fetch the bytes."""

    def read(request: Request, hub: TheHub, sha256: str, ticket: str = "") -> Ticket:
        found = Tickets(hub.keys).read(purpose, sha256, ticket)
        if purpose != "download":
            hub.objects.check_claim(found.claim)
        return found

    return read


ForUpload = Annotated[Ticket, Depends(_ticket("upload"))]
ForPart = Annotated[Ticket, Depends(_ticket("part"))]
ForCompletion = Annotated[Ticket, Depends(_ticket("complete"))]
ForDownload = Annotated[Ticket, Depends(_ticket("download"))]


@router.put("/upload/{sha256}")
async def upload(request: Request, hub: TheHub, ticket: ForUpload) -> Response:
    """A whole file; kept only if size and hash are what the ticket says."""
    _announced(request, ticket.size)
    incoming = hub.incoming.writer(
        limit=hub.settings.max_lfs_file, expect_size=ticket.size, expect=ticket.sha256
    )
    async with incoming as writer:
        async for chunk in request.stream():
            await writer.send(chunk)
    await to_thread.run_sync(hub.objects.store_received, writer.received, ticket.claim)
    return Response(status_code=200)


@router.put("/part/{sha256}")
async def part(request: Request, hub: TheHub, ticket: ForPart) -> Response:
    """One part; its ETag is what the client names at the completion."""
    found = await to_thread.run_sync(hub.objects.find_upload, ticket.upload)
    size = found.part_length(ticket.number)
    _announced(request, size)
    async with hub.incoming.writer(limit=size, expect_size=size) as writer:
        async for chunk in request.stream():
            await writer.send(chunk)
    stored = await to_thread.run_sync(hub.objects.store_part, found, ticket.number, writer.received)
    return Response(status_code=200, headers={"ETag": f'"{stored.etag}"'})


@router.post("/complete/{sha256}")
async def complete(request: Request, hub: TheHub, ticket: ForCompletion) -> Response:
    """All parts are there. What the client says of them is read but never relied on."""
    await small_body(request, COMPLETION_BODY)
    done = await to_thread.run_sync(_finish, hub, ticket.upload)
    if not done:
        raise Unavailable("The upload is still being verified.", retry_after=10)
    return Response(status_code=200)


def _finish(hub: Hub, token: str) -> bool:
    return hub.objects.finish_upload(token, seconds=SLOW_VERIFY)


@router.get("/download/{sha256}")
@router.head("/download/{sha256}")
def download(request: Request, hub: TheHub, ticket: ForDownload) -> Response:
    """The bytes, for whoever may still read the repository that links them."""
    claim = ticket.claim
    with hub.database.read() as session:
        caller, repo = present(session, claim.repo_id, claim.user_id)
        require(caller, repo, Access.READ)
        linked = hub.objects.is_linked(session, repo.id, [ticket.sha256])
    if ticket.sha256 not in linked:
        raise NotFound("This object is no longer part of the repository.")

    def opener(start: int, length: int | None) -> BinaryIO:
        reader: Any = hub.objects.open(ticket.sha256, start, length)
        opened: BinaryIO = reader
        return opened

    local = hub.objects.local_path(ticket.sha256)
    return send(
        request, Download(opener, ticket.size, ticket.sha256, f"{ticket.sha256}.bin", file=local)
    )


def _announced(request: Request, size: int) -> None:
    """Refuse at once what announces another size, before the client has sent gigabytes."""
    announced = content_length(request)
    if announced is not None and announced != size:
        raise BadRequest(
            "This link takes {size} bytes, the request announces {announced}.",
            size=size,
            announced=announced,
        )
