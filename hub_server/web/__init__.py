"""HTML pages: for people, in three languages, working without script."""

from fastapi import APIRouter

from hub_server.web import (
    archives,
    blame,
    cards,
    commits,
    comparing,
    files,
    invitations,
    lists,
    organizations,
    people,
    profiles,
    repos,
    rolling_back,
    searching,
    sessions,
    settings,
    sign_in,
    system,
    usage,
)
from hub_server.web.errors import error_page

router = APIRouter()
# Fixed addresses first: a repository's address may look like any of them.
for _part in (
    system,
    lists,
    searching,
    sign_in,
    invitations,
    settings,
    sessions,
    organizations,
    people,
    repos,
    usage,
    files,
    archives,
    blame,
    commits,
    comparing,
    rolling_back,
    profiles,
    cards,
):
    router.include_router(_part.router)

__all__ = ["error_page", "router"]
