"""The LFS API below a repository's Git address: batches, verification, locks."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from hub_server import lfs, xet
from hub_server.accounts import Access
from hub_server.db.tables.repos import Repo
from hub_server.edge import GitTransfer, TheHub, TokenCaller, WriteSession, find_repo, repo_ref
from hub_server.errors import NotFound
from hub_server.objects import Claim
from hub_server.wire.bodies import json_body

router = APIRouter(prefix="/{repo:repo}/info/lfs", include_in_schema=False)

Body = Annotated[object, Depends(json_body)]
SENDS_HEADERS = "git-lfs/"


def _readable(transfer: GitTransfer) -> Repo:
    return transfer.repo(Access.READ)


LfsRepo = Annotated[Repo, Depends(_readable)]


def answer(content: Mapping[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status, media_type=lfs.MEDIA_TYPE)


@router.post("/objects/batch")
def batch(
    request: Request, hub: TheHub, caller: TokenCaller, repo: LfsRepo, body: Body
) -> Response:
    """What to send or fetch, and where."""
    wanted = lfs.read_batch(body)
    agent = request.headers.get("user-agent", "")

    def by_xet(claim: Claim) -> lfs.Action:
        return _xet_action(request, xet.issue_for(hub, caller, claim), repo, wanted.ref)

    client = lfs.BatchClient(request.state.origin.base_url, agent.startswith(SENDS_HEADERS), by_xet)
    told = lfs.batch(hub, caller, repo, wanted, client)
    return answer(told.as_json())


def _xet_action(
    request: Request, token: xet.IssuedToken, repo: Repo, ref: str | None
) -> lfs.Action:
    """The token route and, for clients that do not ask there, what it would say."""
    base = request.state.origin.base_url
    revision = quote(ref.removeprefix("refs/heads/") if ref else "None", safe="")
    header = {
        "X-Xet-Cas-Url": base + token.path,
        "X-Xet-Access-Token": token.text,
        "X-Xet-Token-Expiration": str(token.expires),
        "X-Xet-Session-Id": secrets.token_hex(16),
    }
    href = f"{base}/api/{repo.kind}s/{repo.full_name}/xet-write-token/{revision}"
    return lfs.Action(href, xet.TOKEN_SECONDS, header)


@router.post("/verify")
@router.post("/objects/verify")
def verify(hub: TheHub, caller: TokenCaller, repo: LfsRepo, body: Body) -> Response:
    """Is it there, with that size?"""
    lfs.verify(hub, caller, repo, lfs.read_wish(body))
    return answer({})


@router.get("/objects/{oid}")
def legacy(oid: str, repo: LfsRepo) -> Response:
    raise NotFound("The old LFS API is not served; update git-lfs to version 2 or newer.")


@router.get("/locks")
def list_locks(request: Request, hub: TheHub, repo: LfsRepo) -> Response:
    with hub.database.read() as session:
        return answer(lfs.list_locks(session, repo, dict(request.query_params)).as_json())


@router.post("/locks/verify")
def verify_locks(hub: TheHub, caller: TokenCaller, repo: LfsRepo, body: Body) -> Response:
    """Which locks are the caller's own, and which would stop a push."""
    query = body if isinstance(body, dict) else {}
    with hub.database.read() as session:
        return answer(lfs.list_locks(session, repo, query).split_json(caller.user_id))


@router.post("/locks")
def create_lock(
    request: Request, session: WriteSession, caller: TokenCaller, body: Body
) -> Response:
    repo = find_repo(session, caller, repo_ref(request), Access.WRITE)
    path = body.get("path") if isinstance(body, dict) else None
    try:
        lock = lfs.create_lock(session, caller, repo, path)
    except lfs.AlreadyLocked as taken:
        return answer({"lock": taken.lock.as_json(), "message": str(taken)}, 409)
    return answer({"lock": lock.as_json()}, 201)


@router.post("/locks/{lock_id}/unlock")
def unlock(
    request: Request, session: WriteSession, caller: TokenCaller, body: Body, lock_id: str
) -> Response:
    repo = find_repo(session, caller, repo_ref(request), Access.WRITE)
    force = isinstance(body, dict) and body.get("force") is True
    return answer({"lock": lfs.unlock(session, caller, repo, lock_id, force=force).as_json()})
