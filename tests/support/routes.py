"""Every route of the hub, as the routers know them."""

from collections.abc import Iterator
from typing import Any

from hub_server import api, web, wire

Route = tuple[str, frozenset[str]]
"""The path with its parameters, `/{repo:repo}/info/refs`, and the methods."""


def all_routes() -> list[Route]:
    found = [route for door in (api, web, wire) for route in _of(door.router, "")]
    if not found:
        raise AssertionError("no routes: has the shape of FastAPI's routers changed?")
    return found


def _of(router: Any, prefix: str) -> Iterator[Route]:
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _of(inner, prefix + route.include_context.prefix)
        elif getattr(route, "methods", None):
            yield prefix + route.path, frozenset(route.methods)
