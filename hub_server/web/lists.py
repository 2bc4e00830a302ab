"""The front page and the lists of models, datasets and Spaces."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server.accounts import Caller, orgs
from hub_server.catalog import Filters, count, listing
from hub_server.db.tables.repos import KINDS, Kind
from hub_server.edge import CurrentCaller, ReadSession
from hub_server.errors import Unauthorized
from hub_server.web.rendering import render, see_other
from hub_server.web.rows import person, repo_rows, space_tiles
from hub_server.web.views.home import Home
from hub_server.web.views.lists import ListPage
from hub_server.web.views.shared import Pager

router = APIRouter(include_in_schema=False)
FEW, PAGE = 6, 30


@router.get("/")
def show_home(request: Request, session: ReadSession, caller: CurrentCaller) -> Response:
    if not caller.reads_public:
        return see_other(request, "/login")
    view = _home(session, caller, request.state.origin.base_url)
    return render(request, "home/empty.html" if view.is_empty else "home/filled.html", view)


def _home(session: Session, caller: Caller, endpoint: str) -> Home:
    newest = {kind: listing(session, Filters(kind), caller, limit=FEW).repos for kind in KINDS}
    yours = Filters("model", author=caller.name)
    return Home(
        endpoint=endpoint,
        counts={kind: count(session, Filters(kind), caller) for kind in KINDS},
        models=repo_rows(newest["model"]),
        datasets=repo_rows(newest["dataset"]),
        spaces=space_tiles(newest["space"][:4]),
        yours=repo_rows(listing(session, yours, caller, limit=FEW).repos) if caller.user_id else (),
        organizations=tuple(
            person(org)
            for org, _ in (orgs.orgs_of(session, caller.user_id) if caller.user_id else ())
        ),
    )


@router.get("/models")
def show_models(request: Request, session: ReadSession, caller: CurrentCaller) -> Response:
    return _list(request, session, caller, "model")


@router.get("/datasets")
def show_datasets(request: Request, session: ReadSession, caller: CurrentCaller) -> Response:
    return _list(request, session, caller, "dataset")


@router.get("/spaces")
def show_spaces(request: Request, session: ReadSession, caller: CurrentCaller) -> Response:
    return _list(request, session, caller, "space")


def _list(request: Request, session: Session, caller: Caller, kind: Kind) -> Response:
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    query = request.query_params
    search, tags = query.get("search", "")[:200], tuple(query.getlist("other"))
    task, before = query.get("pipeline_tag"), _number(query.get("before"))
    filters = Filters(kind, tuple(search.split()), tags=tags, pipeline_tag=task)
    found = listing(session, filters, caller, after=_read(query.get("cursor")), limit=PAGE)
    first = before + 1 if found.repos else 0
    later = [
        (k, v) for k, v in query.multi_items() if k not in ("cursor", "before", "lang", "theme")
    ]
    later += [("cursor", _written(found.after)), ("before", str(before + len(found.repos)))]
    view = ListPage(
        kind=kind,
        pager=Pager(
            first,
            before + len(found.repos),
            count(session, filters, caller),
            earlier_url=f"/{kind}s" if before else None,
            later_url=f"/{kind}s?{urlencode(later)}" if found.after else None,
        ),
        rows=() if kind == "space" else repo_rows(found.repos),
        tiles=space_tiles(found.repos) if kind == "space" else (),
        search=search,
        tags=tuple(filter(None, (*tags, task))),
        can_create=not caller.is_anonymous,
    )
    return render(request, "lists/list.html", view)


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
