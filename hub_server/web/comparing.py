"""Two revisions compared: the commits and the changes that one would bring to the other."""

from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents, repos
from hub_server.accounts import Caller
from hub_server.contents import Hub
from hub_server.db.tables.repos import Repo
from hub_server.edge import CurrentCaller, ReadableRepo, ReadSession, TheHub
from hub_server.errors import RevisionNotFound
from hub_server.web.cards import repo_head
from hub_server.web.commits import commit_lines, layouts
from hub_server.web.differences import diff_files
from hub_server.web.forms import said
from hub_server.web.places import quoted
from hub_server.web.rendering import render, see_other
from hub_server.web.views.commits import ComparePage

router = APIRouter(include_in_schema=False)
MOST_NAMES = 500


@router.get("/{repo:repo}/compare")
def choose(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    base, head = (request.query_params.get(side, "").strip() for side in ("base", "head"))
    if base and head:
        return see_other(request, _address(repo, base, head))
    view = _form(hub, session, caller, repo, (base or repo.default_branch, head))
    return render(request, "commits/compare.html", view)


@router.get("/{repo:repo}/compare/{spec:rest}")
def compare(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    base, head = _named(repo, request.path_params["spec"])
    view = _form(hub, session, caller, repo, (base, head))
    try:
        view = _compared(hub, session, view, repo)
    except RevisionNotFound as error:
        view = replace(view, refused=said(request, error))
        return render(request, "commits/compare.html", view, status=HTTPStatus.NOT_FOUND)
    view = replace(view, layouts=layouts(request, _address(repo, base, head)))
    return render(request, "commits/compare.html", view)


def _named(repo: Repo, spec: str) -> tuple[str, str]:
    """`a...b`, `a..b`, or `b` alone, which is compared with the default branch."""
    dots = "..." if "..." in spec else ".."
    base, found, head = spec.strip("/").partition(dots)
    if not found:
        return repo.default_branch, base
    return base or repo.default_branch, head or repo.default_branch


def _address(repo: Repo, base: str, head: str) -> str:
    return f"{_place(repo)}/{quoted(base)}...{quoted(head)}"


def _place(repo: Repo) -> str:
    return f"{quoted(repos.web_path(repo.kind, repo.full_name))}/compare"


def _form(
    hub: Hub, session: Session, caller: Caller, repo: Repo, sides: tuple[str, str]
) -> ComparePage:
    base, head = sides
    refs = contents.list_refs(hub, session, repo)
    names = [ref.name for ref in (*refs.branches, *refs.tags)]
    return ComparePage(
        repo_head(repo, caller),
        base,
        head,
        _place(repo),
        tuple(names[:MOST_NAMES]),
        swapped_url=_address(repo, head, base) if head else "",
    )


def _compared(hub: Hub, session: Session, view: ComparePage, repo: Repo) -> ComparePage:
    found = contents.comparison(hub, session, repo, view.base, view.head)
    diffs = list(found.files)
    files = diff_files(repo, found.start, found.head, diffs)
    return replace(
        view,
        commits=tuple(commit_lines(session, repo, found.commits)),
        has_more=found.has_more,
        is_unrelated=found.start is None,
        files=files,
        file_count=len(diffs),
        is_cut=len(files) < len(diffs),
    )
