"""What is in a revision: pages of its tree, single paths, and what is known of each entry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Literal

from hub_server.contents import last_commits
from hub_server.contents.snapshots import Snapshot, raw, shown
from hub_server.errors import TooLarge
from hub_server.git import Commit, Entry, ObjectId, list_tree, read_commit
from hub_server.lfs import Pointer

MOST_PATHS = 1000

Kind = Literal["file", "directory", "submodule"]


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """`size` is that of the content: for a large file the real one, for a folder 0.

    `oid` is the blob's or tree's own id; `blob_size` is the pointer's size for a large file.
    `exact` is the path that addresses it, also where its bytes are no text and `path` shows marks.
    """

    type: Kind
    path: str
    oid: ObjectId
    size: int
    blob_size: int
    mode: int
    lfs: Pointer | None = None
    last_commit: Commit | None = None
    exact: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class TreePage:
    """`after` is what the next page begins behind, None on the last."""

    commit: ObjectId
    entries: list[TreeEntry]
    after: str | None


def tree_page(
    snapshot: Snapshot,
    folder: str = "",
    *,
    recursive: bool = False,
    expand: bool = False,
    after: str | None = None,
    limit: int = 1000,
) -> TreePage:
    """Folders before files, by name; with `recursive` each folder is followed by what it holds.

    Raises EntryNotFound for a folder that is not there.
    """
    top = snapshot.folder(folder)
    start = _segments(after) if isinstance(after, str) else []
    prefix = raw(folder) + b"/" if folder else b""
    listed = _listed(snapshot, top.id, prefix, start, recursive)
    found = list(islice(listed, limit + 1))
    page = found[:limit]
    entries = [describe(snapshot, path, entry) for path, entry in page]
    more = _mark(*page[-1], len(prefix)) if len(found) > limit else None
    return TreePage(
        snapshot.commit, with_last_commits(snapshot, entries) if expand else entries, more
    )


def paths_info(
    snapshot: Snapshot, paths: Sequence[str], *, expand: bool = False
) -> list[TreeEntry]:
    """Those of `paths` that exist, in the order asked for. Raises TooLarge above 1,000."""
    if len(paths) > MOST_PATHS:
        raise TooLarge("Ask for at most {limit} paths at a time.", limit=MOST_PATHS)
    found = []
    for path in paths:
        name = path.strip("/")
        entry = snapshot.entry(name) if name else None
        if entry is not None:
            found.append(describe(snapshot, raw(name), entry))
    return with_last_commits(snapshot, found) if expand else found


def describe(snapshot: Snapshot, path: bytes, entry: Entry) -> TreeEntry:
    exact = path.decode("utf-8", "surrogateescape")
    if entry.is_tree:
        return TreeEntry("directory", shown(path), entry.id, 0, 0, entry.mode, exact=exact)
    if entry.is_submodule:
        return TreeEntry("submodule", shown(path), entry.id, 0, 0, entry.mode, exact=exact)
    size, pointer = snapshot.facts(entry.id)
    real = pointer.size if pointer else size
    return TreeEntry("file", shown(path), entry.id, real, size, entry.mode, pointer, exact=exact)


def with_last_commits(snapshot: Snapshot, entries: Sequence[TreeEntry]) -> list[TreeEntry]:
    """The same entries, each with the commit that changed it last."""
    commits: dict[ObjectId, Commit] = {}
    done = []
    for folder, group in groupby(entries, key=lambda entry: entry.exact.rpartition("/")[0]):
        known = last_commits.of_folder(snapshot, raw(folder))
        for entry in group:
            found = known.get(raw(entry.exact.rpartition("/")[2]))
            if found and found not in commits:
                commits[found] = read_commit(snapshot.objects, found)
            done.append(replace(entry, last_commit=commits.get(found or "")))
    return done


def all_files(snapshot: Snapshot) -> Iterator[tuple[str, Entry]]:
    """Every file and link with its path."""
    for path, entry in snapshot.walk():
        if entry.is_file or entry.is_link:
            yield shown(path), entry


def _listed(
    snapshot: Snapshot, tree: ObjectId, prefix: bytes, after: list[bytes], recursive: bool
) -> Iterator[tuple[bytes, Entry]]:
    """Entries behind `after`, whose last segment ends in "/" if it is that of a folder."""
    start, rest = (after[0], after[1:]) if after else (b"", [])
    passed = _order(start, start.endswith(b"/") or bool(rest))
    entries = sorted(
        list_tree(snapshot.objects, tree), key=lambda entry: _order(entry.name, entry.is_tree)
    )
    for entry in entries:
        place = _order(entry.name, entry.is_tree)
        if after and place < passed:
            continue
        here = after and place == passed
        if not here:
            yield prefix + entry.name, entry
        if entry.is_tree and recursive:
            below = prefix + entry.name + b"/"
            yield from _listed(snapshot, entry.id, below, rest if here else [], recursive)


def _order(name: bytes, is_folder: bool) -> tuple[bool, bytes]:
    return not is_folder, name.rstrip(b"/")


def _mark(path: bytes, entry: Entry, skipped: int) -> str:
    """An entry as a place to go on from: its path below the listed folder."""
    place = path[skipped:] + (b"/" if entry.is_tree else b"")
    return place.decode("utf-8", "surrogateescape")


def _segments(after: str) -> list[bytes]:
    path = raw(after)
    folder = path.endswith(b"/")
    parts = path.rstrip(b"/").split(b"/")
    if folder:
        parts[-1] += b"/"
    return parts
