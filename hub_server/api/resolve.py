"""Downloads: `/resolve/` for the content of files, `/raw/` for what Git has of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from hub_server import contents, repos
from hub_server.api.routing import RepoRoute
from hub_server.api.shapes import flag
from hub_server.api.xet import FoundFile, file_info, wants_file_info, xet_headers
from hub_server.contents import Hub, ResolvedFile
from hub_server.edge import (
    Download,
    at_revision,
    client_of,
    disposition,
    hub_of,
    reading,
    repo_ref,
    send,
    sniff,
)
from hub_server.edge.files import OPAQUE, SNIFF_BYTES

router = APIRouter(route_class=RepoRoute, tags=["files"])

REVALIDATED = "private, no-cache"
"""A branch moves: browsers keep the bytes and ask with the ETag whether they still hold."""
VISITS = ("document", "iframe")
EMBEDDED = ("image", "audio", "video", "track", "font", "style", "script", "object", "embed")
"""What browsers ask for because a page shows it, as that of a card does."""


@router.get("/{repo:repo}/resolve/{rest:rawrest}", response_class=Response)
@router.head("/{repo:repo}/resolve/{rest:rawrest}", response_class=Response)
def resolve(request: Request) -> Response:
    """The file at a path of a revision, a large one with its real bytes."""
    hub = hub_of(request)
    found = _found(request, hub, contents.resolve_file)
    _count(request, hub, found)
    if found.file.xet and wants_file_info(request):
        return file_info(request, hub, found)
    file, headers = found.file, _headers(found.file) | xet_headers(request, found)
    redirected = _redirected(request, hub, file, headers)
    return redirected or send(request, _download(request, hub, file, headers))


@router.get("/{repo:repo}/raw/{rest:rawrest}", response_class=Response)
@router.head("/{repo:repo}/raw/{rest:rawrest}", response_class=Response)
def raw(request: Request) -> Response:
    """The same as Git has it: of a large file the text of its pointer."""
    hub = hub_of(request)
    file = _found(request, hub, contents.raw_file).file
    return send(request, _download(request, hub, file, _headers(file)))


def _found(request: Request, hub: Hub, look: Any) -> FoundFile:
    """Caller, repository and file in one short unit of work: this is the hottest route."""
    ref = repo_ref(request)
    with reading(request) as (session, caller):
        repo = repos.readable_row(session, caller, ref.kind, ref.name)
        file: ResolvedFile = at_revision(
            request.path_params["rest"],
            lambda revision, path: look(hub, session, repo, revision, path),
        )
    return FoundFile(file, repo.kind, repo.full_name, caller.user_id)


def _count(request: Request, hub: Hub, found: FoundFile) -> None:
    if request.headers.get("sec-fetch-dest") not in EMBEDDED:
        client = client_of(request, found.user_id)
        hub.downloads.note(found.kind, found.file.repo_id, client, found.file.path)


def _download(
    request: Request, hub: Hub, file: ResolvedFile, headers: Mapping[str, str]
) -> Download:
    media_type, shown = _media(request, hub, file)

    def opener(start: int, length: int | None) -> BinaryIO:
        return contents.open_file(hub, file, start, length)

    return Download(
        opener,
        file.size,
        file.etag,
        file.name,
        media_type,
        inline=shown and not flag(request, "download"),
        headers=headers,
        file=_local(hub, file),
    )


def _headers(file: ResolvedFile) -> dict[str, str]:
    headers = {"X-Repo-Commit": file.commit, "Cache-Control": REVALIDATED, "Vary": "Cookie"}
    if file.lfs:
        headers |= {"X-Linked-Etag": f'"{file.lfs.oid}"', "X-Linked-Size": str(file.size)}
    return headers


def _local(hub: Hub, file: ResolvedFile) -> Path | None:
    return hub.objects.local_path(file.lfs.oid, size=file.size) if file.lfs else None


def _media(request: Request, hub: Hub, file: ResolvedFile) -> tuple[str, bool]:
    """Type by content, remembered; HEAD looks into no file for it."""
    key = (file.etag, file.name.rpartition(".")[2].lower())
    known = hub.memory.media.get(key)
    if known is None and request.method == "HEAD":
        return OPAQUE, False
    if known is None:
        with contents.open_file(hub, file, 0, SNIFF_BYTES) as start:
            known = hub.memory.media.put(key, sniff(file.name, start.read(SNIFF_BYTES)))
    return known


def _redirected(
    request: Request, hub: Hub, file: ResolvedFile, headers: Mapping[str, str]
) -> Response | None:
    """To the store itself, where clients may fetch from it.

    What a page of ours embeds comes through the hub, as its policy knows no other origin.
    """
    embedded = request.headers.get("sec-fetch-dest", "document") not in VISITS
    if not file.lfs or not hub.objects.direct or request.method == "HEAD" or embedded:
        return None
    shown = disposition(file.name, inline=False)
    forced = {"content-type": OPAQUE, "content-disposition": shown}
    url = hub.objects.checked_url(file.lfs.oid, size=file.size, headers=forced)
    if url is None:
        return None
    headers = {**headers, "ETag": f'"{file.etag}"', "Accept-Ranges": "bytes"}
    return RedirectResponse(url, 302, {**headers, "Cache-Control": "no-store"})
