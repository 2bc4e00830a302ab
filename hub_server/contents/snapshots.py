"""One commit of a repository, to read from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from hub_server.accounts import RepoFacts
from hub_server.blobs import BlobReader
from hub_server.cards import Card, read_card
from hub_server.contents.hub import Hub
from hub_server.contents.memory import BlobFacts, Memory
from hub_server.errors import EntryNotFound, RevisionNotFound
from hub_server.git import FOLDER, Entry, ObjectId, PackSet, list_tree, read_commit, walk
from hub_server.git.rawtrees import RawTree, tree_data
from hub_server.gitstore import ResolvedRevision
from hub_server.lfs import parse_pointer

POINTER_LIMIT = 1024
"""No pointer is longer; larger blobs are not looked into."""
TEXT_LIMIT = 10_000_000
README = "README.md"
NO_CARD = read_card(b"")


class ContentFacts(RepoFacts, Protocol):
    """What reading contents needs of a repository; rows and ORM objects both have it."""

    @property
    def default_branch(self) -> str: ...
    @property
    def head(self) -> str | None: ...
    @property
    def prunes(self) -> int: ...


class LargeFiles(Protocol):
    """Where the bytes of large files are."""

    def open(
        self, sha256: str, start: int = 0, length: int | None = None, *, size: int | None = None
    ) -> BlobReader: ...


@dataclass(frozen=True)
class Snapshot:
    """`ref` is the full name of the ref that was asked for, None for a commit's own id.

    `large` is None where large files cannot be looked into.
    """

    repo_id: int
    commit: ObjectId
    tree: ObjectId
    ref: str | None
    objects: PackSet
    memory: Memory
    large: LargeFiles | None = None

    def entry(self, path: str) -> Entry | None:
        """What stands at the path; the empty path is the whole tree."""
        found = Entry(b"", FOLDER, self.tree)
        for name in raw(path).split(b"/") if path else ():
            below = self._tree(found.id).find(name) if found.is_tree else None
            if below is None:
                return None
            found = below
        return found

    def _tree(self, tree_id: ObjectId) -> RawTree:
        known = self.memory.trees.get(tree_id)
        if known is None:
            known = self.memory.trees.put(tree_id, RawTree(tree_data(self.objects, tree_id)))
        return known

    def file(self, path: str) -> Entry:
        """The file or link at a path; raises EntryNotFound."""
        entry = self.entry(path)
        if entry is None or not (entry.is_file or entry.is_link):
            raise EntryNotFound(commit=self.commit)
        return entry

    def folder(self, path: str) -> Entry:
        """Raises EntryNotFound."""
        entry = self.entry(path)
        if entry is None or not entry.is_tree:
            raise EntryNotFound(commit=self.commit)
        return entry

    def read(self, path: str, *, limit: int = TEXT_LIMIT) -> bytes | None:
        """What stands in the file (for a large file its pointer), None if absent or longer."""
        entry = self.entry(path)
        if entry is None or not (entry.is_file or entry.is_link):
            return None
        return None if self.objects.size(entry.id) > limit else self.objects.read(entry.id)[1]

    def size(self, path: str) -> int:
        """Of a file, large ones too; 0 for what is no file."""
        entry = self.entry(path)
        if entry is None or not entry.is_file:
            return 0
        size, pointer = self.facts(entry.id)
        return pointer.size if pointer else size

    def part(self, path: str, start: int, length: int) -> bytes:
        """So many bytes of a file, fewer where it ends; of a large file the bytes themselves.

        Raises EntryNotFound, or what the store says.
        """
        entry = self.file(path)
        pointer = self.facts(entry.id).pointer
        if pointer is None:
            return self.objects.read(entry.id)[1][start : start + length]
        if self.large is None:
            raise EntryNotFound(commit=self.commit)
        length = max(0, min(length, pointer.size - start))
        with self.large.open(pointer.oid, start, length, size=pointer.size) as reader:
            return reader.read()

    def text(self, path: str, *, limit: int = TEXT_LIMIT) -> str | None:
        data = self.read(path, limit=limit)
        return None if data is None else data.decode("utf-8", "replace")

    def list(self, folder: str = "") -> list[Entry]:
        return list_tree(self.objects, self.folder(folder).id)

    def walk(self, folder: str = "") -> Iterator[tuple[bytes, Entry]]:
        return walk(self.objects, self.tree, folder=raw(folder))

    def card(self) -> Card:
        """The README, read; empty where there is none, or one that is no text of its own."""
        entry = self.entry(README)
        if entry is None or not entry.is_file:
            return NO_CARD
        known = self.memory.cards.get(entry.id)
        return known or self.memory.cards.put(entry.id, read_card(self.read(README) or b""))

    def facts(self, blob_id: ObjectId) -> BlobFacts:
        return blob_facts(self.objects, self.memory, blob_id)


def raw(path: str) -> bytes:
    """A path as Git has it; file names are bytes, which `surrogateescape` carries through text."""
    return path.encode("utf-8", "surrogateescape")


def shown(path: bytes) -> str:
    """A path as answers can hold it."""
    return path.decode("utf-8", "replace")


def resolve(hub: Hub, session: Session, repo: ContentFacts, revision: str) -> ResolvedRevision:
    """The commit a revision names; costs nothing for the default branch and for the id of a commit
    that was asked for before, else one statement.

    Raises RevisionNotFound.
    """
    default = f"refs/heads/{repo.default_branch}"
    if revision in (repo.default_branch, "HEAD", default):
        if repo.head is None:
            raise RevisionNotFound(revision)
        return ResolvedRevision(repo.head, default)
    if hub.memory.commits.get((repo.id, repo.prunes, revision)):
        return ResolvedRevision(revision, None)
    repository = hub.git.open(repo.id, session=session, default_branch=repo.default_branch)
    resolved = repository.resolve(revision)
    if resolved.commit == revision:
        hub.memory.commits.put((repo.id, repo.prunes, revision), True)
    return resolved


def snapshot(
    hub: Hub, session: Session, repo: ContentFacts, revision: str | None = None
) -> Snapshot:
    """The commit of `revision`, or of the default branch; raises RevisionNotFound."""
    resolved = resolve(hub, session, repo, revision or repo.default_branch)
    objects = hub.git.open(repo.id, session=session).objects
    return of_commit(hub, repo.id, objects, resolved.commit, ref=resolved.ref)


def of_commit(
    hub: Hub, repo_id: int, objects: PackSet, commit: ObjectId, *, ref: str | None = None
) -> Snapshot:
    tree = read_commit(objects, commit).tree
    return Snapshot(repo_id, commit, tree, ref, objects, hub.memory, hub.objects)


def blob_facts(objects: PackSet, memory: Memory, blob_id: ObjectId) -> BlobFacts:
    """Size and pointer of a blob, looked into once. Raises ObjectMissing."""
    known = memory.blobs.get(blob_id)
    if known is not None:
        return known
    size = objects.size(blob_id)
    pointer = parse_pointer(objects.read(blob_id)[1]) if size <= POINTER_LIMIT else None
    return memory.blobs.put(blob_id, BlobFacts(size, pointer))
