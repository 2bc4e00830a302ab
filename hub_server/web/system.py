"""Static files, letters for pictures of people, the API as a page, the page of components."""

import hashlib
from collections import defaultdict
from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import PlainTextResponse, Response

from hub_server.edge import CurrentCaller
from hub_server.errors import NotFound
from hub_server.web.rendering import render, templates
from hub_server.web.views import patterns
from hub_server.web.views.api import ApiPage, Operation

router = APIRouter(include_in_schema=False)
DAY = "public, max-age=86400"
LETTER = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64">'
    '<rect width="64" height="64" fill="{}"/><text x="32" y="43" font-family="sans-serif" '
    'font-size="32" font-weight="600" text-anchor="middle" fill="#ffffff">{}</text></svg>'
)
# Dark enough for white letters; pictures stand outside the style sheets.
ACCOUNTS = ("users", "organizations", "settings", "whoami-v2")
GROUNDS = ("#12443a", "#2c4f94", "#7a4d05", "#86326c")


@router.get("/static/{version}/{name:path}")
def static_file(request: Request, version: str, name: str) -> Response:
    found = templates().assets.response(request, version, name)
    if found is None:
        raise NotFound("There is nothing at this address.")
    return found


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    found = templates().assets.response(request, "", "images/mark.svg")
    assert found is not None  # noqa: S101 - part of the program
    return found


@router.get("/robots.txt")
def robots() -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /-/\nDisallow: /api/\n")


@router.get("/-/avatars/{name}.svg")
def avatar(name: str) -> Response:
    """The first letter of a name; the same colour for it everywhere, whether or not it exists."""
    ground = GROUNDS[hashlib.sha256(name.encode()).digest()[0] % len(GROUNDS)]
    drawn = LETTER.format(ground, name[:1].upper())
    return Response(drawn, media_type="image/svg+xml", headers={"Cache-Control": DAY})


@router.get("/-/patterns")
def show_patterns(request: Request, caller: CurrentCaller) -> Response:
    return render(request, "patterns/patterns.html", patterns.samples())


@router.get("/api/docs")
def show_api(request: Request, caller: CurrentCaller) -> Response:
    described = request.app.openapi()
    view = ApiPage(_groups(described), "/api/openapi.json", request.state.origin.base_url)
    return render(request, "api/api.html", view)


def _groups(described: dict[str, Any]) -> tuple[tuple[str, tuple[Operation, ...]], ...]:
    """Operations by what they are about."""
    groups: dict[str, list[Operation]] = defaultdict(list)
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            about = (operation.get("description") or operation.get("summary") or "").split("\n\n")
            groups[_group(path)].append(Operation(method.upper(), path, " ".join(about[0].split())))
    return tuple((name, tuple(groups[name])) for name in sorted(groups))


def _group(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    if parts[0] != "api":
        return "files" if parts[0].startswith("{") else "hub"
    if parts[1].startswith("{") or parts[1] == "repos":
        return "repositories"
    return "accounts" if parts[1] in ACCOUNTS else "hub"
