"""Signing in and out, the first administrator, invitations, a new password."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from hub_server import accounts
from hub_server.accounts import Attempt, SignedIn, invitations, links, passwords, sessions
from hub_server.db.tables.accounts import Account
from hub_server.edge import CurrentCaller, ReadSession, TheHub, WriteSession, csrf
from hub_server.errors import BadRequest, Conflict, HubError
from hub_server.web.doors import NewAccountForm, dead_link, refused_account
from hub_server.web.forms import OwnForm, SignInForm, Text, said
from hub_server.web.rendering import local_path, render, see_other
from hub_server.web.views.sign_in import NewAccount, PasswordReset, SignIn

router = APIRouter(include_in_schema=False)


@router.get("/login")
def show_sign_in(request: Request, hub: TheHub, caller: CurrentCaller, next: str = "") -> Response:
    if not caller.is_anonymous:
        return see_other(request, local_path(next))
    return render(request, "sign_in/sign_in.html", SignIn(next, signup=hub.settings.signup))


@router.post("/login", dependencies=[OwnForm])
def sign_in(request: Request, hub: TheHub, form: Annotated[SignInForm, Form()]) -> Response:
    agent, client = request.headers.get("user-agent", ""), request.state.origin.client
    attempt = Attempt(form.name, form.password, client, agent, stay=bool(form.stay))
    try:
        signed_in = accounts.sign_in(hub.database, attempt)
    except HubError as error:
        sentence, signup = said(request, error), hub.settings.signup
        view = SignIn(form.next, form.name, sentence, signup=signup, stay=attempt.stay)
        return render(request, "sign_in/sign_in.html", view, status=error.status)
    return _enter(request, signed_in, form.next)


@router.post("/logout")
def sign_out(request: Request, session: WriteSession, caller: CurrentCaller) -> Response:
    if caller.session:
        sessions.close_session(session, caller.session.hash)
    response = see_other(request, "/")
    csrf.drop_cookie(request, response, csrf.SESSION_COOKIE)
    return response


@router.get("/setup/{secret}")
def show_setup(request: Request, session: ReadSession, secret: str) -> Response:
    try:
        links.check_setup_link(session, secret)
    except links.LinkEnded:
        return dead_link(request, "setup")
    return render(request, "sign_in/new_account.html", NewAccount(f"/setup/{secret}", True))


@router.post("/setup/{secret}", dependencies=[OwnForm])
def set_up(request: Request, hub: TheHub, secret: str, form: NewAccountForm) -> Response:
    try:
        new = form.new_user()
        with hub.database.write() as session:
            user = links.create_first_administrator(session, secret, new)
            cookie = _open(request, session, user)
    except links.LinkEnded:
        return dead_link(request, "setup")
    except (BadRequest, Conflict) as error:
        return refused_account(request, NewAccount(f"/setup/{secret}", True), form, error)
    return _enter(request, cookie, "/")


@router.get("/join")
@router.get("/join/{secret}")
def show_join(request: Request, hub: TheHub, session: ReadSession, secret: str = "") -> Response:
    try:
        view = _invited(hub.settings.signup, session, secret)
    except HubError:
        return dead_link(request, "invitation")
    return render(request, "sign_in/new_account.html", view)


@router.post("/join", dependencies=[OwnForm])
@router.post("/join/{secret}", dependencies=[OwnForm])
def join(request: Request, hub: TheHub, form: NewAccountForm, secret: str = "") -> Response:
    mode, view = hub.settings.signup, NewAccount(f"/join/{secret}".rstrip("/"))
    try:
        with hub.database.read() as session:
            view = _invited(mode, session, secret)
        new = form.new_user()
        with hub.database.write() as session:
            user = invitations.sign_up(session, mode, new, invitation=secret or None)
            cookie = _open(request, session, user)
    except (invitations.InvitationEnded, invitations.SignupClosed):
        return dead_link(request, "invitation")
    except (BadRequest, Conflict) as error:
        return refused_account(request, view, form, error)
    return _enter(request, cookie, "/")


def _invited(mode: str, session: ReadSession, secret: str) -> NewAccount:
    """The form for who comes by this link; raises where the link offers nothing."""
    if not secret:
        if mode != "open":
            raise invitations.InvitationEnded
        return NewAccount("/join")
    offered = invitations.check_invitation(session, secret)
    org = session.get(Account, offered.org_id) if offered.org_id else None
    return NewAccount(f"/join/{secret}", organization=org.name if org else "")


@router.get("/reset/{secret}")
def show_reset(request: Request, session: ReadSession, secret: str) -> Response:
    try:
        user = links.check_reset_link(session, secret)
    except links.LinkEnded:
        return dead_link(request, "reset")
    view = PasswordReset(f"/reset/{secret}", secret, user.name)
    return render(request, "sign_in/password_reset.html", view)


@router.post("/reset/{secret}", dependencies=[OwnForm])
def reset(request: Request, hub: TheHub, secret: str, password: Text = "") -> Response:
    name = ""
    try:
        with hub.database.read() as session:
            user = links.check_reset_link(session, secret)
            name, email = user.name, user.email
        hashed = passwords.make(password, name, email)
        with hub.database.write() as session:
            user = links.reset_password(session, secret, hashed)
            cookie = _open(request, session, user)
    except links.LinkEnded:
        return dead_link(request, "reset")
    except BadRequest as error:
        view = PasswordReset(
            f"/reset/{secret}", secret, name, errors={"password": said(request, error)}
        )
        return render(request, "sign_in/password_reset.html", view, status=HTTPStatus.BAD_REQUEST)
    return _enter(request, cookie, "/")


def _open(request: Request, session: WriteSession, user: Account) -> SignedIn:
    agent = request.headers.get("user-agent", "")
    cookie, max_age = sessions.open_session(session, user.id, user_agent=agent)
    return SignedIn(user, cookie, max_age)


def _enter(request: Request, signed_in: SignedIn, next: str) -> Response:
    """On to the wanted page, with the cookie of the new session."""
    response = see_other(request, local_path(next))
    seconds = int(signed_in.max_age.total_seconds()) if signed_in.max_age else None
    csrf.set_cookie(request, response, csrf.SESSION_COOKIE, signed_in.cookie, seconds=seconds)
    csrf.drop_cookie(request, response, csrf.GUEST_COOKIE)
    return response
