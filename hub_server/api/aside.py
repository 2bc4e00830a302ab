"""Doors that clients knock at for things this hub does not have; each answers truthfully."""

from typing import Any

from fastapi import APIRouter

from hub_server.accounts import Access
from hub_server.api.routing import NotOffered, RepoRoute
from hub_server.api.shapes import without_none
from hub_server.edge import ApiTransfer, VisibleRepo
from hub_server.errors import NotFound

router = APIRouter(route_class=RepoRoute, include_in_schema=False)

NO_DISCUSSIONS = "This hub has no discussions and pull requests yet."


@router.get("/api/{kinds:kinds}/{id:id}/discussions")
def discussions(repo: VisibleRepo) -> dict[str, Any]:
    """Asked in the background by transformers: there are none."""
    return {"discussions": [], "count": 0, "start": 0}


@router.post("/api/{kinds:kinds}/{id:id}/discussions")
def open_discussion(transfer: ApiTransfer) -> None:
    transfer.repo(Access.READ)
    raise NotOffered(NO_DISCUSSIONS)


@router.get("/api/{kinds:kinds}/{id:id}/discussions/{rest:rest}")
def discussion(repo: VisibleRepo) -> None:
    raise NotFound("There is no such discussion.")


@router.get("/api/{kinds:kinds}/{id:id}/runtime")
def runtime(repo: VisibleRepo) -> dict[str, Any]:
    """Spaces do not run here; clients that wait for one stop waiting."""
    if repo.kind != "space":
        raise NotFound("Only Spaces run.")
    return without_none({"stage": "STOPPED", "sdk": repo.facts.get("sdk")})
