"""Static files, the page of components, and what browsers ask for by themselves."""

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from hub_server.errors import NotFound
from hub_server.web.rendering import render, templates
from hub_server.web.views import patterns

router = APIRouter(include_in_schema=False)


@router.get("/static/{version}/{name:path}")
def static_file(request: Request, version: str, name: str) -> Response:
    found = templates().assets.response(request, version, name)
    if found is None:
        raise NotFound("There is nothing at this address.")
    return found


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    assets = templates().assets
    found = assets.response(request, "", "images/mark.svg")
    assert found is not None  # noqa: S101 - part of the program
    return found


@router.get("/robots.txt")
def robots() -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /-/\nDisallow: /api/\n")


@router.get("/-/patterns")
def show_patterns(request: Request) -> Response:
    return render(request, "patterns/patterns.html", patterns.samples())
