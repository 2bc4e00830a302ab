"""Everybody with an account, for administrators of the hub: new passwords, disabling."""

from dataclasses import replace

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server.accounts import Caller, links, users
from hub_server.edge import ReadSession, WriteSession
from hub_server.errors import BadRequest
from hub_server.web.forms import said
from hub_server.web.persons import Administrator
from hub_server.web.rendering import is_local, render, see_other
from hub_server.web.rows import person
from hub_server.web.views.settings import People, PersonRow

router = APIRouter(include_in_schema=False, prefix="/settings/people")
PAGE = 200


@router.get("")
def show_people(
    request: Request, session: ReadSession, caller: Administrator, after: str = "", done: str = ""
) -> Response:
    view = replace(_people(session, caller, after), done=done)
    return render(request, "settings/people.html", view)


@router.post("/{name:segment}/password")
def make_password_link(
    request: Request, session: WriteSession, caller: Administrator, name: str
) -> Response:
    """Answers 200 with the link in the page: only its hash is kept."""
    user = users.user_named(session, name)
    base = request.state.origin.base_url
    link = f"{base}/reset/{links.make_reset_link(session, user)}"
    view = replace(
        _people(session, caller), fresh=link, fresh_name=user.name, is_local=is_local(base)
    )
    return render(request, "settings/people.html", view, secret=True)


@router.post("/{name:segment}/disable")
def disable(request: Request, session: WriteSession, caller: Administrator, name: str) -> Response:
    user = users.user_named(session, name)
    if user.id == caller.user_id:
        error = BadRequest("You cannot disable your own account.")
        view = replace(_people(session, caller), refused=said(request, error))
        return render(request, "settings/people.html", view, status=error.status)
    users.disable(session, user)  # another administrator is left: the one who asks
    return see_other(request, "/settings/people?done=disabled")


@router.post("/{name:segment}/enable")
def enable(request: Request, session: WriteSession, caller: Administrator, name: str) -> Response:
    users.enable(session, users.user_named(session, name))
    return see_other(request, "/settings/people?done=enabled")


def _people(session: Session, caller: Caller, after: str = "") -> People:
    found = users.list_users(session, after=after, limit=PAGE + 1)
    rows = tuple(
        PersonRow(
            person(user),
            user.created_at,
            is_admin=user.is_admin,
            is_disabled=user.disabled_at is not None,
            is_you=user.id == caller.user_id,
        )
        for user in found[:PAGE]
    )
    return People(rows, rows[-1].person.name if len(found) > PAGE else "")
