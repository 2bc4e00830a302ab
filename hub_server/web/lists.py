"""The front page and the lists of models, datasets and Spaces."""

import base64
import json
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server.accounts import Caller, orgs
from hub_server.catalog import Facets, Listing, Question, TagSets, listing, names, shown
from hub_server.db.tables.repos import KINDS, Kind
from hub_server.edge import CurrentCaller, ReadSession, TheSets
from hub_server.errors import BadRequest, Unauthorized
from hub_server.web import filters
from hub_server.web.rendering import render, see_other
from hub_server.web.rows import person, repo_rows, space_tiles
from hub_server.web.views.home import Home
from hub_server.web.views.lists import ListPage
from hub_server.web.views.shared import Choice, Pager

router = APIRouter(include_in_schema=False)
FEW, PAGE = 6, 30


@router.get("/")
def show_home(
    request: Request, session: ReadSession, sets: TheSets, caller: CurrentCaller
) -> Response:
    if not caller.reads_public:
        return see_other(request, "/login")
    view = _home(session, sets, caller, request.state.origin.base_url)
    return render(request, "home/empty.html" if view.is_empty else "home/filled.html", view)


def _home(session: Session, sets: TagSets, caller: Caller, endpoint: str) -> Home:
    asked = {kind: Question(kind, sort="modified") for kind in KINDS}
    found = {kind: listing(session, sets, asked[kind], caller, limit=FEW) for kind in KINDS}
    newest = {kind: found[kind].repos for kind in KINDS}
    yours = Question("model", author=caller.name, sort="modified")
    return Home(
        endpoint=endpoint,
        counts={kind: found[kind].total for kind in KINDS},
        models=repo_rows(newest["model"]),
        datasets=repo_rows(newest["dataset"]),
        spaces=space_tiles(newest["space"][:4]),
        yours=(
            repo_rows(listing(session, sets, yours, caller, limit=FEW).repos)
            if caller.user_id
            else ()
        ),
        organizations=tuple(
            person(org)
            for org, _ in (orgs.orgs_of(session, caller.user_id) if caller.user_id else ())
        ),
    )


@router.get("/models")
def show_models(
    request: Request, session: ReadSession, sets: TheSets, caller: CurrentCaller
) -> Response:
    return _list(request, (session, sets), caller, "model")


@router.get("/datasets")
def show_datasets(
    request: Request, session: ReadSession, sets: TheSets, caller: CurrentCaller
) -> Response:
    return _list(request, (session, sets), caller, "dataset")


@router.get("/spaces")
def show_spaces(
    request: Request, session: ReadSession, sets: TheSets, caller: CurrentCaller
) -> Response:
    return _list(request, (session, sets), caller, "space")


def _list(
    request: Request, source: tuple[Session, TagSets], caller: Caller, kind: Kind
) -> Response:
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    query, path = request.query_params, f"/{kind}s"
    asked, before = filters.chosen(kind, query), _number(query.get("before"))
    after = _read(query.get("cursor"))
    found, facets = _found(source, asked.question, caller, after)
    count = len(found.repos)
    nearest = (names.meant(source[0], asked.search) or "") if asked.search and not count else ""
    later = [*asked.pairs, ("cursor", _written(found.after)), ("before", str(before + count))]
    view = ListPage(
        kind=kind,
        pager=Pager(
            before + 1 if count else 0,
            before + count,
            found.total,
            earlier_url=filters.address(path, asked.pairs) if before else None,
            later_url=filters.address(path, later) if found.after else None,
        ),
        sorts=tuple(
            Choice(name, filters.SORTS[name][1], selected=name == asked.sort)
            for name in filters.sorts_of(kind)
        ),
        rows=() if kind == "space" else repo_rows(found.repos),
        tiles=space_tiles(found.repos) if kind == "space" else (),
        search=asked.search,
        text=asked.text,
        in_texts_url=filters.address(path, [("text", asked.search)]) if asked.search else "",
        groups=filters.groups_of(asked, facets),
        size=filters.size_range(asked),
        active=filters.active(asked, path),
        nearest=nearest,
        nearest_url=filters.address(path, [("search", nearest)]),
        can_create=not caller.is_anonymous,
    )
    return render(request, "lists/list.html", view)


def _found(
    source: tuple[Session, TagSets], question: Question, caller: Caller, after: object
) -> tuple[Listing, Facets]:
    """A cursor of another list, or of nobody, begins this one anew."""
    types = filters.GROUPS[question.kind]
    try:
        return shown(*source, question, caller, types, after=after, limit=PAGE)
    except BadRequest:
        return shown(*source, question, caller, types, limit=PAGE)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004


def _written(after: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode()


def _read(cursor: str | None) -> Any | None:
    """A cursor of ours; another one begins the list anew."""
    try:
        return json.loads(base64.urlsafe_b64decode(cursor)) if cursor else None
    except ValueError:
        return None
