"""Making a repository, and its settings: visibility, name, deletion."""

from dataclasses import replace
from typing import Annotated, Literal, get_args
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents, repos
from hub_server.accounts import Access, Caller, can_create, orgs, users
from hub_server.contents import Hub
from hub_server.db.tables.repos import KINDS, Kind, Repo
from hub_server.edge import (
    AdminRepo,
    ReadSession,
    SignedIn,
    TheHub,
    TheRef,
    WriteSession,
    find_repo,
    hub_of,
)
from hub_server.errors import BadRequest, Conflict, Forbidden, HubError, NotFound
from hub_server.events import RepoDeleted, RepoRenamed
from hub_server.web.cards import repo_head
from hub_server.web.forms import NewRepoForm, PlaceForm, Text, said
from hub_server.web.rendering import render, see_other
from hub_server.web.views.repos import LICENCES, SDKS, NewRepo, RepoSettings

router = APIRouter(include_in_schema=False)
REFUSALS = (BadRequest, Conflict, Forbidden, NotFound)
Done = Literal["", "visibility", "renamed"]


def owners_of(session: Session, caller: Caller) -> tuple[str, ...]:
    """The caller's own name, then the organizations they may create in."""
    assert caller.user_id is not None  # noqa: S101 - signed in
    joined = orgs.orgs_of(session, caller.user_id)
    return (caller.name, *(org.name for org, _ in joined if can_create(caller, org)))


@router.get("/new")
def show_new(
    request: Request, session: ReadSession, caller: SignedIn, kind: str = "", owner: str = ""
) -> Response:
    owners = owners_of(session, caller)
    chosen = owner if owner in owners else caller.name
    account = users.find_account(session, chosen)
    view = NewRepo(
        owners, chosen, _kind(kind), visibility=account.default_visibility if account else "public"
    )
    return render(request, "repos/new.html", view)


@router.post("/new")
def create(
    request: Request, hub: TheHub, caller: SignedIn, form: Annotated[NewRepoForm, Form()]
) -> Response:
    try:
        repo = _create(hub, caller, form)
    except REFUSALS as error:
        return _refused(request, hub, caller, form, error)
    return see_other(request, repos.web_path(repo.kind, repo.full_name))


def _create(hub: Hub, caller: Caller, form: NewRepoForm) -> Repo:
    kind = _kind(form.kind)
    repo = contents.create_repository(
        hub,
        caller,
        kind,
        f"{form.owner or caller.name}/{form.name.strip()}",
        private=form.visibility == "private",
        sdk=_sdk(form.sdk) if kind == "space" else None,
    )
    if form.licence in dict(LICENCES) and form.licence:
        _license(hub, caller, repo, form.licence)
    return repo


def _license(hub: TheHub, caller: Caller, repo: Repo, licence: str) -> None:
    """A card that names the licence; the one of a Space keeps what it says."""
    with hub.database.read() as session:
        card = contents.snapshot(hub, session, repo).text(contents.README) or ""
    line = f"license: {licence}\n"
    if card.startswith("---\n"):
        text = f"---\n{line}" + card.removeprefix("---\n")
    else:
        text = f"---\n{line}---\n\n# {repo.name}\n"
    adding = [contents.AddFile(contents.README, text.encode())]
    request = contents.CommitRequest(repo.default_branch, adding, "Name the licence in the card")
    contents.commit(hub, caller, repo, request)


def _refused(
    request: Request, hub: Hub, caller: Caller, form: NewRepoForm, error: HubError
) -> Response:
    with hub.database.read() as session:
        owners = owners_of(session, caller)
    about_name = isinstance(error, BadRequest | Conflict)
    sentence = said(request, error)
    view = NewRepo(
        owners,
        form.owner,
        _kind(form.kind),
        form.name,
        form.licence,
        form.visibility,
        _sdk(form.sdk),
        refused="" if about_name else sentence,
        errors={"name": sentence} if about_name else {},
    )
    return render(request, "repos/new.html", view, status=error.status)


def _kind(text: str) -> Kind:
    return next((kind for kind in KINDS if kind == text), "model")


def _sdk(text: str) -> str:
    return text if text in {choice.value for choice in SDKS} else "static"


@router.get("/{repo:repo}/settings")
def show_settings(
    request: Request, session: ReadSession, caller: SignedIn, ref: TheRef, done: str = ""
) -> Response:
    repo = find_repo(session, caller, ref, Access.ADMIN)
    return render(request, "repos/settings.html", _settings(request, session, caller, repo, done))


def _settings(
    request: Request, session: Session, caller: Caller, repo: Repo, done: str = ""
) -> RepoSettings:
    owners = dict.fromkeys((repo.namespace, *owners_of(session, caller)))
    keep = hub_of(request).settings.deleted_repo_days
    return RepoSettings(
        repo_head(repo, caller), tuple(owners), keep, done if done in get_args(Done) else ""
    )


@router.post("/{repo:repo}/settings/visibility")
def change_visibility(
    request: Request, session: WriteSession, repo: AdminRepo, visibility: Text = ""
) -> Response:
    settings = repos.RepoSettings(private=visibility != "public")
    repos.change_settings(session, repo, settings)
    return see_other(
        request, f"{repos.web_path(repo.kind, repo.full_name)}/settings?done=visibility"
    )


@router.post("/{repo:repo}/settings/rename")
def rename(
    request: Request,
    session: WriteSession,
    caller: SignedIn,
    repo: AdminRepo,
    form: Annotated[PlaceForm, Form()],
) -> Response:
    old = repo.full_name
    try:
        with session.begin_nested():
            repos.move(session, caller, repo, form.full_name)
    except REFUSALS as error:
        session.refresh(repo)
        view = _settings(request, session, caller, repo)
        view = replace(
            view, new_owner=form.owner, new_name=form.name, errors={"name": said(request, error)}
        )
        return render(request, "repos/settings.html", view, status=error.status)
    renamed = RepoRenamed(repo.id, old, repo.full_name, caller.user_id)
    hub_of(request).events.announce(session, renamed)
    return see_other(request, _settings_path(repo, "renamed"))


def _settings_path(repo: Repo, done: str) -> str:
    return f"{repos.web_path(repo.kind, repo.full_name)}/settings?done={done}"


@router.post("/{repo:repo}/settings/delete")
def delete(
    request: Request,
    session: WriteSession,
    caller: SignedIn,
    repo: AdminRepo,
    typed: Text = "",
) -> Response:
    if typed.strip() != repo.full_name:
        error = BadRequest("Type {name} to delete this repository.", name=repo.full_name)
        view = _settings(request, session, caller, repo)
        view = replace(view, typed=typed, errors={"typed": said(request, error)})
        return render(request, "repos/settings.html", view, status=error.status)
    repos.delete(session, repo)
    hub_of(request).events.announce(session, RepoDeleted(repo.id, caller.user_id))
    return see_other(request, f"/{repo.namespace}?deleted={quote(repo.name)}")
