"""Listings of models, datasets and Spaces."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import catalog, contents
from hub_server.api.fields import IN_FULL, LINKED, Shown, check_expand, expanded, listed
from hub_server.api.info import links_of, siblings
from hub_server.api.questions import meets_nothing, question_of
from hub_server.api.routing import RepoRoute
from hub_server.api.shapes import flag, many
from hub_server.contents import Hub
from hub_server.db.tables.repos import Kind, Repo
from hub_server.edge import AskedPage, CurrentCaller, ReadSession, TheSets, hub_of, link_next
from hub_server.errors import Unauthorized

router = APIRouter(route_class=RepoRoute, tags=["listings"])

PAGE_WITH_FILES = 100
TOTAL = "X-Total-Count"


@router.get("/api/{kinds:kinds}")
def listing(
    request: Request,
    response: Response,
    session: ReadSession,
    sets: TheSets,
    caller: CurrentCaller,
    page: AskedPage,
) -> list[dict[str, Any]]:
    """What the caller may see; the page after this one is announced in `Link`.

    `X-Total-Count` says how many there are in all.
    """
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    kind: Kind = request.path_params["kinds"]
    names = many(request, "expand")
    check_expand(kind, names)
    question = question_of(request)
    if meets_nothing(request):
        response.headers[TOTAL] = "0"
        return []
    with_files = "siblings" in names or flag(request, "full")
    limit = min(page.limit, PAGE_WITH_FILES) if with_files else page.limit
    found = catalog.listing(session, sets, question, caller, after=page.after, limit=limit)
    link_next(request, response, found.after)
    response.headers[TOTAL] = str(found.total)
    shown = [_shown(hub_of(request), session, repo, with_files=with_files) for repo in found.repos]
    if kind == "model" and set(names) & set(LINKED):
        links = links_of(session, caller, found.repos, names)
        shown = [replace(each, links=links[each.repo.id]) for each in shown]
    return [expanded(each, names) if names else _item(request, each) for each in shown]


def _shown(hub: Hub, session: Session, repo: Repo, *, with_files: bool) -> Shown:
    shown = Shown(repo, hub.settings.region, sha=repo.head)
    if not with_files or repo.head is None:
        return shown
    return replace(shown, siblings=siblings(contents.snapshot(hub, session, repo)))


def _item(request: Request, shown: Shown) -> dict[str, Any]:
    more: list[str] = []
    kind = shown.repo.kind
    if flag(request, "full"):
        more += IN_FULL + (("gated",) if kind != "space" else ())
        more += ("cardData",) if kind != "model" else ()
    more += [name for name in ("config", "cardData") if kind == "model" and flag(request, name)]
    if kind == "space" and flag(request, "linked"):
        more += ["models", "datasets"]
    return listed(shown, more)


@router.get("/api/spaces/templates")
def space_templates() -> dict[str, list[Any]]:
    """Templates to begin a Space with: none here."""
    return {"templates": []}


@router.get("/api/spaces/hardware")
def space_hardware() -> list[Any]:
    """Machines that run Spaces: none here."""
    return []
