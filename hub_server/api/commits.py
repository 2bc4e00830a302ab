"""Uploading over HTTP: what to do with each file, cards before they are sent, the commit itself."""

import base64
import binascii
import json
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hub_server import cards, contents
from hub_server.accounts import Access, Caller
from hub_server.api.ndjson import Reader
from hub_server.api.routing import Asked, JsonBody, NotOffered, RepoRoute, asked_revision
from hub_server.api.shapes import flag, repo_url
from hub_server.blobs import Received
from hub_server.cards import Surroundings
from hub_server.contents import Candidate, CommitRequest, CommitResult, Hub
from hub_server.db.tables.repos import KINDS, Repo
from hub_server.edge import ApiTransfer, CurrentCaller, TheHub, Transfer, small_body, spooled
from hub_server.errors import BadRequest

router = APIRouter(route_class=RepoRoute, tags=["commits"])

MOST_FILES = 1000
PREUPLOAD_BODY = 16 * 1024 * 1024
CARD_BODY = 16 * 1024 * 1024


class AskedFile(Asked):
    """`sample` is the beginning of the file in base64."""

    path: str
    size: int = Field(0, ge=0)
    sample: str = ""


class AskedPreupload(Asked):
    files: list[AskedFile] = Field(max_length=MOST_FILES)
    git_ignore: str | None = None
    git_attributes: str | None = None


PreuploadBody = Annotated[AskedPreupload, Depends(JsonBody(AskedPreupload, limit=PREUPLOAD_BODY))]


@router.post("/api/{kinds:kinds}/{id:id}/preupload/{rest:rest}")
def preupload(request: Request, transfer: ApiTransfer, asked: PreuploadBody) -> dict[str, Any]:
    """For each file: whether it is large, whether it is ignored, what stands in its place."""
    _no_pull_request(request, transfer)
    repo = transfer.repo(Access.WRITE)
    files = [Candidate(file.path, file.size, _sample(file)) for file in asked.files]
    given = (asked.git_attributes, asked.git_ignore)
    with transfer.hub.database.read() as session:
        revision = asked_revision(request)
        found = contents.preupload(transfer.hub, session, repo, revision, files, given)
    shown: dict[str, Any] = {"files": [_decision(each) for each in found.decisions]}
    return shown | ({"commitOid": found.commit} if found.commit else {})


def _sample(file: AskedFile) -> bytes:
    try:
        return base64.b64decode(file.sample, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("The sample of {path} is not base64.", path=file.path[:500]) from None


def _decision(found: contents.Decision) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "path": found.path,
        "uploadMode": found.mode,
        "shouldIgnore": found.ignored,
    }
    return shown | ({"oid": found.oid} if found.oid else {})


@router.post("/api/{kinds:kinds}/{id:id}/commit/{rest:rest}")
async def commit(request: Request, transfer: ApiTransfer) -> dict[str, Any]:
    """A commit in lines of JSON; nobody waits in a thread while they arrive."""
    repo = await to_thread.run_sync(_may_commit, request, transfer)
    async with spooled(request, transfer.hub.spool, transfer.hub.settings.max_commit_body) as body:
        result = await to_thread.run_sync(_commit, request, transfer, repo, body)
    url = f"{repo_url(request, repo.kind, repo.full_name)}/commit/{result.commit}"
    return {
        "success": True,
        "commitOid": result.commit,
        "commitUrl": url,
        "hookOutput": "\n".join(result.warnings),
    }


def _may_commit(request: Request, transfer: Transfer) -> Repo:
    _no_pull_request(request, transfer)
    return transfer.repo(Access.WRITE)


def _commit(request: Request, transfer: Transfer, repo: Repo, body: Received) -> CommitResult:
    hub = transfer.hub
    with hub.git.work_folder() as folder, body.path.open("rb") as lines:
        asked = Reader(folder, hub.settings.max_git_file).read(lines)
        wanted = CommitRequest(
            asked_revision(request),
            asked.operations,
            asked.summary,
            asked.description,
            asked.parent,
        )
        return contents.commit(hub, transfer.caller, repo, wanted)


def _no_pull_request(request: Request, transfer: Transfer) -> None:
    if flag(request, "create_pr"):
        transfer.repo(Access.READ)
        raise NotOffered(
            "This hub has no pull requests yet; commit to a branch instead (create_pr=False)."
        )


@router.post("/api/validate-yaml")
async def validate_yaml(request: Request, hub: TheHub, caller: CurrentCaller) -> Response:
    """Judges a card before it is uploaded: 200 or 400, always in JSON unless text was asked for.

    Text has the lines that `RepoCard.validate` shows: `- Error: "license" must be one of …`.
    """
    data = await small_body(request, CARD_BODY)
    report = await to_thread.run_sync(_judge, hub, caller, data)
    status = 400 if report["errors"] else 200
    if "text/plain" in request.headers.get("accept", ""):
        word, told = (
            ("Error", report["errors"]) if report["errors"] else ("Warning", report["warnings"])
        )
        lines = [f"- {word}: {each['message']}" for each in told]
        return PlainTextResponse("\n".join(lines), status)
    return JSONResponse(report, status)


def _judge(hub: Hub, caller: Caller, data: bytes) -> dict[str, list[dict[str, str]]]:
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        return _refused("The body is not JSON.")
    content = asked.get("content") if isinstance(asked, dict) else None
    kind = (asked.get("repoType") or "model") if isinstance(asked, dict) else ""
    if not isinstance(content, str):
        return _refused('"content" must be the text of a README.md.')
    if kind not in KINDS:
        return _refused('"repoType" must be model, dataset or space.')
    text = content.encode("utf-8", "replace").decode()
    around = Surroundings(unknown=lambda names: contents.unknown_names(hub, caller, names))
    return cards.validate(text, kind, around).as_json()


def _refused(message: str) -> dict[str, list[dict[str, str]]]:
    return {"errors": [{"message": message}], "warnings": []}
