"""The history of a revision or a path, and what one commit changed."""

import difflib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from markupsafe import Markup, escape
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents
from hub_server.accounts import Caller
from hub_server.contents import Author, Hub
from hub_server.db.tables.repos import Repo
from hub_server.edge import CurrentCaller, ReadableRepo, ReadSession, TheHub
from hub_server.git import Commit, FileDiff, Hunk
from hub_server.lfs import parse_pointer
from hub_server.web.cards import repo_head
from hub_server.web.places import address, crumbs, find_place, revisions
from hub_server.web.rendering import render
from hub_server.web.translation import mark
from hub_server.web.views.commits import CommitPage, CommitsPage, DiffFile, DiffLine, State
from hub_server.web.views.page import Person
from hub_server.web.views.shared import CommitLine, Pager

router = APIRouter(include_in_schema=False)
PAGE = 50
MOST_SEARCHED = 10_000
MOST_LINES = 3000
WORDY = 400
BINARY = mark("Not text: its lines cannot be compared.")
TOO_LARGE = mark("This change is too large to be shown here.")
LARGE_FILE = mark("A large file: only its pointer is in Git.")
NOTHING = mark("Its contents did not change.")


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
    return render(request, "commits/commit.html", view)


def _commit(
    hub: Hub, session: Session, caller: Caller, repo: Repo, commit: Commit, author: Author
) -> CommitPage:
    diffs = list(contents.commit_diff(hub, session, repo, commit))
    shown = list(_within(diffs))
    return CommitPage(
        repo=repo_head(repo, caller),
        id=commit.id,
        title=commit.title,
        body=commit.body,
        author=_person(author),
        date=_date(commit),
        parents=tuple((parent, address(repo, "commit", parent)) for parent in commit.parents),
        tree_url=address(repo, "tree", commit.id),
        files=tuple(_file(repo, commit, number, diff) for number, diff in enumerate(shown)),
        file_count=len(diffs),
        is_reachable=contents.is_reachable(hub, session, repo, commit.id),
        is_cut=len(shown) < len(diffs),
    )


def _within(diffs: Sequence[FileDiff]) -> Iterator[FileDiff]:
    """The files of a change until the page has shown enough lines."""
    left = MOST_LINES
    for diff in diffs[:300]:
        if left <= 0:
            return
        yield diff
        left -= sum(len(hunk.lines) for hunk in diff.hunks) + 1


def _file(repo: Repo, commit: Commit, number: int, diff: FileDiff) -> DiffFile:
    change = diff.change
    path = change.path.decode("utf-8", "replace")
    lfs = _is_pointer(diff)
    return DiffFile(
        path=path,
        anchor=f"diff-{number}",
        state=_state(diff),
        lines=() if lfs else tuple(line for hunk in diff.hunks for line in _lines(hunk)),
        old_path=change.old_path.decode("utf-8", "replace") if change.old_path else "",
        url=address(repo, "blob", commit.id, path) if change.new else "",
        note=LARGE_FILE if lfs else _note(diff),
        is_lfs=lfs,
    )


def _state(diff: FileDiff) -> State:
    change = diff.change
    if change.old is None:
        return "added"
    if change.new is None:
        return "removed"
    return "renamed" if change.old_path else "changed"


def _note(diff: FileDiff) -> str:
    if diff.is_binary:
        return BINARY
    if diff.is_too_large:
        return TOO_LARGE
    return "" if diff.hunks else NOTHING


def _is_pointer(diff: FileDiff) -> bool:
    """One side is the pointer of a large file: three lines that say nothing to people."""
    if len(diff.hunks) != 1:
        return False
    sides = ([], [])  # type: tuple[list[bytes], list[bytes]]
    for line in diff.hunks[0].lines:
        if line[:1] in b" -":
            sides[0].append(line[1:])
        if line[:1] in b" +":
            sides[1].append(line[1:])
    return any(parse_pointer(b"".join(side)) is not None for side in sides)


def _lines(hunk: Hunk) -> Iterator[DiffLine]:
    yield DiffLine("gap", hunk.header.decode("utf-8", "replace"))
    old, new = hunk.old_start, hunk.new_start
    lines = [(line[:1], _text(line)) for line in hunk.lines if line[:1] != b"\\"]
    marked = _marked(lines)
    for place, (sign, text) in enumerate(lines):
        if sign == b"-":
            yield DiffLine("del", marked.get(place, text), old, None)
        elif sign == b"+":
            yield DiffLine("add", marked.get(place, text), None, new)
        else:
            yield DiffLine("same", text, old, new)
        old += sign != b"+"
        new += sign != b"-"


def _text(line: bytes) -> str:
    return line[1:].decode("utf-8", "replace").rstrip("\r\n")


def _marked(lines: Sequence[tuple[bytes, str]]) -> dict[int, Markup]:
    """Where one line became one other: both with their changed words marked, by place."""
    found: dict[int, Markup] = {}
    signs = b"".join(sign for sign, _ in lines)
    for run in re.finditer(rb"(-+)(\++)", signs):
        removed, added = run.start(1), run.start(2)
        if len(run[1]) != len(run[2]):
            continue
        for step in range(len(run[1])):
            pair = _words(lines[removed + step][1], lines[added + step][1])
            if pair:
                found[removed + step], found[added + step] = pair
    return found


def _words(old: str, new: str) -> tuple[Markup, Markup] | None:
    """None when the lines are too long or too different for words to help."""
    if max(len(old), len(new)) > WORDY:
        return None
    before, after = re.findall(r"\w+|\W", old), re.findall(r"\w+|\W", new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.45:  # noqa: PLR2004
        return None
    left, right = Markup(), Markup()
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        gone, come = escape("".join(before[i1:i2])), escape("".join(after[j1:j2]))
        left += gone if tag == "equal" or not gone else Markup("<del>{}</del>").format(gone)
        right += come if tag == "equal" or not come else Markup("<ins>{}</ins>").format(come)
    return left, right
