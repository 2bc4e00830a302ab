"""The protocols of git and git-lfs over HTTP, and the transfers they point to."""

from fastapi import APIRouter

from hub_server.wire import git, lfs, transfers

router = APIRouter()
for _part in (transfers, lfs, git):
    router.include_router(_part.router)

__all__ = ["router"]
