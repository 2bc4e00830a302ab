"""Browsers where a person is signed in, and signing them out."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from hub_server.accounts import sessions, users
from hub_server.db.tables.accounts import BrowserSession
from hub_server.edge import ReadSession, WriteSession, csrf
from hub_server.web.agents import describe
from hub_server.web.persons import InBrowser
from hub_server.web.rendering import render, see_other
from hub_server.web.views.settings import SessionRow, Sessions

router = APIRouter(include_in_schema=False, prefix="/settings/sessions")


@router.get("")
def show_sessions(
    request: Request, session: ReadSession, caller: InBrowser, done: str = ""
) -> Response:
    here = caller.session.hash if caller.session else ""
    assert caller.user_id is not None  # noqa: S101 - signed in
    rows = [_row(row, here) for row in sessions.list_sessions(session, caller.user_id)]
    rows.sort(key=lambda row: not row.is_here)
    return render(request, "settings/sessions.html", Sessions(tuple(rows), done))


@router.post("/end-others")
def end_others(request: Request, session: WriteSession, caller: InBrowser) -> Response:
    assert caller.user_id is not None  # noqa: S101 - signed in
    users.end_sessions(session, caller.user_id, but=caller.session.hash if caller.session else None)
    return see_other(request, "/settings/sessions?done=others")


@router.post("/{which}/end")
def end_one(request: Request, session: WriteSession, caller: InBrowser, which: str) -> Response:
    assert caller.user_id is not None  # noqa: S101 - signed in
    sessions.end_session(session, caller.user_id, which)
    if caller.session is None or which != caller.session.hash:
        return see_other(request, "/settings/sessions?done=one")
    response = see_other(request, "/")
    csrf.drop_cookie(request, response, csrf.SESSION_COOKIE)
    return response


def _row(row: BrowserSession, here: str) -> SessionRow:
    browser, system = describe(row.user_agent)
    return SessionRow(
        id=row.hash,
        browser=browser,
        system=system,
        began=row.created_at,
        seen=row.seen_at,
        ends=row.expires_at,
        is_here=row.hash == here,
    )
