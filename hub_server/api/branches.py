"""Branches and tags made and removed, histories squashed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from hub_server import contents
from hub_server.accounts import Access
from hub_server.api.routing import Asked, JsonBody, RepoRoute, asked_name, asked_revision
from hub_server.contents import NewBranch
from hub_server.edge import ApiTransfer

router = APIRouter(route_class=RepoRoute, tags=["history"])


class AskedBranch(Asked):
    """`starting_point` is any revision; `empty_branch` begins without files and history."""

    starting_point: str | None = None
    empty_branch: bool = False
    overwrite: bool = False


class AskedTag(Asked):
    tag: str
    message: str | None = None


class AskedSquash(Asked):
    message: str | None = None


BranchBody = Annotated[AskedBranch, Depends(JsonBody(AskedBranch))]
TagBody = Annotated[AskedTag, Depends(JsonBody(AskedTag))]
SquashBody = Annotated[AskedSquash, Depends(JsonBody(AskedSquash))]


@router.post("/api/{kinds:kinds}/{id:id}/branch/{rest:rest}")
def create_branch(request: Request, transfer: ApiTransfer, asked: BranchBody) -> dict[str, str]:
    repo = transfer.repo(Access.WRITE)
    new = NewBranch(asked_name(request), asked.starting_point, asked.empty_branch, asked.overwrite)
    return {"commit": contents.create_branch(transfer.hub, transfer.caller, repo, new)}


@router.delete("/api/{kinds:kinds}/{id:id}/branch/{rest:rest}")
def delete_branch(request: Request, transfer: ApiTransfer) -> dict[str, bool]:
    repo = transfer.repo(Access.WRITE)
    contents.delete_branch(transfer.hub, transfer.caller, repo, asked_revision(request))
    return {"success": True}


@router.post("/api/{kinds:kinds}/{id:id}/tag/{rest:rest}")
def create_tag(request: Request, transfer: ApiTransfer, asked: TagBody) -> dict[str, str]:
    """Tags the commit of the revision in the path; annotated if there is a message."""
    repo = transfer.repo(Access.WRITE)
    revision, message = asked_revision(request), asked.message or ""
    hub, caller = transfer.hub, transfer.caller
    return {"commit": contents.create_tag(hub, caller, repo, revision, asked.tag, message)}


@router.delete("/api/{kinds:kinds}/{id:id}/tag/{rest:rest}")
def delete_tag(request: Request, transfer: ApiTransfer) -> dict[str, bool]:
    repo = transfer.repo(Access.WRITE)
    contents.delete_tag(transfer.hub, transfer.caller, repo, asked_revision(request))
    return {"success": True}


@router.post("/api/{kinds:kinds}/{id:id}/super-squash/{rest:rest}")
def super_squash(request: Request, transfer: ApiTransfer, asked: SquashBody) -> dict[str, str]:
    """One commit without parents takes the place of the ref's history."""
    repo = transfer.repo(Access.WRITE)
    revision, message = asked_revision(request), asked.message or ""
    return {"commit": contents.super_squash(transfer.hub, transfer.caller, repo, revision, message)}
