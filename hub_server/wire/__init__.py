"""The protocols of git and git-lfs over HTTP, and the transfers they point to."""

from fastapi import APIRouter

from hub_server.wire import git

router = APIRouter()
router.include_router(git.router)

__all__ = ["router"]
