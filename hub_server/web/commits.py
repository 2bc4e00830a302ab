"""The history of a revision or a path, and what one commit changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents
from hub_server.accounts import Caller, can_write
from hub_server.contents import Author, Hub
from hub_server.db.tables.repos import Repo
from hub_server.edge import CurrentCaller, ReadableRepo, ReadSession, TheHub
from hub_server.git import Commit
from hub_server.web.cards import repo_head
from hub_server.web.differences import diff_files
from hub_server.web.places import address, crumbs, find_place, revisions
from hub_server.web.rendering import render
from hub_server.web.views.commits import CommitPage, CommitsPage, Layouts
from hub_server.web.views.page import Person
from hub_server.web.views.shared import CommitLine, Pager

router = APIRouter(include_in_schema=False)
PAGE = 50
MOST_SEARCHED = 10_000


def commit_lines(session: Session, repo: Repo, commits: Sequence[Commit]) -> list[CommitLine]:
    """Commits as lists show them; one statement for all their authors."""
    authors = contents.authors_of(session, commits)
    return [
        CommitLine(
            id=commit.id,
            url=address(repo, "commit", commit.id),
            title=commit.title,
            author=_person(author),
            date=_date(commit),
            tree_url=address(repo, "tree", commit.id),
        )
        for commit, author in zip(commits, authors, strict=True)
    ]


def _person(author: Author) -> Person:
    return Person(author.user, f"/{author.user}" if author.has_account else None)


def _date(commit: Commit) -> datetime:
    """Git lets anybody write any time; what no calendar holds becomes its beginning."""
    try:
        return datetime.fromtimestamp(commit.author.time, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


@router.get("/{repo:repo}/commits/{rest:rawrest}")
def show_commits(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    place = find_place(hub, session, repo, request.path_params["rest"])
    number = _page_number(request)
    window = contents.Window(number * PAGE, PAGE, place.path or None, MOST_SEARCHED)
    found = contents.commit_log(hub, session, repo, place.revision, window)
    here = address(repo, "commits", place.revision, place.path)
    first = number * PAGE + 1
    pager = Pager(
        first,
        first + len(found.commits) - 1,
        earlier_url=f"{here}?p={number - 1}" if number else None,
        later_url=f"{here}?p={number + 1}" if found.more else None,
    )
    view = CommitsPage(
        repo_head(repo, caller),
        revisions(hub, session, place, "commits"),
        tuple(commit_lines(session, repo, found.commits)),
        pager,
        crumbs(place),
        place.path,
        file_url=address(repo, "blob", place.revision, place.path) if place.path else "",
        searched=MOST_SEARCHED if found.stopped else 0,
        older_url=address(repo, "commits", found.stopped or "", place.path),
    )
    return render(request, "commits/commits.html", view)


def _page_number(request: Request) -> int:
    text = request.query_params.get("p", "")
    return int(text) if text.isdecimal() and len(text) < 7 else 0  # noqa: PLR2004


@router.get("/{repo:repo}/commit/{revision:segment}")
def show_commit(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    revision = request.path_params["revision"]
    commit, author = contents.one_commit(hub, session, repo, revision)
    view = _commit(hub, session, caller, repo, commit, author)
    view = replace(view, layouts=layouts(request, address(repo, "commit", revision)))
    return render(request, "commits/commit.html", view)


def layouts(request: Request, here: str) -> Layouts:
    """Changes in one column or in two, as the address asks."""
    return Layouts(here, f"{here}?view=split", request.query_params.get("view") == "split")


def _back_url(repo: Repo, caller: Caller, commit: Commit) -> str:
    return address(repo, "rollback", commit.id) if can_write(caller, repo) else ""


def _commit(
    hub: Hub, session: Session, caller: Caller, repo: Repo, commit: Commit, author: Author
) -> CommitPage:
    diffs = list(contents.commit_diff(hub, session, repo, commit))
    shown = diff_files(repo, commit.parents[0] if commit.parents else None, commit.id, diffs)
    return CommitPage(
        repo=repo_head(repo, caller),
        id=commit.id,
        title=commit.title,
        body=commit.body,
        author=_person(author),
        date=_date(commit),
        parents=tuple((parent, address(repo, "commit", parent)) for parent in commit.parents),
        tree_url=address(repo, "tree", commit.id),
        files=shown,
        file_count=len(diffs),
        is_reachable=contents.is_reachable(hub, session, repo, commit.id),
        is_cut=len(shown) < len(diffs),
        back_url=_back_url(repo, caller, commit),
    )
