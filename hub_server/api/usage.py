"""Likes and downloads of repositories."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from hub_server import usage
from hub_server.accounts import Access
from hub_server.api.people import shown_account
from hub_server.api.routing import RepoRoute
from hub_server.api.shapes import account_summary, stamp
from hub_server.edge import (
    AskedPage,
    CurrentCaller,
    ReadSession,
    TheRef,
    VisibleRepo,
    WriteSession,
    cut,
    find_repo,
    link_next,
)

router = APIRouter(route_class=RepoRoute, tags=["usage"])

LARGEST_ID = 2**31 - 1


@router.post("/api/{kinds:kinds}/{id:id}/like")
def like(session: WriteSession, caller: CurrentCaller, ref: TheRef) -> None:
    """Twice is once."""
    usage.like(session, caller, find_repo(session, caller, ref, Access.SEE))


@router.delete("/api/{kinds:kinds}/{id:id}/like")
def unlike(session: WriteSession, caller: CurrentCaller, ref: TheRef) -> None:
    """Also where there was no like."""
    usage.unlike(session, caller, find_repo(session, caller, ref, Access.SEE))


@router.get("/api/{kinds:kinds}/{id:id}/likers")
def likers(
    request: Request, response: Response, session: ReadSession, repo: VisibleRepo, page: AskedPage
) -> list[dict[str, Any]]:
    """The last who liked it first."""
    rows = usage.likers(session, repo, after=_place(page.after), limit=page.limit + 1)
    found, more = cut(rows, page.limit)
    link_next(request, response, _after(found, more))
    return [account_summary(request, account) for account, _ in found]


@router.get("/api/users/{name}/likes")
def liked(
    request: Request,
    response: Response,
    session: ReadSession,
    caller: CurrentCaller,
    page: AskedPage,
) -> list[dict[str, Any]]:
    """What a user likes, as far as the caller may see it; the last first."""
    user = shown_account(session, request.path_params["name"], "user", caller)
    after = _place(page.after)
    rows = usage.liked(session, caller, user.id, after=after, limit=page.limit + 1)
    found, more = cut(rows, page.limit)
    link_next(request, response, _after(found, more))
    return [
        {"createdAt": stamp(moment), "repo": {"name": repo.full_name, "type": repo.kind}}
        for repo, moment in found
    ]


@router.get("/api/{kinds:kinds}/{id:id}/download-stats")
def download_stats(session: ReadSession, repo: VisibleRepo) -> dict[str, Any]:
    """Downloads of each of the last 30 days (UTC), the oldest first, and their sums."""
    days = usage.daily(session, repo.id)
    return {
        "downloads": sum(day.downloads for day in days),
        "downloadsAllTime": repo.downloads_all_time,
        "days": [{"date": day.date.isoformat(), "downloads": day.downloads} for day in days],
    }


def _after(rows: Sequence[Any], more: bool) -> list[Any] | None:
    if not more:
        return None
    last, moment = rows[-1]
    return [moment.isoformat(), last.id]


def _place(after: object) -> usage.Place | None:
    """Where the last page ended; what somebody made up is where the first begins."""
    match after:
        case [str(text), int(row_id)] if 0 <= row_id <= LARGEST_ID:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                return None
            return usage.Place(moment, row_id) if moment.tzinfo else None
    return None
