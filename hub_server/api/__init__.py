"""JSON for client libraries, one file a resource."""

from fastapi import APIRouter

from hub_server.api import history, info, listings, people, resolve, system, tree

router = APIRouter()
for _part in (system, people, listings, info, tree, history, resolve):
    router.include_router(_part.router)

__all__ = ["router"]
