"""The chunk store as Xet clients speak to it. Cookies do not count here.

A token in the header says who asks and through which repository; links to bytes carry their own
permission. What is not listed here answers 404, which tells clients to do without.
"""

from typing import Annotated, BinaryIO, cast

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from hub_server import xet
from hub_server.chunks import MOST_SHARD, MOST_XORB, from_text
from hub_server.contents import Hub
from hub_server.edge import Download, TheHub, arrived, hub_of, send, small_body, spooled
from hub_server.edge.files import OPAQUE
from hub_server.errors import Forbidden, NotFound, Unauthorized
from hub_server.wire.ranges import asked_bytes
from hub_server.wire.verifying import finished, progress

STORE = "/xet/{epoch:segment}/{account:segment}"
PREFIXES = ("default", "default-merkledb")
LARGEST_TELEMETRY = 1024 * 1024
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

router = APIRouter(include_in_schema=False)


def _grant(request: Request, scope: xet.Scope) -> xet.Grant:
    kind, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if kind.lower() != "bearer":
        raise Unauthorized("Send the token of the repository's xet-token route.")
    at = xet.Place(request.path_params["epoch"], request.path_params["account"])
    grant = xet.open_grant(hub_of(request), at, token.strip(), scope)
    request.state.caller_name = grant.caller.name
    return grant


def _reader(request: Request) -> xet.Grant:
    return _grant(request, "read")


def _writer(request: Request) -> xet.Grant:
    return _grant(request, "write")


Reader = Annotated[xet.Grant, Depends(_reader)]
Writer = Annotated[xet.Grant, Depends(_writer)]


@router.get(STORE + "/v2/reconstructions/{file}")
def reconstruction(request: Request, hub: TheHub, grant: Reader, file: str) -> Response:
    """How a file, or a range of it, is put together."""
    return JSONResponse(_reconstruction(request, hub, grant, file).as_v2())


@router.get(STORE + "/v1/reconstructions/{file}")
def reconstruction_v1(request: Request, hub: TheHub, grant: Reader, file: str) -> Response:
    return JSONResponse(_reconstruction(request, hub, grant, file).as_v1())


def _reconstruction(request: Request, hub: Hub, grant: xet.Grant, file: str) -> xet.Reconstruction:
    start, last = asked_bytes(request)
    base = request.state.origin.base_url
    return xet.reconstruct(hub, grant, file, base=base, start=start, last=last)


@router.get(STORE + "/v1/reconstructions")
def reconstructions(request: Request, hub: TheHub, grant: Reader) -> Response:
    """Several files at once, `?file_id=…&file_id=…`."""
    files = request.query_params.getlist("file_id")
    base = request.state.origin.base_url
    return JSONResponse(xet.reconstruct_many(hub, grant, files, base=base))


@router.head(STORE + "/v1/files/{file}")
def file_size(hub: TheHub, grant: Reader, file: str) -> Response:
    return _size(xet.file_size(hub, grant, file))


@router.head(STORE + "/v1/xorbs/{prefix}/{xorb}")
def xorb_size(hub: TheHub, grant: Reader, prefix: str, xorb: str) -> Response:
    _check_prefix(prefix)
    return _size(xet.xorb_size(hub, grant, xorb))


def _size(size: int) -> Response:
    return Response(headers={"Content-Length": str(size), "Content-Type": OPAQUE})


@router.get(STORE + "/v1/chunks/{prefix}/{chunk}")
def chunk(hub: TheHub, grant: Reader, prefix: str, chunk: str) -> Response:
    """Is there a xorb with this chunk to build on? A shard, or 404."""
    _check_prefix(prefix)
    return Response(xet.offer(hub, grant, chunk), media_type=OPAQUE)


@router.post(STORE + "/v1/xorbs/{prefix}/{xorb}")
async def upload_xorb(
    request: Request, hub: TheHub, grant: Writer, prefix: str, xorb: str
) -> Response:
    """Kept only if every chunk of it is right and its hash is the one in the address."""
    _check_prefix(prefix)
    from_text(xorb)  # before megabytes are sent in vain
    async with spooled(request, hub.incoming, MOST_XORB) as received:
        new = await to_thread.run_sync(
            xet.keep_xorb, hub, grant, xorb, received, limiter=request.app.state.validators
        )
    return JSONResponse({"was_inserted": new})


@router.post(STORE + "/v2/shards")
async def upload_shard(request: Request, hub: TheHub, grant: Writer) -> Response:
    """Files out of xorbs. What can be said at once has a status; else lines tell how far it is."""
    return await progress(request, await _registration(request, hub, grant))


@router.post(STORE + "/v1/shards")
async def upload_shard_v1(request: Request, hub: TheHub, grant: Writer) -> Response:
    new = await finished(request, await _registration(request, hub, grant))
    return JSONResponse({"result": int(new)})


async def _registration(request: Request, hub: Hub, grant: xet.Grant) -> xet.Registration:
    return xet.Registration(hub, grant, await arrived(request, hub.spool, MOST_SHARD))


@router.post(STORE + "/v1/telemetry")
async def telemetry(request: Request, grant: Reader) -> Response:
    """Read and dropped."""
    await small_body(request, LARGEST_TELEMETRY)
    return JSONResponse({})


@router.get("/-/xet/bytes/{sha256}")
def fetch(request: Request, hub: TheHub, sha256: str, ticket: str = "") -> Response:
    """Exactly the bytes of a xorb that the link was made for."""
    if "if-range" in request.headers:
        raise Forbidden("This link was made for one range of bytes, whatever else holds.")
    wanted = xet.read_ticket(hub.keys, sha256, ticket, request.headers.getlist("range"))

    def opener(start: int, length: int | None) -> BinaryIO:
        return cast(BinaryIO, xet.open_bytes(hub, wanted, start, length))

    file = xet.file_of(hub, wanted)
    return send(request, Download(opener, wanted.size, sha256, f"{sha256}.xorb", file=file))


@router.api_route("/xet/{rest:rest}", methods=EVERY_METHOD)
def unknown(rest: str) -> Response:
    """Grants to upload past the hub among them: any other status would end an upload."""
    raise NotFound("The chunk store of this hub has no such address.")


def _check_prefix(prefix: str) -> None:
    if prefix not in PREFIXES:
        raise NotFound("The chunk store of this hub has no such prefix.")
