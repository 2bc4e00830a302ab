"""All files of a revision as one download."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from hub_server import contents
from hub_server.contents.archiving import Form
from hub_server.db.tables.repos import Repo
from hub_server.edge import CurrentCaller, ReadableRepo, ReadSession, TheHub, disposition
from hub_server.edge.files import SAFE
from hub_server.errors import EntryNotFound
from hub_server.web.translation import mark

router = APIRouter(include_in_schema=False)
MEDIA_TYPES: dict[Form, str] = {"zip": "application/zip", "tar.gz": "application/gzip"}
TOO_LARGE = mark("This revision is too large to be packed on the way; clone it with git.")
_UNSAFE = re.compile(r"[^\w.-]+", re.ASCII)


@router.get("/{repo:repo}/archive/{name:rest}")
def download_archive(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    revision, form = _asked(request.path_params["name"])
    folder = _folder(repo, revision)
    archive = contents.archive_of(hub, session, repo, revision, folder)
    tag = f'"{archive.commit}.{form}"'
    headers = {
        **SAFE,
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": "Cookie",
        "Content-Disposition": disposition(f"{folder}.{form}", inline=False),
        "X-Repo-Commit": archive.commit,
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return StreamingResponse(archive.packed(form), headers=headers, media_type=MEDIA_TYPES[form])


def _asked(name: str) -> tuple[str, Form]:
    """`main.zip`, `v1.0.tar.gz`; nothing else is made."""
    for form in MEDIA_TYPES:
        revision = name.removesuffix(f".{form}")
        if revision not in (name, ""):
            return revision, form
    raise EntryNotFound


def _folder(repo: Repo, revision: str) -> str:
    """A name that every file system takes: `tiny-ner-feat-x`."""
    return _UNSAFE.sub("-", f"{repo.name}-{revision}").strip("-.")[:120] or repo.name
