"""The public page of a user or an organization; `/gpt2` may also be a repository's short name."""

from dataclasses import replace

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import repos
from hub_server.accounts import Caller, can_create, orgs, users
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Kind, Repo
from hub_server.edge import CurrentCaller, ReadSession, hub_of
from hub_server.errors import Unauthorized
from hub_server.web.rendering import render, see_other
from hub_server.web.rows import person, repo_rows, space_tiles
from hub_server.web.views.profiles import ProfilePage

router = APIRouter(include_in_schema=False)
MOST = 100


@router.get("/{name:segment}")
def show_profile(
    request: Request, session: ReadSession, caller: CurrentCaller, name: str, deleted: str = ""
) -> Response:
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    account = users.find_account(session, name)
    if account is not None:
        view = _page(session, caller, account)
        if deleted and view.can_create and _was_deleted(session, account, deleted):
            days = hub_of(request).settings.deleted_repo_days
            view = replace(view, deleted=f"{account.name}/{deleted}", keep_days=days)
        return render(request, "profiles/profile.html", view)
    if moved := users.moved_account(session, name):
        return see_other(request, f"/{moved.name}")
    repo = repos.readable(session, caller, "model", name)  # raises Moved for a short name
    return see_other(request, repos.web_path("model", repo.full_name))


def _was_deleted(session: Session, account: Account, name: str) -> bool:
    return any(repo.name == name for repo in repos.list_deleted(session, account.id))


def _page(session: Session, caller: Caller, account: Account) -> ProfilePage:
    def listed(kind: Kind) -> list[Repo]:
        return list(repos.list_in(session, caller, account.id, kind=kind, limit=MOST))

    is_org = account.kind == "org"
    people = (
        [member.user for member in orgs.members(session, account, limit=MOST)]
        if is_org
        else [org for org, _ in orgs.orgs_of(session, account.id)]
    )
    return ProfilePage(
        person=person(account),
        about=account.about,
        since=account.created_at,
        models=repo_rows(listed("model")),
        datasets=repo_rows(listed("dataset")),
        spaces=space_tiles(listed("space")),
        people=tuple(person(each) for each in people),
        is_you=caller.user_id == account.id,
        can_create=can_create(caller, account),
        can_manage=is_org and caller.role_in(account.id) == "admin",
    )
