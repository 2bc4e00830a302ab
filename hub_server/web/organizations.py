"""Organizations: the ones a person is in, a new one, and the settings of one."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server.accounts import Caller, Profile, orgs, users
from hub_server.accounts.orgs import Visibility
from hub_server.db.tables.accounts import Account
from hub_server.edge import ReadSession, WriteSession
from hub_server.errors import BadRequest, Conflict, Forbidden, HubError, InvalidName, NotFound
from hub_server.web.forms import NewOrganizationForm, OrganizationForm, Text, said
from hub_server.web.persons import Administrator, InBrowser
from hub_server.web.rendering import render, see_other
from hub_server.web.rows import person
from hub_server.web.views import organizations as views

router = APIRouter(include_in_schema=False)
REFUSALS = (BadRequest, Conflict, NotFound)


@router.get("/settings/organizations")
def show_own(request: Request, session: ReadSession, caller: InBrowser, done: str = "") -> Response:
    view = replace(_own(session, caller), done=done)
    return render(request, "settings/organizations.html", view)


def _own(session: Session, caller: Caller) -> views.OrganizationsPage:
    """Those the caller is in; for an administrator of the hub, all."""
    assert caller.user_id is not None  # noqa: S101 - signed in
    joined = orgs.orgs_of(session, caller.user_id)
    roles = {org.id: role for org, role in joined}
    shown = orgs.list_orgs(session) if caller.is_admin else [org for org, _ in joined]
    rows = tuple(views.OrganizationRow(person(org), roles.get(org.id, "")) for org in shown)
    return views.OrganizationsPage(rows, can_make=caller.is_admin)


@router.post("/settings/organizations/{name:segment}/leave")
def leave(request: Request, session: WriteSession, caller: InBrowser, name: str) -> Response:
    org = orgs.org_named(session, name)
    try:
        orgs.remove_member(session, org, users.user_named(session, caller.name), keep_admin=True)
    except Conflict as error:
        view = replace(_own(session, caller), refused=said(request, error))
        return render(request, "settings/organizations.html", view, status=error.status)
    return see_other(request, "/settings/organizations?done=left")


@router.get("/organizations/new")
def show_new(request: Request, caller: Administrator) -> Response:
    return render(request, "organizations/new.html", views.NewOrganization())


@router.post("/organizations/new")
def create(
    request: Request,
    session: WriteSession,
    caller: Administrator,
    form: Annotated[NewOrganizationForm, Form()],
) -> Response:
    """Whoever makes it is its first administrator."""
    try:
        with session.begin_nested():
            org = orgs.create_org(
                session,
                form.name.strip(),
                full_name=form.full_name,
                default_visibility=_visibility(form.visibility),
                admin=users.user_named(session, caller.name),
            )
    except (BadRequest, Conflict) as error:
        field = "name" if isinstance(error, Conflict | InvalidName) else "full_name"
        errors = {field: said(request, error)}
        view = views.NewOrganization(form.name, form.full_name, form.visibility, errors)
        return render(request, "organizations/new.html", view, status=error.status)
    return see_other(request, f"/organizations/{org.name}/settings")


@router.get("/organizations/{name:segment}/settings")
def show_settings(
    request: Request, session: ReadSession, caller: InBrowser, name: str, done: str = ""
) -> Response:
    org = _administered(session, caller, name)
    return render(request, "organizations/settings.html", _settings(session, org, caller, done))


@router.post("/organizations/{name:segment}/settings")
def change(
    request: Request,
    session: WriteSession,
    caller: InBrowser,
    name: str,
    form: Annotated[OrganizationForm, Form()],
) -> Response:
    org = _administered(session, caller, name)
    try:
        with session.begin_nested():
            users.change_profile(session, org, Profile(form.full_name, about=form.about))
            orgs.change_org(session, org, default_visibility=_visibility(form.visibility))
    except BadRequest as error:
        session.refresh(org)
        view = replace(
            _settings(session, org, caller),
            full_name=form.full_name,
            about=form.about,
            visibility=form.visibility,
            refused=said(request, error),
        )
        return render(request, "organizations/settings.html", view, status=error.status)
    return see_other(request, f"/organizations/{org.name}/settings?done=saved")


@router.post("/organizations/{name:segment}/members")
def set_member(
    request: Request,
    session: WriteSession,
    caller: InBrowser,
    name: str,
    user: Text = "",
    role: Text = "",
) -> Response:
    """Add somebody who has an account, or give a member another role."""
    org = _administered(session, caller, name)
    try:
        member = users.user_named(session, user.strip())
        orgs.set_member(session, org, member, orgs.check_role(role), keep_admin=True)
    except REFUSALS as error:
        return _refused(request, session, org, caller, error, user)
    return _after(request, caller, org, member, "member" if role == "admin" else "")


@router.post("/organizations/{name:segment}/members/{user:segment}/remove")
def remove_member(
    request: Request, session: WriteSession, caller: InBrowser, name: str, user: str
) -> Response:
    org = _administered(session, caller, name)
    try:
        member = users.user_named(session, user)
        orgs.remove_member(session, org, member, keep_admin=True)
    except REFUSALS as error:
        return _refused(request, session, org, caller, error)
    return _after(request, caller, org, member, "")


def _after(request: Request, caller: Caller, org: Account, member: Account, kept: str) -> Response:
    """Back to the settings, or to the page that all see for who gave the right to them away."""
    if member.id == caller.user_id and not (kept or caller.is_admin):
        return see_other(request, f"/{org.name}")
    return see_other(request, f"/organizations/{org.name}/settings?done=members")


def _refused(
    request: Request,
    session: Session,
    org: Account,
    caller: Caller,
    error: HubError,
    user: str = "",
) -> Response:
    view = replace(_settings(session, org, caller), user=user, member_refused=said(request, error))
    return render(request, "organizations/settings.html", view, status=error.status)


def _administered(session: Session, caller: Caller, name: str) -> Account:
    org = orgs.org_named(session, name)
    if caller.role_in(org.id) != "admin":
        raise Forbidden("Only an administrator of {org} may change its settings.", org=org.name)
    return org


def _settings(
    session: Session, org: Account, caller: Caller, done: str = ""
) -> views.OrganizationSettings:
    members = orgs.members(session, org)
    return views.OrganizationSettings(
        person(org),
        org.full_name,
        org.about,
        org.default_visibility,
        tuple(views.MemberRow(person(each.user), each.role) for each in members),
        can_invite=caller.is_admin,
        done=done,
    )


def _visibility(text: str) -> Visibility:
    return "public" if text == "public" else "private"
