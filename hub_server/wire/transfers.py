"""Where the links of a batch answer lead: the bytes of large files, up and down.

A ticket in the query is the permission, because clients send no token here; whether its user may
still do this is asked again before and after the bytes have moved.
"""

from typing import Annotated, Any, BinaryIO

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from hub_server import lfs
from hub_server.edge import Download, TheHub, content_length, send
from hub_server.errors import BadRequest, Unavailable
from hub_server.wire.bodies import json_body

router = APIRouter(prefix="/-/lfs", include_in_schema=False)


def _upload(hub: TheHub, oid: str, ticket: str = "") -> lfs.Arrival:
    return lfs.open_upload(hub, oid, ticket)


def _part(hub: TheHub, oid: str, ticket: str = "") -> lfs.Arrival:
    return lfs.open_part(hub, oid, ticket)


WholeFile = Annotated[lfs.Arrival, Depends(_upload)]
OnePart = Annotated[lfs.Arrival, Depends(_part)]


@router.put("/upload/{oid}")
async def upload(request: Request, hub: TheHub, arrival: WholeFile) -> Response:
    """A whole file; kept only if size and hash are what the ticket says."""
    return await _received(request, hub, arrival)


@router.put("/part/{oid}")
async def part(request: Request, hub: TheHub, arrival: OnePart) -> Response:
    """One part; its ETag is what the client names at the completion."""
    return await _received(request, hub, arrival)


async def _received(request: Request, hub: TheHub, arrival: lfs.Arrival) -> Response:
    announced = content_length(request)
    if announced is not None and announced != arrival.size:
        raise BadRequest(  # at once, before the client has sent gigabytes
            "This link takes {size} bytes, the request announces {announced}.",
            size=arrival.size,
            announced=announced,
        )
    received = await lfs.receive(hub, arrival, request.stream())
    etag = await to_thread.run_sync(lfs.store, hub, arrival, received)
    return Response(status_code=200, headers={"ETag": f'"{etag}"'})


@router.post("/complete/{oid}")
def complete(
    hub: TheHub, oid: str, body: Annotated[object, Depends(json_body)], ticket: str = ""
) -> Response:
    """All parts are there. What the client says of them is read but never relied on."""
    lfs.read_completion(body)
    return _verified(lfs.complete(hub, oid, ticket))


@router.post("/verify/{oid}")
def verify(
    hub: TheHub, oid: str, body: Annotated[object, Depends(json_body)], ticket: str = ""
) -> Response:
    """The bytes went to the store itself: read them back before anything names them."""
    return _verified(lfs.verify_upload(hub, oid, ticket, lfs.read_wish(body)))


def _verified(done: bool) -> Response:
    if not done:
        raise Unavailable("The upload is still being verified.", retry_after=10)
    return JSONResponse({}, media_type=lfs.MEDIA_TYPE)


@router.get("/download/{oid}")
@router.head("/download/{oid}")
def download(request: Request, hub: TheHub, oid: str, ticket: str = "") -> Response:
    """The bytes, for whoever may still read the repository that links them."""
    found = lfs.open_download(hub, oid, ticket)
    if found.url is not None:
        return RedirectResponse(found.url, 302, {"Cache-Control": "no-store"})

    def opener(start: int, length: int | None) -> BinaryIO:
        reader: Any = lfs.read_download(hub, found, start, length)
        opened: BinaryIO = reader
        return opened

    local = hub.objects.local_path(oid, size=found.size)
    return send(request, Download(opener, found.size, oid, f"{oid}.bin", file=local))
