"""JSON for client libraries, one file a resource."""

from fastapi import APIRouter

from hub_server.api import (
    aside,
    branches,
    commits,
    history,
    info,
    lfs_files,
    listings,
    people,
    quicksearch,
    repos,
    resolve,
    system,
    tags,
    tree,
    usage,
    xet,
)

PARTS = (
    system,
    people,
    repos,
    commits,
    branches,
    tree,
    history,
    lfs_files,
    xet,
    usage,
    aside,
    listings,
    quicksearch,
    tags,
    info,  # last: `/api/models/{id}` takes what no other address took
    resolve,
)
router = APIRouter()
for _part in PARTS:
    router.include_router(_part.router)

__all__ = ["router"]
