"""What a push of the same history would be refused for, as warnings: it exists, so it is kept."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from hub_server import git
from hub_server.accounts import OPERATOR
from hub_server.contents import Hub, InvalidCard, LargeFiles, Snapshot
from hub_server.contents.rules import check_card, some_of
from hub_server.db.tables.repos import Kind
from hub_server.git import BadPath, GitError, ObjectId, PackSet, check_path
from hub_server.lfs import Pointer

SEARCHED = 300_000
"""Entries of trees that are looked through for names."""
COMMITS = 2000


def large_files(large: Mapping[ObjectId, int], paths: Mapping[ObjectId, str], limit: int) -> str:
    """One sentence with names and sizes."""
    files = sorted((paths.get(blob, blob), size) for blob, size in large.items())
    return f"A push would be refused: {LargeFiles(files, limit)}"


def missing_large_files(
    missing: Iterable[tuple[ObjectId, Pointer]], paths: Mapping[ObjectId, str]
) -> str:
    named = sorted(f"{paths.get(blob, blob)} ({pointer.oid})" for blob, pointer in missing)
    return (
        f"{len(named)} large files are not in the folder: {some_of(named)}. Send them later with "
        "`git lfs push --all`."
    )


def card(hub: Hub, snapshot: Snapshot | None, kind: Kind) -> list[str]:
    """Sentences about the card of the default branch."""
    if snapshot is None:
        return []
    try:
        return check_card(hub, OPERATOR, kind, None, snapshot)
    except InvalidCard as failure:
        return [f"A push would be refused: {failure}"]


def unsafe_paths(objects: PackSet, tips: Sequence[ObjectId]) -> list[str]:
    """Paths at the tips that not every client can check out."""
    bad: dict[str, str] = {}
    for path, _ in _entries(objects, tips):
        try:
            check_path(path)
        except BadPath as failure:
            bad[path.decode(errors="replace")] = str(failure)
    return [f"A push would be refused: {reason}" for reason in list(bad.values())[:20]]


def paths_of(
    objects: PackSet, tips: Sequence[ObjectId], wanted: Collection[ObjectId]
) -> dict[ObjectId, str]:
    """A path for each blob: at a tip, else in one of the last commits, else none."""
    found: dict[ObjectId, str] = {}
    left = set(wanted)
    if not left:
        return found
    for path, blob in chain(_entries(objects, tips), _changes(objects, tips)):
        if blob in left:
            left.discard(blob)
            found[blob] = path.decode(errors="replace")
            if not left:
                break
    return found


def _entries(objects: PackSet, tips: Sequence[ObjectId]) -> Iterator[tuple[bytes, ObjectId]]:
    seen: set[ObjectId] = set()
    count = 0
    for tip in tips:
        try:
            tree = git.read_commit(objects, tip).tree
        except GitError:
            continue  # a tag of something else
        if tree in seen:
            continue
        seen.add(tree)
        for path, entry in git.walk(objects, tree):
            yield path, entry.id
            count += 1
            if count > SEARCHED:
                return


def _changes(objects: PackSet, tips: Sequence[ObjectId]) -> Iterator[tuple[bytes, ObjectId]]:
    for tip in tips:
        try:
            commits = git.log(objects, tip, limit=COMMITS)
        except GitError:
            continue
        for commit in commits:
            parent = git.read_commit(objects, commit.parents[0]).tree if commit.parents else None
            for change in git.changes(objects, parent, commit.tree):
                if change.new is not None:
                    yield change.path, change.new.id
