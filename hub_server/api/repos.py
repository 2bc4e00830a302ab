"""The life of a repository: made, moved, duplicated, changed, deleted; who may use it."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents, repos
from hub_server.accounts import Access, Caller
from hub_server.api.routing import Asked, JsonBody, RepoRoute
from hub_server.api.shapes import repo_url
from hub_server.cards import vocabulary
from hub_server.contents import AddFile, CommitRequest, Hub
from hub_server.db.tables.repos import KINDS, Kind, Repo
from hub_server.edge import (
    ApiTransfer,
    CurrentCaller,
    ReadableRepo,
    RepoRef,
    SignedIn,
    TheHub,
    WriteSession,
    find_repo,
)
from hub_server.errors import BadRequest, HubError, Moved, RepoNotFound
from hub_server.events import RepoDeleted, RepoRenamed

router = APIRouter(route_class=RepoRoute, tags=["repositories"])

FILES_BODY = 64 * 1024 * 1024
NOT_KEPT = ("secrets", "variables", "volumes", "hardware", "sleep_time_seconds")
WARNING = "spaces; This hub does not run Spaces: secrets, variables and hardware are not kept."


class AskedVisibility(Asked):
    """Today's clients send `visibility`, older ones `private`; neither keeps what is."""

    visibility: str | None = None
    private: bool | None = None

    def is_private(self) -> bool | None:
        if self.visibility is None:
            return self.private
        if self.visibility not in ("public", "private"):
            raise BadRequest('"visibility" must be "public" or "private".')
        return self.visibility == "private"


class AskedContent(Asked):
    path: str
    content: str
    encoding: Literal["base64", "utf-8"] = "utf-8"


class AskedRepo(AskedVisibility):
    """`organization` is any namespace, by default the caller's own."""

    name: str
    organization: str | None = None
    type: str | None = None
    sdk: str | None = None
    license: str | None = None
    files: list[AskedContent] = Field(default_factory=list, max_length=1000)
    secrets: list[Any] | None = None
    variables: list[Any] | None = None
    volumes: list[Any] | None = None
    hardware: str | None = None
    sleep_time_seconds: int | None = None


class AskedName(Asked):
    name: str
    organization: str | None = None
    type: str | None = None


class AskedMove(Asked):
    from_repo: str
    to_repo: str
    type: str | None = None


class AskedCopy(AskedVisibility):
    repository: str


class AskedSettings(AskedVisibility):
    gated: Literal["auto", "manual", False] | None = None
    discussions_disabled: bool | None = None
    default_branch: str | None = None


NewRepoBody = Annotated[AskedRepo, Depends(JsonBody(AskedRepo, limit=FILES_BODY))]
NameBody = Annotated[AskedName, Depends(JsonBody(AskedName))]
MoveBody = Annotated[AskedMove, Depends(JsonBody(AskedMove))]
CopyBody = Annotated[AskedCopy, Depends(JsonBody(AskedCopy))]
SettingsBody = Annotated[AskedSettings, Depends(JsonBody(AskedSettings))]


@router.post("/api/repos/create")
def create(
    request: Request, response: Response, hub: TheHub, caller: SignedIn, asked: NewRepoBody
) -> dict[str, str]:
    """A repository with the commit "initial commit". A conflict answers with its `url`."""
    kind = _kind(asked.type)
    files = _files(asked)
    name = _full_name(caller, asked.organization, asked.name)
    repo = contents.create_repository(
        hub, caller, kind, name, private=asked.is_private(), sdk=asked.sdk
    )
    if files:
        _first_files(hub, caller, repo, files)
    if any(getattr(asked, field) for field in NOT_KEPT):
        response.headers["X-HF-Warning"] = WARNING
    return _created(request, repo)


def _created(request: Request, repo: Repo) -> dict[str, str]:
    url = repo_url(request, repo.kind, repo.full_name)
    return {"url": url, "name": repo.full_name, "id": repo.public_id}


def _kind(text: str | None) -> Kind:
    if text is None:
        return "model"
    for kind in KINDS:
        if text == kind:
            return kind
    raise BadRequest('"type" must be model, dataset or space.')


def _full_name(caller: Caller, namespace: str | None, name: str) -> str:
    return name if "/" in name else f"{namespace or caller.name}/{name}"


def _files(asked: AskedRepo) -> list[AddFile]:
    files = [AddFile(file.path, _content(file)) for file in asked.files]
    if not asked.license:
        return files
    if asked.license not in vocabulary.licenses():
        raise BadRequest('"license" is not the identifier of a licence this hub knows.')
    if asked.type != "space" and all(file.path != "README.md" for file in files):
        card = f"---\nlicense: {asked.license}\n---\n"
        files.append(AddFile("README.md", card.encode()))
    return files


def _content(file: AskedContent) -> bytes:
    if file.encoding == "utf-8":
        return file.content.encode()
    try:
        return base64.b64decode(file.content, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("The content of {path} is not base64.", path=file.path[:500]) from None


def _first_files(hub: Hub, caller: Caller, repo: Repo, files: Sequence[AddFile]) -> None:
    """Files that came with the wish for the repository; without them there is none."""
    try:
        request = CommitRequest(repo.default_branch, files, "Add files")
        contents.commit(hub, caller, repo, request)
    except HubError:
        with hub.database.write() as session:
            repos.delete(session, session.merge(repo))
        raise


@router.delete("/api/repos/delete")
def delete(
    hub: TheHub, caller: CurrentCaller, asked: NameBody, session: WriteSession
) -> dict[str, bool]:
    """By its present name alone: a former one may be thought to be something else."""
    ref = RepoRef(_kind(asked.type), _full_name(caller, asked.organization, asked.name))
    try:
        repo = find_repo(session, caller, ref, Access.ADMIN)
    except Moved:
        raise RepoNotFound(anonymous=caller.is_anonymous) from None
    repos.delete(session, repo)
    hub.events.announce(session, RepoDeleted(repo.id, caller.user_id))
    return {"success": True}


@router.post("/api/repos/move")
def move(
    request: Request, hub: TheHub, caller: CurrentCaller, asked: MoveBody, session: WriteSession
) -> dict[str, str]:
    """Another name, or another namespace; the old address leads to the new one."""
    repo = _named(session, caller, RepoRef(_kind(asked.type), asked.from_repo), Access.ADMIN)
    old = repo.full_name
    repos.move(session, caller, repo, asked.to_repo)
    hub.events.announce(session, RepoRenamed(repo.id, old, repo.full_name, caller.user_id))
    return _created(request, repo)


def _named(session: Session, caller: Caller, ref: RepoRef, wanted: Access) -> Repo:
    """A repository that the body names, by a former name too."""
    try:
        return find_repo(session, caller, ref, wanted)
    except Moved as moved:
        return find_repo(session, caller, RepoRef(ref.kind, moved.new), wanted)


@router.put("/api/{kinds:kinds}/{id:id}/settings")
def settings(transfer: ApiTransfer, asked: SettingsBody) -> dict[str, bool]:
    """Visibility, gate, discussions, default branch; what is not named stays as it is."""
    repo = transfer.repo(Access.ADMIN)
    hub = transfer.hub
    wanted = repos.RepoSettings(asked.is_private(), asked.gated, asked.discussions_disabled)
    if asked.default_branch is not None:
        contents.set_default_branch(hub, transfer.caller, repo, asked.default_branch)
    with hub.database.write() as session:
        found = find_repo(
            session, transfer.caller, RepoRef(repo.kind, repo.full_name), Access.ADMIN
        )
        repos.change_settings(session, found, wanted)
    return {"success": True}


@router.post("/api/{kinds:kinds}/{id:id}/duplicate")
def duplicate(request: Request, transfer: ApiTransfer, asked: CopyBody) -> dict[str, str]:
    """A copy with branches, tags and large files. A conflict answers with its `url`."""
    source = transfer.repo(Access.READ)
    caller = transfer.caller
    name = _full_name(caller, None, asked.repository)
    copy = contents.duplicate_repository(
        transfer.hub, caller, source, name, private=asked.is_private()
    )
    return _created(request, copy)


@router.get("/api/{kinds:kinds}/{id:id}/auth-check")
def may_read(repo: ReadableRepo) -> dict[str, bool]:
    """Answers only those who may read the contents."""
    return {"success": True}


@router.get("/api/{kinds:kinds}/{id:id}/auth-check/write")
def may_write(transfer: ApiTransfer) -> dict[str, bool]:
    """Answers only those who may write to it."""
    transfer.repo(Access.WRITE)
    return {"success": True}
