"""GitStore: refs and the list of packs in SQL, packs as blobs, a node that only caches.

The order of a write: objects to the blob store (`stage`), then one transaction for refs and the
pack's row (`publish`). A crash before the second leaves garbage that `collect` finds.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.blobs import BlobStore
from hub_server.db import Database, now
from hub_server.db.tables.git import Pack
from hub_server.git.deltas import BaseCache
from hub_server.git.packs import OBJECT_LIMIT, PackSet
from hub_server.git.types import PackFiles
from hub_server.gitstore import publishing
from hub_server.gitstore.cache import PackCache
from hub_server.gitstore.handles import OpenPacks
from hub_server.gitstore.publishing import RefUpdate, StagedPack
from hub_server.gitstore.queues import Queues
from hub_server.gitstore.reach import Reachable
from hub_server.gitstore.records import index_key, pack_key
from hub_server.gitstore.repository import Repository

REMEMBERED = 100
"""Repositories whose open packs are kept at hand."""


class GitStore:
    """Every method may be called from any thread."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        cache_folder: Path,
        cache_bytes: int,
        *,
        object_limit: int = OBJECT_LIMIT,
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.object_limit = object_limit
        self.cache = PackCache(blobs, cache_folder, cache_bytes)
        self.handles = OpenPacks(self.cache)
        self.bases = BaseCache()
        self.reachable = Reachable()
        self.queues = Queues()
        self._seen: OrderedDict[int, PackSet] = OrderedDict()
        self._seen_lock = threading.Lock()

    def open(
        self, repo_id: int, *, session: Session | None = None, default_branch: str | None = None
    ) -> Repository:
        """A view of one repository; costs nothing until something is asked of it."""
        return Repository(self, repo_id, session, default_branch)

    def remembered(self, repo_id: int) -> PackSet | None:
        """The objects as they were seen last, without asking the database; newer ones may lack.

        What is found there is right, as objects never change.
        """
        with self._seen_lock:
            seen = self._seen.get(repo_id)
        return seen if seen is not None and all(pack.is_whole for pack in seen.packs) else None

    def remember(self, repo_id: int, objects: PackSet) -> None:
        with self._seen_lock:
            before = self._seen.get(repo_id)
            self._seen[repo_id] = objects
            self._seen.move_to_end(repo_id)
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        if before is not None and before.packs != objects.packs:
            for pack in set(before.packs) - set(objects.packs):
                self.handles.forget(pack.name)  # another pack has its objects by now

    def work_folder(self) -> AbstractContextManager[Path]:
        """A folder of one's own to write a pack in, removed afterwards."""
        return self.cache.work_folder()

    def queue(self, repo_id: int) -> AbstractContextManager[None]:
        """One's turn to write to the repository, in order of arrival; Unavailable after 30 s."""
        return self.queues.turn(repo_id)

    def stage(self, repo_id: int, files: PackFiles) -> StagedPack:
        """Store a finished pack; its row says `uploading` before the first byte is sent.

        Moves the files away. Raises StoreFull or StoreUnavailable, and then leaves garbage only.
        """
        name = f"{repo_id}-{secrets.token_hex(8)}-{files.name}"
        row = {
            "repo_id": repo_id,
            "name": name,
            "size": files.pack.stat().st_size,
            "index_size": files.idx.stat().st_size,
            "objects": files.count,
            "pack_sha256": _sha256(files.pack),
            "index_sha256": _sha256(files.idx),
            "state": "uploading",
            "created_at": now(),
        }
        with self.database.write() as session:
            number = session.execute(insert(Pack).values(row).returning(Pack.id)).scalar_one()
        faults.point("pack.recorded")
        self.cache.put_aside(name, files.pack, files.idx)
        self.blobs.adopt(pack_key(name), files.pack)
        faults.point("pack.stored")
        self.blobs.adopt(index_key(name), files.idx)
        faults.point("pack.indexed")
        return StagedPack(number, name)

    def publish(
        self,
        session: Session,
        repo_id: int,
        staged: StagedPack | Sequence[StagedPack] | None,
        updates: Sequence[RefUpdate],
        *,
        who: int | None,
        atomic: bool = False,
    ) -> dict[bytes, str | None]:
        """See `publishing.publish`."""
        return publishing.publish(session, repo_id, staged, updates, who=who, atomic=atomic)

    def discard(self, staged: StagedPack) -> None:
        """Forget a pack that was not published; its row goes first, as garbage does."""
        with self.database.write() as session:
            gone = delete(Pack).where(Pack.id == staged.id, Pack.state == "uploading")
            found = session.execute(gone.returning(Pack.id)).first()
        if found is not None:
            self.forget_blobs(staged.name)

    def forget_blobs(self, name: str) -> None:
        """Remove what is stored of a pack that no row names any more."""
        self.cache.forget_aside(name)
        self.handles.forget(name)
        owner = name.partition("-")[0]
        if owner.isdecimal():
            self.cache.drop(int(owner), name)
        for key in (pack_key(name), index_key(name)):
            self.blobs.delete(key)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
