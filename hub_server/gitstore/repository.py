"""One repository as a request sees it: refs from SQL, objects from packs, each read when needed."""

import contextlib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.blobs import BlobMissing
from hub_server.db.tables.repos import Repo
from hub_server.errors import RevisionNotFound
from hub_server.git.errors import NotACommit, ObjectMissing
from hub_server.git.history import peel
from hub_server.git.packs import PackSet
from hub_server.git.sources import RefLine
from hub_server.git.types import NewObject, ObjectId
from hub_server.gitstore import records
from hub_server.gitstore.cache import DamagedPack, Pin
from hub_server.gitstore.records import PackRecord

if TYPE_CHECKING:
    from hub_server.gitstore.store import GitStore

HEADS, TAGS, PULLS, CONVERTS = b"refs/heads/", b"refs/tags/", b"refs/pr/", b"refs/convert/"
PUBLIC = (HEADS, TAGS)
_FULL = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-f]{4,39}")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class ResolvedRevision:
    """`ref` is the full name of the branch, tag or other ref; None for a commit's own id."""

    commit: ObjectId
    ref: str | None


class Repository:
    """A FetchSource. Refs are read when asked for; the pack list once, at the first object.

    With a `session` whose transaction is open it is read through that one, else through short ones
    of its own. Refs are read before packs, because a pack is live before a ref needs it.
    """

    def __init__(
        self,
        store: "GitStore",
        repo_id: int,
        session: Session | None = None,
        default_branch: str | None = None,
    ) -> None:
        self.repo_id = repo_id
        self._store = store
        self._session = session
        self._default_branch = default_branch
        self._objects: PackSet | None = None
        self._records: list[PackRecord] = []
        self._complete: list[PackRecord] = []
        self._pin: Pin | None = None
        self._own_folder: Path | None = None

    @property
    def objects(self) -> PackSet:
        """The objects of all live packs; those are on this node afterwards."""
        if self._objects is None:
            self._objects = self._open_packs()
        return self._objects

    @property
    def packs(self) -> list[PackRecord]:
        """The list that `objects` was made from, in the same order."""
        return self._records if self.objects.packs else []

    def with_new(self, new: Mapping[ObjectId, NewObject]) -> PackSet:
        return self.objects.with_extra(new)

    def refresh(self) -> None:
        """Read the pack list again at the next use, after somebody published."""
        self._objects = None

    @property
    def git_dir(self) -> Path:
        """A bare folder with every live pack, for the `git` program; no config, no hooks.

        Others may bring packs that were live before into it; see `apart`.
        """
        self._twice(self._complete_folder)
        return self._own_folder or self._store.cache.git_dir(self.repo_id)

    def apart(self, folder: Path) -> "Repository":
        """The same repository with a `git_dir` of its own, which never shows an object that was
        pruned before this view read the list of packs. `folder` is empty and on the cache's disk.
        """
        other = Repository(self._store, self.repo_id, self._session, self._default_branch)
        (folder / "objects" / "pack").mkdir(parents=True)
        other._own_folder = folder
        return other

    @property
    def default_branch(self) -> str:
        if self._default_branch is None:
            asked = select(Repo.default_branch).where(Repo.id == self.repo_id)
            self._default_branch = self._query(lambda session: session.scalar(asked)) or "main"
        return self._default_branch

    @property
    def head(self) -> bytes:
        """What HEAD names, also when that branch is not born yet."""
        return HEADS + self.default_branch.encode()

    def refs(self, prefixes: Sequence[bytes] | None) -> list[RefLine]:
        """Heads and tags for None, else all refs under any of the prefixes; sorted by name."""
        wanted = PUBLIC if prefixes is None else prefixes
        return self._query_refs(lambda session: records.refs_under(session, self.repo_id, wanted))

    def branches(self) -> list[RefLine]:
        return self.refs([HEADS])

    def tags(self) -> list[RefLine]:
        return self.refs([TAGS])

    def ref(self, name: bytes) -> RefLine | None:
        return self._named([name]).get(name)

    def resolve(self, revision: str) -> ResolvedRevision:
        """The commit of a branch, else a tag, a full ref name, a full or abbreviated id.

        One statement, and no pack is touched for a ref that is a branch or a tag of a commit.
        Raises RevisionNotFound.
        """
        if _FULL.fullmatch(revision):
            return ResolvedRevision(self._peeled(revision, revision), None)
        name = self.default_branch if revision == "HEAD" else revision
        candidates = ref_candidates(name)
        found = self._named(candidates) if candidates else {}
        for candidate in candidates:
            if line := found.get(candidate):
                commit = line.peeled or line.id
                return ResolvedRevision(commit, candidate.decode(errors="surrogateescape"))
        if _SHORT.fullmatch(revision):
            return ResolvedRevision(self._unique(revision), None)
        raise RevisionNotFound(revision)

    def is_fetchable(self, ids: Collection[ObjectId]) -> set[ObjectId]:
        """Those of `ids` that a ref points at or reaches; see `reach`."""
        wanted = set(ids)
        found = self._query(lambda session: records.refs_at(session, self.repo_id, wanted))
        missing = {each for each in wanted - found if each in self.objects}
        if missing:
            tips = self._query(lambda session: records.tips(session, self.repo_id))
            found |= self._store.reachable.among(self.repo_id, self.objects, tips, missing)
        return found

    def peel(self, object_id: ObjectId) -> ObjectId | None:
        """The commit that a tag points at in the end; None for what is no tag of a commit."""
        objects = self.objects
        if objects.kind(object_id) != "tag":
            return None
        try:
            return peel(objects, object_id)
        except NotACommit:
            return None

    def _complete_folder(self) -> None:
        if not self.objects.packs or self._complete == self._records:
            return
        files = [self._store.cache.ensure(self.repo_id, record) for record in self._records]
        if self._own_folder is None:
            self._drop_extra()
        else:
            for path in (path for pair in files for path in pair):
                with contextlib.suppress(FileExistsError):
                    os.link(path, self._own_folder / "objects" / "pack" / path.name)
        self._complete = self._records

    def _unique(self, prefix: str) -> ObjectId:
        objects = self.objects
        commits = [each for each in objects.read_prefix(prefix) if objects.kind(each) == "commit"]
        if len(commits) != 1:
            raise RevisionNotFound(prefix)
        return commits[0]

    def _peeled(self, object_id: ObjectId, revision: str) -> ObjectId:
        try:
            return peel(self.objects, object_id)
        except (NotACommit, ObjectMissing):
            raise RevisionNotFound(revision) from None

    def _named(self, names: Sequence[bytes]) -> dict[bytes, RefLine]:
        return self._query_refs(lambda session: records.refs_named(session, self.repo_id, names))

    def doubt(self) -> None:
        """Have this node's copy compared with what was recorded, before it is used again."""
        for pack in self._objects.packs if self._objects else ():
            pack.doubted = True

    def _open_packs(self) -> PackSet:
        """Read the list and open what is on it; once more if a pack vanished meanwhile."""
        if self._pin is None:
            self._pin = self._store.cache.pin(self.repo_id)
        return self._twice(self._open_listed)

    def _twice(self, step: Callable[[], Found]) -> Found:
        """Once more with a new list if a pack on it is gone; what is gone then is lost."""
        try:
            return step()
        except BlobMissing:
            self.refresh()
        try:
            return step()
        except BlobMissing as failure:
            raise DamagedPack(failure.key) from failure

    def _open_listed(self) -> PackSet:
        store = self._store
        self._records = self._query_packs()
        packs = [store.handles.get(self.repo_id, record) for record in self._records]
        objects = PackSet(packs, limit=store.object_limit, cache=store.bases)
        store.remember(self.repo_id, objects)
        return objects

    def _query_packs(self) -> list[PackRecord]:
        return self._query(lambda session: records.live_packs(session, self.repo_id))

    def _drop_extra(self) -> None:
        """Packs of the folder that are not ours may be newer than our list, or gone for good.

        Those that were replaced stay until all that is live now is there: another view may be
        using them, which would not find elsewhere what they hold.
        """
        cache = self._store.cache
        there = cache.pack_names(self.repo_id)
        extra = there - {record.name for record in self._records}
        if not extra:
            return
        with self._store.database.read() as session:  # newer than ours may be what it sees
            live = {record.name for record in records.live_packs(session, self.repo_id)}
        if live <= there:
            for name in extra - live:
                cache.drop(self.repo_id, name)

    def _query_refs(self, read: Callable[[Session], Found]) -> Found:
        """A ref that is newer than our pack list may need a pack that is not on it."""
        found = self._query(read)
        self._objects = None
        return found

    def _query(self, read: Callable[[Session], Found]) -> Found:
        if self._session is not None and self._session.in_transaction():
            return read(self._session)
        with self._store.database.read() as session:
            return read(session)


def ref_candidates(revision: str) -> list[bytes]:
    """Full names that `revision` may stand for, the one that counts first."""
    try:
        name = revision.encode()
    except UnicodeEncodeError:
        name = revision.encode(errors="surrogateescape")
    if not name or b"\0" in name:
        return []
    if name.startswith(b"refs/"):
        return [name]
    return [HEADS + name, TAGS + name]
