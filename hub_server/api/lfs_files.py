"""The large files of a repository: listed, taken away, made usable in another repository."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from hub_server import contents
from hub_server.accounts import Access
from hub_server.api.routing import Asked, JsonBody, RepoRoute
from hub_server.api.shapes import flag, stamp, without_none
from hub_server.contents import LfsFile
from hub_server.db.tables.repos import KINDS, Kind, Repo
from hub_server.edge import (
    ApiTransfer,
    AskedPage,
    CurrentCaller,
    ReadSession,
    RepoRef,
    TheHub,
    TheRef,
    find_repo,
    link_next,
)
from hub_server.errors import BadRequest

router = APIRouter(route_class=RepoRoute, tags=["large files"])

MOST_DELETED = 1000
MOST_COPIED = 500
PAGE = 100


class AskedDeletions(Asked):
    """`sha` are values of `fileOid`."""

    sha: list[str] = Field(max_length=MOST_DELETED)
    rewrite_history: bool = False


class AskedDeletion(Asked):
    deletions: AskedDeletions


class AskedTarget(Asked):
    type: str = "model"
    name: str


class AskedObject(Asked):
    sha256: str = Field(pattern="^[0-9a-fA-F]{64}$")
    filename: str = ""


class AskedDuplicates(Asked):
    target: AskedTarget
    files: list[AskedObject] = Field(max_length=MOST_COPIED)


DeletionBody = Annotated[AskedDeletion, Depends(JsonBody(AskedDeletion))]
DuplicatesBody = Annotated[AskedDuplicates, Depends(JsonBody(AskedDuplicates))]


def _for_writers(session: ReadSession, caller: CurrentCaller, ref: TheRef) -> Repo:
    return find_repo(session, caller, ref, Access.WRITE)


@router.get("/api/{kinds:kinds}/{id:id}/lfs-files")
def list_lfs_files(
    request: Request,
    response: Response,
    hub: TheHub,
    session: ReadSession,
    repo: Annotated[Repo, Depends(_for_writers)],
    page: AskedPage,
) -> list[dict[str, Any]]:
    """One entry for each object, with a path that has it, or had it once; for writers."""
    after = page.after if isinstance(page.after, int) else 0
    limit = min(page.limit, PAGE)
    found = contents.list_lfs_files(hub, session, repo, after=after, limit=limit)
    link_next(request, response, found.after)
    return [_shown(file) for file in found.files]


def _shown(file: LfsFile) -> dict[str, Any]:
    return without_none(
        {
            "fileOid": file.sha256,
            "oid": file.sha256,
            "filename": file.filename,
            "size": file.size,
            "pushedAt": stamp(file.pushed_at),
            "ref": file.ref,
            "pusher": {"name": file.pusher, "type": "user"} if file.pusher else None,
        }
    )


@router.post("/api/{kinds:kinds}/{id:id}/lfs-files/batch")
def delete_lfs_files(transfer: ApiTransfer, asked: DeletionBody) -> dict[str, bool]:
    """Take objects away for good; with `rewriteHistory` every ref loses their files as well."""
    repo = transfer.repo(Access.WRITE)
    wanted = {oid.lower() for oid in asked.deletions.sha}
    rewrite = asked.deletions.rewrite_history
    hub, caller = transfer.hub, transfer.caller
    contents.delete_lfs_files(hub, caller, repo, wanted, rewrite_history=rewrite)
    return {"success": True}


@router.delete("/api/{kinds:kinds}/{id:id}/lfs-files/{rest:rest}")
def delete_lfs_file(request: Request, transfer: ApiTransfer) -> dict[str, bool]:
    """The same for one object."""
    repo = transfer.repo(Access.WRITE)
    rewrite = flag(request, "rewriteHistory")
    wanted = [request.path_params["rest"].lower()]
    hub, caller = transfer.hub, transfer.caller
    contents.delete_lfs_files(hub, caller, repo, wanted, rewrite_history=rewrite)
    return {"success": True}


@router.post("/api/{kinds:kinds}/{id:id}/lfs-files/duplicate")
def duplicate(
    hub: TheHub, caller: CurrentCaller, ref: TheRef, asked: DuplicatesBody
) -> dict[str, list[dict[str, str]]]:
    """Let another repository that the caller writes to use objects of this one."""
    kind = _kind(asked.target.type)
    oids = {file.sha256.lower() for file in asked.files}
    with hub.database.write() as session:
        source = find_repo(session, caller, ref, Access.READ)
        target = find_repo(session, caller, RepoRef(kind, asked.target.name), Access.WRITE)
        known = hub.objects.is_linked(session, source.id, sorted(oids))
        for info in known.values():
            hub.objects.link(session, target.id, info.id, caller.user_id)
    missing = sorted(oids - known.keys())
    return {"failed": [{"sha256": oid, "error": "not found"} for oid in missing]}


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if text in (kind, f"{kind}s"):
            return kind
    raise BadRequest('"type" must be model, dataset or space.')
