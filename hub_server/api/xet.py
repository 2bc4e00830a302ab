"""Tokens for the chunk store, and how files say that they are in it."""

from collections.abc import Collection
from dataclasses import dataclass

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from hub_server import xet
from hub_server.accounts import Access
from hub_server.api.routing import RepoRoute, asked_revision
from hub_server.api.shapes import flag
from hub_server.contents import Hub, ResolvedFile
from hub_server.db.tables.repos import Kind
from hub_server.edge import ApiTransfer
from hub_server.xet import IssuedToken

router = APIRouter(route_class=RepoRoute, tags=["large files"])

TO_BE_MADE = "None"
"""The revision that clients name for a pull request they are about to make."""
FILE_INFO = "application/vnd.xet-fileinfo+json"


@router.get("/api/{kinds:kinds}/{id:id}/xet-read-token/{rest:rest}", response_class=Response)
def read_token(request: Request, transfer: ApiTransfer) -> Response:
    """For downloads; of every revision."""
    repo = transfer.repo(Access.READ)
    return _told(request, xet.issue_read(transfer.hub, transfer.caller, repo))


@router.get("/api/{kinds:kinds}/{id:id}/xet-write-token/{rest:rest}", response_class=Response)
def write_token(request: Request, transfer: ApiTransfer) -> Response:
    """For uploads; with `create_pr`, or a revision `refs/pr/…`, for whoever may read."""
    repo = transfer.repo(Access.READ)
    revision = asked_revision(request)
    to_be_made = revision == TO_BE_MADE or flag(request, "create_pr")
    ref = None if to_be_made else revision
    return _told(request, xet.issue_write(transfer.hub, transfer.caller, repo, ref))


def _told(request: Request, token: IssuedToken) -> Response:
    """Both ways, because clients differ."""
    address = request.state.origin.base_url + token.path
    body = {"accessToken": token.text, "exp": token.expires, "casUrl": address}
    headers = {
        "X-Xet-Access-Token": token.text,
        "X-Xet-Token-Expiration": str(token.expires),
        "X-Xet-Cas-Url": address,
        "Cache-Control": "no-store",
    }
    return JSONResponse(body, headers=headers)


def file_hashes(hub: Hub, session: Session, repo_id: int, oids: Collection[str]) -> dict[str, str]:
    """By sha256, the file hashes of those of the repository's objects that are stored as chunks."""
    if not oids:
        return {}
    found = hub.objects.is_linked(session, repo_id, oids)
    return {oid: info.xet for oid, info in found.items() if info.xet}


@dataclass(frozen=True)
class FoundFile:
    """A file, the repository it was found in, and who found it."""

    file: ResolvedFile
    kind: Kind
    full_name: str
    user_id: int | None


def xet_headers(request: Request, found: FoundFile) -> dict[str, str]:
    """How clients tell that the file is stored as chunks, and where they get a token for it."""
    if not found.file.xet:
        return {}
    return {"X-Xet-Hash": found.file.xet, "Link": f'<{_refresh(request, found)}>; rel="xet-auth"'}


def _refresh(request: Request, found: FoundFile) -> str:
    base = request.state.origin.base_url
    return f"{base}/api/{found.kind}s/{found.full_name}/xet-read-token/{found.file.commit}"


def wants_file_info(request: Request) -> bool:
    """Whether the client asks how to fetch the file, not for its bytes."""
    return FILE_INFO in request.headers.get("accept", "")


def file_info(request: Request, hub: Hub, found: FoundFile) -> Response:
    """The same for clients that ask by GET; they read the headers alone."""
    file = found.file
    store = request.state.origin.base_url + xet.place(hub, found.user_id).path
    refresh, reconstruction = _refresh(request, found), f"{store}/v1/reconstructions/{file.xet}"
    body = {"hash": file.xet, "refreshUrl": refresh, "reconstructionUrl": reconstruction}
    headers = {
        "ETag": f'"{file.etag}"',
        "X-Repo-Commit": file.commit,
        "X-Linked-Etag": f'"{file.etag}"',
        "X-Linked-Size": str(file.size),
        "X-Xet-Hash": file.xet or "",
        "Link": f'<{refresh}>; rel="xet-auth", <{reconstruction}>; rel="xet-reconstruction-info"',
        "Cache-Control": "no-store",
        "Vary": "Accept, Cookie",
    }
    return JSONResponse(body, headers=headers, media_type=FILE_INFO)
