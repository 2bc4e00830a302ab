"""Rolling a branch back to an older commit: what would change, and the commit that does it."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents
from hub_server.accounts import Access, Caller
from hub_server.contents import Hub, Rollback
from hub_server.db.tables.repos import Repo
from hub_server.edge import ApiTransfer, Transfer
from hub_server.errors import BadRequest, Conflict, HubError, PreconditionFailed, Unprocessable
from hub_server.git import Change, Commit
from hub_server.web.cards import repo_head
from hub_server.web.commits import commit_lines
from hub_server.web.forms import Fields, said
from hub_server.web.places import address, quoted
from hub_server.web.rendering import render, see_other
from hub_server.web.translation import mark
from hub_server.web.views.commits import RollbackPage, State

router = APIRouter(include_in_schema=False)
SHOWN = 100
MOVED = mark("The branch was updated since you opened this page. Please refresh and try again.")
REFUSALS = (BadRequest, Conflict, PreconditionFailed, Unprocessable)


class RollbackForm(Fields):
    branch: str = ""
    head: str = ""
    message: str = ""


@dataclass(frozen=True)
class _Asked:
    repo: Repo
    commit: Commit
    wanted: Rollback


@router.get("/{repo:repo}/rollback/{revision:segment}")
def show_rollback(request: Request, transfer: ApiTransfer, branch: str = "") -> Response:
    return _shown(request, transfer, _asked(request, transfer, branch))


@router.post("/{repo:repo}/rollback/{revision:segment}")
def roll_back(
    request: Request, transfer: ApiTransfer, form: Annotated[RollbackForm, Form()]
) -> Response:
    asked = _asked(request, transfer, form.branch)
    wanted = replace(asked.wanted, head=form.head or asked.wanted.head)
    message = form.message.strip() or _message(asked)
    try:
        made = contents.roll_back(transfer.hub, transfer.caller, asked.repo, wanted, message)
    except REFUSALS as error:
        return _shown(request, transfer, asked, form.message, error)
    return see_other(request, address(asked.repo, "commit", made.commit))


def _asked(request: Request, transfer: Transfer, branch: str) -> _Asked:
    hub, repo = transfer.hub, transfer.repo(Access.WRITE)
    with hub.database.read() as session:
        commit, _ = contents.one_commit(hub, session, repo, request.path_params["revision"])
    wanted = contents.rollback_to(hub, repo, branch or repo.default_branch, commit.id)
    return _Asked(repo, commit, wanted)


def _message(asked: _Asked) -> str:
    return f"Roll back to {asked.commit.id[:7]}: {asked.commit.title}"[:200]


def _shown(
    request: Request,
    transfer: Transfer,
    asked: _Asked,
    message: str = "",
    error: HubError | None = None,
) -> Response:
    with transfer.hub.database.read() as session:
        view = _page(transfer.hub, session, transfer.caller, asked)
    view = replace(view, message=message or _message(asked))
    if error is None:
        return render(request, "commits/rollback.html", view)
    view = replace(view, refused=said(request, error))
    return render(request, "commits/rollback.html", view, status=error.status)


def _page(hub: Hub, session: Session, caller: Caller, asked: _Asked) -> RollbackPage:
    repo, commit, wanted = asked.repo, asked.commit, asked.wanted
    refs = contents.list_refs(hub, session, repo)
    here = address(repo, "compare", "").rstrip("/")
    return RollbackPage(
        repo_head(repo, caller),
        commit_lines(session, repo, [commit])[0],
        wanted.branch,
        tuple(ref.name for ref in refs.branches),
        wanted.head,
        address(repo, "rollback", commit.id),
        f"{here}/{commit.id}...{quoted(wanted.branch)}",
        tuple((_state(each), _path(each)) for each in wanted.changes[:SHOWN]),
        len(wanted.changes),
    )


def _state(change: Change) -> State:
    if change.old is None:
        return "added"
    return "removed" if change.new is None else "changed"


def _path(change: Change) -> str:
    return change.path.decode("utf-8", "surrogateescape")
