"""The commit of each line of a file."""

from dataclasses import replace
from itertools import groupby

from fastapi import APIRouter, Request
from markupsafe import Markup, escape
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents
from hub_server.contents import BlamedFile
from hub_server.edge import CurrentCaller, ReadableRepo, ReadSession, TheHub
from hub_server.errors import EntryNotFound
from hub_server.git.linediff import split_lines
from hub_server.web.cards import repo_head
from hub_server.web.commits import commit_lines
from hub_server.web.looking import SNIFFED, painted
from hub_server.web.places import Place, address, crumbs, find_place, revisions
from hub_server.web.rendering import render, see_other
from hub_server.web.translation import mark
from hub_server.web.views.blame import BlameGroup, BlamePage

router = APIRouter(include_in_schema=False)
LARGEST = 512_000
TOO_LARGE = mark("This file is larger than 512 kB, so its lines are not followed back.")
NOT_TEXT = mark("Not text: it has no lines to follow back.")
NOT_WHOLE = mark("The history of this file is long: lines without a commit were not found in time.")


@router.get("/{repo:repo}/blame/{rest:rawrest}")
def show_blame(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    place = find_place(hub, session, repo, request.path_params["rest"])
    entry = place.snapshot.entry(place.path)
    if entry is not None and entry.is_tree:
        return see_other(request, address(repo, "tree", place.revision, place.path))
    if entry is None or not entry.is_file:
        raise EntryNotFound(commit=place.snapshot.commit)
    at, path = place.revision, place.path
    view = BlamePage(
        repo=repo_head(repo, caller),
        revisions=revisions(hub, session, place, "blame"),
        crumbs=crumbs(place),
        name=place.name,
        path=path,
        file_url=address(repo, "blob", at, path),
        history_url=address(repo, "commits", at, path),
    )
    return render(request, "files/blame.html", _filled(session, view, place))


def _filled(session: Session, view: BlamePage, place: Place) -> BlamePage:
    data = place.snapshot.read(place.path, limit=LARGEST)
    if data is None:
        return replace(view, why=TOO_LARGE)
    if b"\0" in data[:SNIFFED]:
        return replace(view, why=NOT_TEXT)
    found = contents.blame_file(place.snapshot, place.path)
    groups = _groups(session, place, found, _painted(data, place.name))
    return replace(view, groups=groups, why="" if found.is_whole else NOT_WHOLE)


def _painted(data: bytes, name: str) -> list[Markup]:
    """The lines as Git counts them; without colours where highlighting counts others."""
    lines = split_lines(data)
    coloured = painted(data.decode("utf-8", "replace"), name)
    if coloured is not None and len(coloured) == len(lines):
        return list(coloured)
    return [escape(line.decode("utf-8", "replace").rstrip("\r\n")) for line in lines]


def _groups(
    session: Session, place: Place, found: BlamedFile, lines: list[Markup]
) -> tuple[BlameGroup, ...]:
    shown = {line.id: line for line in commit_lines(session, place.repo, found.commits)}
    groups, first = [], 1
    for commit_id, group in groupby(found.lines):
        count = len(list(group))
        here = tuple(lines[first - 1 : first - 1 + count])
        groups.append(BlameGroup(first, here, shown.get(commit_id or "")))
        first += count
    return tuple(groups)
