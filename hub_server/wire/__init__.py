"""The protocols of git, git-lfs and Xet over HTTP, and the transfers they point to."""

from fastapi import APIRouter

from hub_server.wire import git, lfs, transfers, xet

router = APIRouter()
for _part in (transfers, xet, lfs, git):
    router.include_router(_part.router)

__all__ = ["router"]
