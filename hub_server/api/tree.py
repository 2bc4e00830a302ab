"""What is in a revision: pages of its tree, and single paths."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents
from hub_server.api.routing import RepoRoute, asked_revision
from hub_server.api.shapes import TRUE, flag, git_stamp, without_none
from hub_server.api.xet import file_hashes
from hub_server.contents import Hub, TreeEntry
from hub_server.db.tables.repos import Repo
from hub_server.edge import (
    AskedPage,
    CurrentCaller,
    ReadableRepo,
    ReadSession,
    TheHub,
    at_revision,
    content_length,
    link_next,
    small_body,
)
from hub_server.errors import BadRequest, TooLarge

router = APIRouter(route_class=RepoRoute, tags=["files"])

PAGE_WITH_COMMITS = 100
PATHS_BODY = 8 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"


@router.get("/api/{kinds:kinds}/{id:id}/tree/{rest:rawrest}")
def tree(
    request: Request,
    response: Response,
    hub: TheHub,
    session: ReadSession,
    repo: ReadableRepo,
    page: AskedPage,
) -> list[dict[str, Any]]:
    """Files and folders; `recursive`, `expand` (last commits), `limit`, `cursor`."""
    expand = flag(request, "expand")

    def look(revision: str, folder: str) -> contents.TreePage:
        return contents.tree_page(
            contents.snapshot(hub, session, repo, revision),
            folder.strip("/"),
            recursive=flag(request, "recursive"),
            expand=expand,
            after=page.after if isinstance(page.after, str) else None,
            limit=min(page.limit, PAGE_WITH_COMMITS) if expand else page.limit,
        )

    found = at_revision(request.path_params["rest"], look)
    link_next(request, response, found.after)
    response.headers["X-Repo-Commit"] = found.commit
    return _shown(hub, session, repo, found.entries)


def _shown(
    hub: Hub, session: Session, repo: Repo, entries: Sequence[TreeEntry]
) -> list[dict[str, Any]]:
    oids = {entry.lfs.oid for entry in entries if entry.lfs}
    hashes = file_hashes(hub, session, repo.id, oids)
    return [entry_json(entry, hashes) for entry in entries]


def entry_json(entry: TreeEntry, hashes: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": entry.type,
        "oid": entry.oid,
        "size": entry.size,
        "path": entry.path,
    }
    if entry.lfs:
        shown["lfs"] = {
            "oid": entry.lfs.oid,
            "size": entry.lfs.size,
            "pointerSize": entry.blob_size,
        }
        shown["xetHash"] = hashes.get(entry.lfs.oid)
    if entry.last_commit:
        commit = entry.last_commit
        date = git_stamp(commit.committer)
        shown["lastCommit"] = {"id": commit.id, "title": commit.title, "date": date}
    return without_none(shown)


@dataclass(frozen=True)
class AskedPaths:
    """Paths as they were sent, and whether to name their last commits."""

    paths: list[str]
    expand: bool


async def asked_paths(request: Request) -> AskedPaths:
    """From a form (`paths=a&paths=b&expand=true`), as Python sends it, or from JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        return _from_json(await small_body(request, PATHS_BODY))
    size = content_length(request)
    if size is None or size > PATHS_BODY:
        raise TooLarge("Ask for at most {limit} paths at a time.", limit=contents.MOST_PATHS)
    form = await request.form(max_fields=2 * contents.MOST_PATHS)
    texts = [str(value) for name in ("paths", "paths[]") for value in form.getlist(name)]
    return AskedPaths(texts, str(form.get("expand", "")).lower() in TRUE)


def _from_json(data: bytes) -> AskedPaths:
    try:
        body = json.loads(data or b"{}")
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as failure:
        raise BadRequest("The body is neither a form nor JSON.") from failure
    paths = body.get("paths") if isinstance(body, dict) else None
    if isinstance(paths, str):
        paths = [paths]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise BadRequest('"paths" must be a list of paths.')
    return AskedPaths(paths, str(body.get("expand")).lower() in TRUE)


@router.post("/api/{kinds:kinds}/{id:id}/paths-info/{rest:rest}")
def paths_info(
    request: Request,
    hub: TheHub,
    caller: CurrentCaller,
    asked: Annotated[AskedPaths, Depends(asked_paths)],
    session: ReadSession,
    repo: ReadableRepo,
) -> list[dict[str, Any]]:
    """Those of the paths that exist, in the order asked for; at most 1,000."""
    snapshot = contents.snapshot(hub, session, repo, asked_revision(request))
    found = contents.paths_info(snapshot, asked.paths, expand=asked.expand)
    return _shown(hub, session, repo, found)
