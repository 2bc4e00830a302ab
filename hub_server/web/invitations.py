"""Invitation links, for administrators of the hub."""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server.accounts import invitations, orgs
from hub_server.accounts.invitations import NewInvitation
from hub_server.db import now
from hub_server.db.tables.accounts import Invitation
from hub_server.edge import ReadSession, WriteSession
from hub_server.errors import BadRequest, HubError
from hub_server.web.forms import InvitationForm, said
from hub_server.web.persons import Administrator
from hub_server.web.rendering import is_local, render, see_other
from hub_server.web.views.settings import InvitationRow, Invitations

router = APIRouter(include_in_schema=False, prefix="/settings/invitations")
MOST_USES, MOST_DAYS = 10_000, 3650


@router.get("")
def show_invitations(
    request: Request,
    session: ReadSession,
    caller: Administrator,
    organization: str = "",
    done: str = "",
) -> Response:
    view = replace(_view(session), organization=organization, done=done)
    return render(request, "settings/invitations.html", view)


@router.post("")
def create_invitation(
    request: Request,
    session: WriteSession,
    caller: Administrator,
    form: Annotated[InvitationForm, Form()],
) -> Response:
    """Answers 200 with the link in the page: only its hash is kept."""
    try:
        org = orgs.org_named(session, form.organization) if form.organization else None
        new = NewInvitation(
            org=org,
            role=orgs.check_role(form.role) if org else None,
            uses=_number(form.uses, MOST_USES),
            expires_at=now() + timedelta(days=_number(form.days, MOST_DAYS)),
            created_by=caller.user_id,
        )
        _, secret = invitations.create_invitation(session, new)
    except HubError as error:
        view = replace(_view(session), organization=form.organization, refused=said(request, error))
        return render(request, "settings/invitations.html", view, status=HTTPStatus.BAD_REQUEST)
    base = request.state.origin.base_url
    view = replace(_view(session), fresh=f"{base}/join/{secret}", is_local=is_local(base))
    return render(request, "settings/invitations.html", view, secret=True)


@router.post("/{number}/revoke")
def revoke_invitation(
    request: Request, session: WriteSession, caller: Administrator, number: int
) -> Response:
    invitations.revoke_invitation(session, number)
    return see_other(request, "/settings/invitations?done=revoked")


def _number(text: str, most: int) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= most:
        raise BadRequest("Give a number from 1 to {most}.", most=most)
    return int(text)


def _view(session: Session) -> Invitations:
    organizations = orgs.list_orgs(session)
    names = {org.id: org.name for org in organizations}
    rows = tuple(_row(row, names) for row in invitations.list_invitations(session))
    return Invitations(rows, tuple(names.values()))


def _row(row: Invitation, names: dict[int, str]) -> InvitationRow:
    return InvitationRow(
        id=row.id,
        hint=row.hint,
        created=row.created_at,
        organization=names.get(row.org_id or 0, ""),
        role=row.role or "",
        ends=row.expires_at,
        uses_left=row.uses_left,
        used=row.used,
    )
