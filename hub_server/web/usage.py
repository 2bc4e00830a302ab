"""What people did with a repository: the like button, and downloads as a line."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import repos, usage
from hub_server.accounts import Access, Caller
from hub_server.db.tables.repos import Repo
from hub_server.edge import SignedIn, TheRef, WriteSession, find_repo
from hub_server.usage import Day
from hub_server.web.forms import Text
from hub_server.web.rendering import see_other
from hub_server.web.views.card import LikeButton, Sparkline

router = APIRouter(include_in_schema=False)
WIDTH, HEIGHT, EDGE = 240, 40, 2


@router.post("/{repo:repo}/like")
def change_like(
    request: Request,
    session: WriteSession,
    caller: SignedIn,
    ref: TheRef,
    liked: Text = "yes",
) -> Response:
    """The form says what shall be, so that sending it twice is no mistake."""
    repo = find_repo(session, caller, ref, Access.SEE)
    change = usage.unlike if liked == "no" else usage.like
    change(session, caller, repo)
    return see_other(request, repos.web_path(repo.kind, repo.full_name))


def like_button(session: Session, caller: Caller, repo: Repo) -> LikeButton:
    url = f"{repos.web_path(repo.kind, repo.full_name)}/like"
    liked = usage.is_liked(session, caller, repo)
    return LikeButton(url, repo.likes, liked=liked, signed_in=caller.user_id is not None)


def sparkline(days: Sequence[Day]) -> Sparkline | None:
    """None where there is nothing to draw."""
    best = max(days, key=lambda day: (day.downloads, day.date), default=None)
    if best is None or not best.downloads:
        return None
    step = (WIDTH - 2 * EDGE) / max(1, len(days) - 1)
    rise = (HEIGHT - 2 * EDGE) / best.downloads
    points = (
        f"{EDGE + number * step:.1f},{HEIGHT - EDGE - day.downloads * rise:.1f}"
        for number, day in enumerate(days)
    )
    total = sum(day.downloads for day in days)
    return Sparkline(" ".join(points), WIDTH, HEIGHT, total, best.downloads, best.date)
