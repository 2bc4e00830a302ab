"""One repository: what it is, at its default branch or at a revision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from hub_server import catalog, contents
from hub_server.accounts import Caller, can_read
from hub_server.api.fields import LINKED, Links, Shown, check_expand, expanded, whole
from hub_server.api.routing import RepoRoute, asked_revision
from hub_server.api.shapes import account_summary, flag, many, without_none
from hub_server.catalog import Entry
from hub_server.contents import Hub, Snapshot
from hub_server.db.tables.repos import Repo
from hub_server.edge import (
    CurrentCaller,
    ReadableRepo,
    ReadSession,
    TheHub,
    VisibleRepo,
    client_of,
)
from hub_server.errors import NotFound
from hub_server.repos import named

router = APIRouter(route_class=RepoRoute, tags=["repositories"])

BENCHMARK = "benchmark:official"
DOWNLOADING = "x-hf-download-counter"
"""Sent by clients that ask for a revision to take it whole: they may fetch its files elsewhere."""


@router.get("/api/{kinds:kinds}/{id:id}/revision/{rest:rest}")
def info_at(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: VisibleRepo
) -> dict[str, Any]:
    """Raises RevisionNotFound; `sha` is the commit of the revision."""
    told = _info(request, hub, session, repo, _links(request, session, caller, repo))
    if request.headers.get(DOWNLOADING) == "1" and can_read(caller, repo):
        hub.downloads.note(repo.kind, repo.id, client_of(request, caller.user_id))
    return told


@router.get("/api/{kinds:kinds}/{id:id}/safetensors-metadata/{rest:rest}")
def safetensors_metadata(
    request: Request, hub: TheHub, session: ReadSession, repo: ReadableRepo
) -> dict[str, Any]:
    """The headers of a model's files, of all parts at once where the path is that of an index."""
    if repo.kind != "model":
        raise NotFound("Only models have this.")
    snapshot = contents.snapshot(hub, session, repo)
    session.expunge_all()  # bytes of large files are read: hold no connection
    session.rollback()
    found = contents.safetensors_headers(snapshot, request.path_params["rest"])
    return {"headers": found.headers, "index": found.index}


@router.get("/api/{kinds:kinds}/{id:full}/leaderboard")
def leaderboard(
    request: Request, session: ReadSession, caller: CurrentCaller, repo: VisibleRepo
) -> list[dict[str, Any]]:
    """Models by their results on a dataset; with `base_model=false` also those made from others.

    Nobody has verified the results here.
    """
    derived = not flag(request, "base_model", default=True)
    found = catalog.leaderboard(session, caller, repo, derived=derived)
    if repo.kind != "dataset" or not (found or BENCHMARK in repo.tags):
        raise NotFound("This repository has no leaderboard.")
    return [_line(request, entry) for entry in found]


def _line(request: Request, entry: Entry) -> dict[str, Any]:
    shown = {
        "rank": entry.rank,
        "modelId": entry.model.full_name,
        "value": entry.value,
        "filename": entry.filename,
        "verified": False,
        "author": account_summary(request, entry.author),
        "source": entry.data.get("source"),
        "notes": entry.data.get("notes"),
    }
    return without_none(shown)


@router.get("/api/{kinds:kinds}/{id:id}")
def info(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: VisibleRepo
) -> dict[str, Any]:
    """Of a gated repository, too: what it is called and what it is for is for everybody."""
    return _info(request, hub, session, repo, _links(request, session, caller, repo))


def _links(request: Request, session: Session, caller: Caller, repo: Repo) -> Links | None:
    names = many(request, "expand")
    check_expand(repo.kind, names)
    if repo.kind != "model":
        return None
    return links_of(session, caller, [repo], names or ["spaces"])[repo.id]


def links_of(
    session: Session, caller: Caller, repos: Sequence[Repo], names: Sequence[str]
) -> dict[int, Links]:
    """Of models, those that `names` asks for; each in a fixed number of statements."""
    wanted = set(names) & set(LINKED)
    children: Mapping[int, Mapping[str, int]] = {}
    spaces: Mapping[int, Sequence[str]] = {}
    bases = None
    if "childrenModelCount" in wanted:
        children = catalog.children_counts(session, caller, repos)
    if "spaces" in wanted:
        spaces = catalog.spaces_using(session, caller, repos)
    if "baseModels" in wanted:
        mentioned = [base for repo in repos for base in (repo.facts or {}).get("base_models") or ()]
        found = named(session, caller, [("model", name) for name in mentioned])
        bases = {key: repo for (_, key), repo in found.items()}
    return {each.id: Links(children.get(each.id), spaces.get(each.id), bases) for each in repos}


def _info(
    request: Request, hub: Hub, session: Session, repo: Repo, links: Links | None
) -> dict[str, Any]:
    names = many(request, "expand")
    revision = asked_revision(request) if "rest" in request.path_params else None
    if revision is None and repo.head is None:
        shown = Shown(repo, hub.settings.region, siblings=[], links=links)
    else:
        snapshot = contents.snapshot(hub, session, repo, revision)
        if snapshot.commit != repo.head:  # bytes of large files are read: hold no connection
            session.expunge_all()
            session.rollback()
        shown = replace(_shown(request, hub, repo, snapshot, names), links=links)
    if names:
        return expanded(shown, names)
    return whole(shown) | _security(request, repo)


def _shown(
    request: Request, hub: Hub, repo: Repo, snapshot: Snapshot, names: Sequence[str]
) -> Shown:
    files = None
    if not names or "siblings" in names:
        files = siblings(snapshot, blobs=flag(request, "blobs"))
    record = None if snapshot.commit == repo.head else _record(hub, repo, snapshot)
    return Shown(repo, hub.settings.region, snapshot.commit, record, files)


def _record(hub: Hub, repo: Repo, snapshot: Snapshot) -> Mapping[str, Any]:
    return catalog.columns(contents.record_of(snapshot, repo.kind, hub.settings.region))


def siblings(snapshot: Snapshot, *, blobs: bool = False) -> list[dict[str, Any]]:
    """All files; with `blobs` their sizes and ids."""
    found: list[dict[str, Any]] = []
    for path, entry in contents.all_files(snapshot):
        item: dict[str, Any] = {"rfilename": path}
        if blobs:
            size, pointer = snapshot.facts(entry.id)
            item |= {"size": pointer.size if pointer else size, "blobId": entry.id}
            if pointer:
                item["lfs"] = {"sha256": pointer.oid, "size": pointer.size, "pointerSize": size}
        found.append(item)
    return found


def _security(request: Request, repo: Repo) -> dict[str, Any]:
    """Nothing is scanned here, and we say so."""
    if repo.kind != "model" or not flag(request, "securityStatus"):
        return {}
    return {"securityRepoStatus": {"scansDone": False, "filesWithIssues": []}}
