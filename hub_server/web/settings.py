"""A person's own settings: profile, password, access tokens."""

from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, get_args

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server.accounts import Caller, Profile, TokenRole, WrongPassword, passwords, tokens, users
from hub_server.accounts.scopes import read_scopes
from hub_server.accounts.tokens import NewToken
from hub_server.db import now
from hub_server.db.tables.accounts import Token
from hub_server.edge import ReadSession, TheHub, WriteSession
from hub_server.errors import BadRequest, Conflict, HubError
from hub_server.web import scoping
from hub_server.web.forms import ProfileForm, Text, TokenForm, said
from hub_server.web.persons import InBrowser
from hub_server.web.rendering import render, see_other
from hub_server.web.views import settings as views

router = APIRouter(include_in_schema=False, prefix="/settings")
SOON = timedelta(days=7)
DAYS = 90
LIFETIMES = {"30": 30, "90": 90, "365": 365}


@router.get("")
def show_first(request: Request, caller: InBrowser) -> Response:
    return see_other(request, "/settings/profile")


@router.get("/profile")
def show_profile(
    request: Request, session: ReadSession, caller: InBrowser, done: str = ""
) -> Response:
    user = users.user_named(session, caller.name)
    view = views.Profile(user.name, user.full_name, user.email or "", user.about, done)
    return render(request, "settings/profile.html", view)


@router.post("/profile")
def change_profile(
    request: Request,
    session: WriteSession,
    caller: InBrowser,
    form: Annotated[ProfileForm, Form()],
) -> Response:
    wanted = Profile(form.full_name, form.email, form.about)
    try:
        with session.begin_nested():
            users.change_profile(session, users.user_named(session, caller.name), wanted)
    except (BadRequest, Conflict) as error:
        sentence = said(request, error)
        view = views.Profile(caller.name, form.full_name, form.email, form.about, refused=sentence)
        return render(request, "settings/profile.html", view, status=error.status)
    return see_other(request, "/settings/profile?done=saved")


@router.get("/password")
def show_password(
    request: Request, session: ReadSession, caller: InBrowser, done: str = ""
) -> Response:
    user = users.user_named(session, caller.name)
    view = views.Password(user.name, user.password_hash is not None, done)
    return render(request, "settings/password.html", view)


@router.post("/password")
def change_password(
    request: Request, hub: TheHub, caller: InBrowser, current: Text = "", password: Text = ""
) -> Response:
    with hub.database.read() as session:
        stored = users.user_named(session, caller.name).password_hash
    try:
        if stored is not None and not passwords.verify(stored, current):
            raise WrongPassword
        hashed = passwords.make(password, caller.name, caller.email)
    except HubError as error:
        return _refused_password(request, caller, error, has_password=stored is not None)
    with hub.database.write() as session:
        _set_password(session, caller, hashed)
    return see_other(request, "/settings/password?done=saved")


def _refused_password(
    request: Request, caller: Caller, error: HubError, *, has_password: bool
) -> Response:
    field = "current" if isinstance(error, WrongPassword) else "password"
    view = views.Password(caller.name, has_password, errors={field: said(request, error)})
    return render(request, "settings/password.html", view, status=error.status)


def _set_password(session: Session, caller: Caller, hashed: str) -> None:
    """All other browsers are signed out; this one stays."""
    user = users.user_named(session, caller.name)
    user.password_hash = hashed
    users.end_sessions(session, user.id, but=caller.session.hash if caller.session else None)


@router.get("/tokens")
def show_tokens(
    request: Request, session: ReadSession, caller: InBrowser, done: str = ""
) -> Response:
    return render(request, "settings/tokens.html", _tokens(request, session, caller, done=done))


@router.post("/tokens")
def create_token(
    request: Request, session: WriteSession, caller: InBrowser, form: Annotated[TokenForm, Form()]
) -> Response:
    """Answers 200 with the value in the page: it exists nowhere else and is shown this once."""
    field = "places"
    try:
        scopes = scoping.chosen_scopes(session, caller, form)
        field = "name"
        new = NewToken(form.name, _role(form.role), scopes, _end(form.lifetime))
        row, value = tokens.create_token(session, users.user_named(session, caller.name), new)
    except BadRequest as error:
        view = _tokens(request, session, caller, form)
        view = replace(view, errors={field: said(request, error)})
        return render(request, "settings/tokens.html", view, status=HTTPStatus.BAD_REQUEST)
    view = replace(_tokens(request, session, caller), fresh=value, fresh_name=row.name)
    return render(request, "settings/tokens.html", view, secret=True)


@router.post("/tokens/{number}/revoke")
def revoke_token(
    request: Request, session: WriteSession, caller: InBrowser, number: int
) -> Response:
    assert caller.user_id is not None  # noqa: S101 - signed in
    tokens.revoke_token(session, caller.user_id, number)
    return see_other(request, "/settings/tokens?done=revoked")


def _tokens(
    request: Request,
    session: Session,
    caller: Caller,
    form: TokenForm | None = None,
    *,
    done: str = "",
) -> views.Tokens:
    """The page, its form filled as it was sent."""
    assert caller.user_id is not None  # noqa: S101 - signed in
    filled = form or TokenForm()
    return views.Tokens(
        tuple(_row(token) for token in tokens.list_tokens(session, caller.user_id)),
        request.state.origin.base_url,
        done=done,
        name=filled.name,
        role=filled.role,
        lifetime=filled.lifetime,
        places=scoping.places(session, caller, form),
    )


def _row(token: Token) -> views.TokenRow:
    left = token.expires_at - now() if token.expires_at else None
    return views.TokenRow(
        id=token.id,
        name=token.name,
        role=token.role,
        hint=f"hf_…{token.hint}",
        created=token.created_at,
        last_used=token.last_used_at,
        ends=token.expires_at,
        is_expired=left is not None and left <= timedelta(0),
        ends_soon=left is not None and timedelta(0) < left <= SOON,
        scopes=scoping.scope_rows(read_scopes(token.scopes)),
    )


def _role(role: str) -> TokenRole:
    """What was chosen; the least for what is no role."""
    return next((known for known in get_args(TokenRole) if known == role), "read")


def _end(lifetime: str) -> datetime | None:
    if lifetime == "never":
        return None
    return now() + timedelta(days=LIFETIMES.get(lifetime, DAYS))
