"""Resolving a path to a file, and opening it: what downloads stand on."""

import contextlib
import io
from dataclasses import dataclass
from typing import BinaryIO, cast

from sqlalchemy.orm import Session

from hub_server.contents.hub import Hub
from hub_server.contents.memory import ABSENT, FileFacts
from hub_server.contents.snapshots import ContentFacts, Snapshot, of_commit, resolve
from hub_server.errors import EntryNotFound
from hub_server.git import ObjectId, ObjectMissing
from hub_server.lfs import Pointer


@dataclass(frozen=True, slots=True)
class ResolvedFile:
    """`size` is that of the content; `etag` its sha256 for a large file, else the blob's id; `xet`
    the file hash of one that is stored as chunks."""

    repo_id: int
    commit: ObjectId
    path: str
    blob_id: ObjectId
    size: int
    lfs: Pointer | None
    xet: str | None = None

    @property
    def etag(self) -> str:
        return self.lfs.oid if self.lfs else self.blob_id

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def resolve_file(
    hub: Hub, session: Session, repo: ContentFacts, revision: str, path: str
) -> ResolvedFile:
    """The file at a path of a revision: no statement, or one, and one more for a large file.

    Raises RevisionNotFound; EntryNotFound, which names the commit, for what is not there, is a
    folder, or is a pointer to an object that is no longer the repository's.
    """
    commit = resolve(hub, session, repo, revision).commit
    facts = _facts(hub, session, repo.id, commit, path)
    if facts is ABSENT:
        raise EntryNotFound(commit=commit)
    pointer = facts.pointer
    if pointer is None:
        return ResolvedFile(repo.id, commit, path, facts.blob_id, facts.size, None)
    info = hub.objects.is_linked(session, repo.id, [pointer.oid]).get(pointer.oid)
    if info is None:
        raise EntryNotFound(commit=commit)
    return ResolvedFile(repo.id, commit, path, facts.blob_id, pointer.size, pointer, info.xet)


def raw_file(
    hub: Hub, session: Session, repo: ContentFacts, revision: str, path: str
) -> ResolvedFile:
    """The file as Git has it: of a large file the text of its pointer."""
    commit = resolve(hub, session, repo, revision).commit
    facts = _facts(hub, session, repo.id, commit, path)
    if facts is ABSENT:
        raise EntryNotFound(commit=commit)
    return ResolvedFile(repo.id, commit, path, facts.blob_id, facts.size, None)


def open_file(hub: Hub, file: ResolvedFile, start: int = 0, length: int | None = None) -> BinaryIO:
    """The bytes from `start` on. The caller has resolved the file, which was the permission."""
    if file.lfs:
        return cast(BinaryIO, hub.objects.open(file.lfs.oid, start, length, size=file.size))
    data = _read(hub, file)
    end = len(data) if length is None else start + length
    return io.BytesIO(data[start:end])


def _read(hub: Hub, file: ResolvedFile) -> bytes:
    known = hub.git.remembered(file.repo_id)
    if known is None or file.blob_id not in known:
        known = hub.git.open(file.repo_id).objects
    return known.read(file.blob_id)[1]


def _facts(hub: Hub, session: Session, repo_id: int, commit: ObjectId, path: str) -> FileFacts:
    key = (repo_id, commit, path)
    known = hub.memory.files.get(key)
    return hub.memory.files.put(key, _looked_up(hub, session, key)) if known is None else known


def _looked_up(hub: Hub, session: Session, key: tuple[int, ObjectId, str]) -> FileFacts:
    """What was seen of the repository before will do, unless the commit is newer."""
    repo_id, commit, path = key
    seen = hub.git.remembered(repo_id)
    if seen is not None:
        with contextlib.suppress(ObjectMissing):
            return _look(of_commit(hub, repo_id, seen, commit), path)
    packs = hub.git.open(repo_id, session=session).objects
    return _look(of_commit(hub, repo_id, packs, commit), path)


def _look(snapshot: Snapshot, path: str) -> FileFacts:
    try:
        entry = snapshot.file(path)
    except EntryNotFound:
        return ABSENT
    size, pointer = snapshot.facts(entry.id)
    return FileFacts(entry.id, size, pointer)
