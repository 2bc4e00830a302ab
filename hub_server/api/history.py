"""Refs, commits and differences."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from hub_server import contents
from hub_server.api.routing import RepoRoute, asked_revision
from hub_server.api.shapes import flag, git_stamp, many
from hub_server.contents import Author, RefInfo
from hub_server.edge import AskedPage, Paging, ReadableRepo, ReadSession, TheHub, link_next
from hub_server.errors import BadRequest
from hub_server.git import Commit

router = APIRouter(route_class=RepoRoute, tags=["history"])

COMMITS_PAGE = 50
FARTHEST = 10_000_000


@router.get("/api/{kinds:kinds}/{id:id}/refs")
def refs(
    request: Request, hub: TheHub, session: ReadSession, repo: ReadableRepo
) -> dict[str, list[dict[str, str]]]:
    """Branches, tags and converted copies; pull requests with `include_prs`."""
    pulls = flag(request, "include_prs") or flag(request, "include_pull_requests")
    found = contents.list_refs(hub, session, repo, pull_requests=pulls)
    shown = {
        "branches": [_ref(ref) for ref in found.branches],
        "converts": [_ref(ref) for ref in found.converts],
        "tags": [_ref(ref) for ref in found.tags],
    }
    if pulls:
        shown["pullRequests"] = [_ref(ref) for ref in found.pull_requests]
    return shown


def _ref(ref: RefInfo) -> dict[str, str]:
    return {"name": ref.name, "ref": ref.ref, "targetCommit": ref.target}


@router.get("/api/{kinds:kinds}/{id:id}/commits/{rest:rest}")
def commits(
    request: Request,
    response: Response,
    hub: TheHub,
    session: ReadSession,
    repo: ReadableRepo,
    page: AskedPage,
) -> list[dict[str, Any]]:
    """Newest first; `limit`, `p` or `cursor`, and `expand[]=formatted` for HTML."""
    limit = page.limit if request.query_params.get("limit") else COMMITS_PAGE
    skip = _skip(request, page, limit)
    window = contents.Window(skip=skip, limit=limit)
    found = contents.commit_log(hub, session, repo, asked_revision(request), window)
    link_next(request, response, skip + limit if found.more else None)
    formatted = "formatted" in many(request, "expand")
    pairs = zip(found.commits, found.authors, strict=True)
    return [_commit(commit, author, formatted=formatted) for commit, author in pairs]


def _skip(request: Request, page: Paging, limit: int) -> int:
    if isinstance(page.after, int):
        return min(max(page.after, 0), FARTHEST)
    number = request.query_params.get("p") or "0"
    if not number.isdecimal():
        raise BadRequest('"p" must be a number.')
    return min(int(number[:9]) * limit, FARTHEST)


def _commit(commit: Commit, author: Author, *, formatted: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": commit.id,
        "title": commit.title,
        "message": commit.body,
        "authors": [{"user": author.user}],
        "date": git_stamp(commit.committer),
    }
    if formatted:
        shown["formatted"] = {"title": escape(commit.title), "message": _html(commit.body)}
    return shown


def _html(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


@router.get("/api/{kinds:kinds}/{id:id}/compare/{rest:rest}", response_class=Response)
def compare(request: Request, hub: TheHub, session: ReadSession, repo: ReadableRepo) -> Response:
    """The text of `git diff` between two revisions, `main...dev` or `main..dev`."""
    lines = contents.compare(hub, session, repo, asked_revision(request))
    return StreamingResponse(lines, media_type="text/plain; charset=utf-8")
