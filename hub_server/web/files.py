"""Folders and files of a repository at a revision."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import contents, repos
from hub_server.accounts import Caller
from hub_server.contents import Hub, TreeEntry
from hub_server.edge import CurrentCaller, ReadableRepo, ReadSession, TheHub
from hub_server.errors import EntryNotFound
from hub_server.git import Entry
from hub_server.lfs import Pointer
from hub_server.web.cards import repo_head
from hub_server.web.commits import commit_lines
from hub_server.web.looking import looked_at
from hub_server.web.places import Place, address, crumbs, find_place, quoted, revisions
from hub_server.web.rendering import render, see_other
from hub_server.web.views import files as views
from hub_server.web.views.shared import CommitLine

router = APIRouter(include_in_schema=False)
PAGE = 500
LINK = 0o120000


@router.get("/{repo:repo}/tree/{rest:rawrest}")
def show_folder(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    place = find_place(hub, session, repo, request.path_params["rest"])
    entry = place.snapshot.entry(place.path) if place.path else None
    if entry is not None and not entry.is_tree:
        return see_other(request, address(repo, "blob", place.revision, place.path))
    view = _folder(hub, session, caller, place, request.query_params.get("after"))
    view = replace(
        view, clone_url=request.state.origin.base_url + repos.web_path(repo.kind, repo.full_name)
    )
    return render(request, "files/files.html", view)


@router.get("/{repo:repo}/blob/{rest:rawrest}")
def show_file(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: ReadableRepo
) -> Response:
    place = find_place(hub, session, repo, request.path_params["rest"])
    entry = place.snapshot.entry(place.path) if place.path else None
    if entry is None:
        raise EntryNotFound(commit=place.snapshot.commit)
    if entry.is_tree:
        return see_other(request, address(repo, "tree", place.revision, place.path))
    view = looked_at(request, _file(hub, session, caller, place, entry), place, entry)
    return render(request, "files/file.html", view)


def _folder(
    hub: Hub, session: Session, caller: Caller, place: Place, after: str | None
) -> views.FilesPage:
    repo, at = place.repo, place.revision
    page = contents.tree_page(place.snapshot, place.path, expand=True, after=after, limit=PAGE)
    here = address(repo, "tree", at, place.path)
    return views.FilesPage(
        repo=repo_head(repo, caller),
        revisions=revisions(hub, session, place, "tree"),
        crumbs=crumbs(place),
        folder=place.name,
        files=_rows(hub, session, place, page.entries),
        last_commit=_last_commit(session, place),
        commits_url=address(repo, "commits", at, place.path),
        total_size=repo.used_storage or None if not place.path else None,
        up_url=address(repo, "tree", at, place.folder) if place.path else None,
        pager_url=f"{here}?after={quoted(page.after)}" if page.after else None,
        compare_url=_compare_url(place),
        archive_url=address(repo, "archive", at),
        path=place.path,
    )


def _compare_url(place: Place) -> str:
    """With the default branch; of that, the choice of two."""
    choice = address(place.repo, "compare", "").rstrip("/")
    main = place.repo.default_branch
    return (
        choice if place.revision == main else f"{choice}/{quoted(main)}...{quoted(place.revision)}"
    )


def _rows(
    hub: Hub, session: Session, place: Place, entries: list[TreeEntry]
) -> tuple[views.FileRow, ...]:
    commits = {entry.last_commit.id: entry.last_commit for entry in entries if entry.last_commit}
    lines = {line.id: line for line in commit_lines(session, place.repo, list(commits.values()))}
    large = [entry.lfs.oid for entry in entries if entry.lfs]
    present = contents.present_files(hub, session, place.repo, large)
    return tuple(_row(place, entry, lines, present) for entry in entries)


def _row(
    place: Place, entry: TreeEntry, lines: dict[str, CommitLine], present: Mapping[str, str]
) -> views.FileRow:
    is_folder, is_file = entry.type == "directory", entry.type == "file"
    page = "tree" if is_folder else "blob"
    return views.FileRow(
        name=entry.name,
        url=address(place.repo, page, place.revision, entry.exact),
        is_folder=is_folder,
        size=entry.size if is_file else None,
        download_url=_download(place, entry.exact) if is_file else None,
        commit=lines.get(entry.last_commit.id) if entry.last_commit else None,
        is_lfs=entry.lfs is not None,
        is_xet=entry.lfs is not None and bool(present.get(entry.lfs.oid)),
        is_link=entry.mode == LINK,
        is_submodule=entry.type == "submodule",
    )


def _download(place: Place, path: str) -> str:
    return f"{address(place.repo, 'resolve', place.revision, path)}?download=true"


def _last_commit(session: Session, place: Place) -> CommitLine | None:
    """The newest commit that changed what the page shows."""
    commit = contents.last_commit(place.snapshot, place.path)
    return commit_lines(session, place.repo, [commit])[0] if commit else None


def _file(hub: Hub, session: Session, caller: Caller, place: Place, entry: Entry) -> views.FilePage:
    """The page without the look into the file; that follows."""
    repo, at, path = place.repo, place.revision, place.path
    found = place.snapshot.facts(entry.id) if not entry.is_submodule else None
    pointer = found.pointer if found else None
    size = pointer.size if pointer else found.size if found else 0
    row = views.FileRow(place.name, "", is_lfs=pointer is not None)
    present = contents.present_files(hub, session, repo, [pointer.oid] if pointer else [])
    return views.FilePage(
        repo=repo_head(repo, caller),
        revisions=revisions(hub, session, place, "blob"),
        crumbs=crumbs(place),
        name=place.name,
        path=path,
        size=size,
        look="lfs" if pointer else "binary",
        last_commit=_last_commit(session, place),
        history_url=address(repo, "commits", at, path),
        blame_url=address(repo, "blame", at, path),
        raw_url=address(repo, "resolve" if pointer else "raw", at, path),
        download_url=_download(place, path),
        permanent_url=address(repo, "blob", place.snapshot.commit, path),
        is_lfs=pointer is not None,
        is_pickle=row.is_pickle,
        lfs=_lfs_facts(pointer, found.size, present) if pointer and found else None,
    )


def _lfs_facts(pointer: Pointer, pointer_size: int, present: Mapping[str, str]) -> views.LfsFacts:
    return views.LfsFacts(
        pointer.oid,
        pointer.size,
        pointer_size,
        present.get(pointer.oid, ""),
        is_gone=pointer.oid not in present,
    )
