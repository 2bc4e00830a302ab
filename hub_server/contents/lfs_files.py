"""The large files of a repository as a list for its owners, and their removal."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from hub_server.accounts import Access, Caller
from hub_server.contents.cards_of import record_or_none
from hub_server.contents.committing import Overtaken
from hub_server.contents.hub import Hub
from hub_server.contents.landing import Landing, authorize_again, land_in
from hub_server.contents.preparing import stage
from hub_server.contents.rewriting import Rewriter
from hub_server.contents.snapshots import ContentFacts, Snapshot, of_commit, shown
from hub_server.git import ObjectId, PackSet, RefLine, changes, list_tree, log, read_commit
from hub_server.gitstore import CONVERTS, HEADS, PULLS, TAGS, RefUpdate, Repository

SEARCHED = 2000
"""Commits of a ref that are looked through for a name that no ref has any more."""
EVERY_PLACE = (HEADS, TAGS, PULLS, CONVERTS)


@dataclass(frozen=True, slots=True)
class LfsFile:
    """`filename` is a path that has the object now, at `ref`, or had it once (`ref` None)."""

    sha256: str
    size: int
    filename: str
    ref: str | None
    pushed_at: datetime
    pusher: str | None


@dataclass(frozen=True, slots=True)
class LfsPage:
    """`after` is what the next page begins behind, None on the last."""

    files: list[LfsFile]
    after: int | None


def present_files(
    hub: Hub, session: Session, repo: ContentFacts, oids: Collection[str]
) -> Mapping[str, str]:
    """Those of the oids that are the repository's, each with its file hash where it is stored as
    chunks, else ""; no statement for none.
    """
    linked = hub.objects.is_linked(session, repo.id, oids)
    return {oid: info.xet or "" for oid, info in linked.items()}


def list_lfs_files(
    hub: Hub, session: Session, repo: ContentFacts, *, after: int = 0, limit: int = 100
) -> LfsPage:
    """One entry for each object that is the repository's, the oldest first."""
    rows = hub.objects.list_linked(session, repo.id, after=after, limit=limit + 1)
    page = rows[:limit]
    view = hub.git.open(repo.id, session=session, default_branch=repo.default_branch)
    names = _names(hub, view, {row.sha256 for row in page})
    files = [
        LfsFile(row.sha256, row.size, *names[row.sha256], row.linked_at, row.uploader)
        for row in page
        if row.sha256 in names
    ]
    return LfsPage(files, page[-1].id if len(rows) > limit else None)


def delete_lfs_files(
    hub: Hub,
    caller: Caller,
    repo: ContentFacts,
    sha256s: Collection[str],
    *,
    rewrite_history: bool = False,
) -> None:
    """Take objects from the repository; with `rewrite_history` every ref loses their files too.

    Raises Overtaken, and has changed nothing, if a ref moved meanwhile.
    """
    with hub.git.queue(repo.id):
        view = hub.git.open(repo.id, default_branch=repo.default_branch)
        landing = _rewritten(hub, caller, repo, view, sha256s) if rewrite_history else None
        with hub.database.write() as session:
            authorize_again(session, caller, repo.id, Access.WRITE)
            hub.objects.unlink(session, repo.id, sha256s)
            if landing is not None and any(land_in(session, hub, landing).values()):
                raise Overtaken
    hub.memory.files.clear()


def _rewritten(
    hub: Hub, caller: Caller, repo: ContentFacts, view: Repository, sha256s: Collection[str]
) -> Landing | None:
    lines = view.refs(EVERY_PLACE)
    rewriter = Rewriter(view.objects, hub.memory, frozenset(sha256s))
    updates = []
    for line in lines:
        moved = rewriter.target(line.id)
        if moved != line.id:
            peeled = rewriter.target(line.peeled) if line.peeled else None
            updates.append(RefUpdate(line.name, line.id, moved, peeled))
    if not updates:
        return None
    staged = stage(hub, repo.id, rewriter.made.values())
    record = None
    head = next((each.new for each in updates if each.name == view.head), None)
    if head is not None:
        objects = view.objects.with_extra(rewriter.made)
        record = record_or_none(
            of_commit(hub, repo.id, objects, head), repo.kind, hub.settings.region
        )
    return Landing(
        repo.id,
        caller,
        updates,
        repo.prunes,
        staged=[staged],
        atomic=True,
        record=record,
        leaves_behind=True,
    )


def _names(hub: Hub, view: Repository, wanted: set[str]) -> dict[str, tuple[str, str | None]]:
    """A path for each object, and the ref that has it there."""
    found: dict[str, tuple[str, str | None]] = {}
    if not wanted:
        return found
    lines = view.refs(EVERY_PLACE)
    objects = view.objects
    seen: set[tuple[bytes, ObjectId]] = set()
    snapshots = [
        (line, of_commit(hub, view.repo_id, objects, line.peeled or line.id))
        for line in lines
        if objects.kind(line.peeled or line.id) == "commit"
    ]
    for line, snapshot in snapshots:
        for path, oid in _pointers(snapshot, b"", snapshot.tree, seen):
            if oid in wanted:
                found.setdefault(oid, (path, shown(line.name)))
    _add_former(objects, snapshots, wanted, found)
    return found


def _pointers(
    snapshot: Snapshot, prefix: bytes, tree: ObjectId, seen: set[tuple[bytes, ObjectId]]
) -> Iterator[tuple[str, str]]:
    if (prefix, tree) in seen:
        return
    seen.add((prefix, tree))
    for entry in list_tree(snapshot.objects, tree):
        if entry.is_tree:
            yield from _pointers(snapshot, prefix + entry.name + b"/", entry.id, seen)
        elif entry.is_file and (pointer := snapshot.facts(entry.id).pointer):
            yield shown(prefix + entry.name), pointer.oid


def _add_former(
    objects: PackSet,
    snapshots: Iterable[tuple[RefLine, Snapshot]],
    wanted: set[str],
    found: dict[str, tuple[str, str | None]],
) -> None:
    for _, snapshot in snapshots:
        if wanted <= found.keys():
            return
        for commit in log(objects, snapshot.commit, limit=SEARCHED):
            parent = read_commit(objects, commit.parents[0]).tree if commit.parents else None
            for change in changes(objects, parent, commit.tree):
                entry = change.new
                pointer = snapshot.facts(entry.id).pointer if entry and entry.is_file else None
                if pointer and pointer.oid in wanted:
                    found.setdefault(pointer.oid, (shown(change.path), None))
