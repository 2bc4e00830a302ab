"""Blobs of a backup: copied once, hashed on the way, seen under their names only when durable.

A blob never changes, so one that lies in the backup with the size that rows tell is the one.
"""

import contextlib
import ctypes
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from hub_server.blobs import (
    CHUNK,
    BlobMissing,
    BlobStore,
    FileStore,
    StoreUnavailable,
)
from hub_server.blobs.files import disk_errors, sync_folder, write_all
from hub_server.errors import Unavailable
from hub_server.upkeep.backup_format import NamedBlob

Result = TypeVar("Result")

WORKERS = 4
BATCH_FILES = 2000
BATCH_BYTES = 256 * 1024 * 1024
FEW = 8
"""Files that are flushed one by one; for more the whole file system is."""
PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Seconds between attempts while a store does not answer."""


@dataclass
class Copied:
    """`blobs` and `bytes` of the snapshot; `copied` of them now, the others lay there before."""

    blobs: int = 0
    bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fetched:
    """A blob in a file without its name yet; `path` None where the store could not give it."""

    blob: NamedBlob
    path: Path | None
    sha256: str = ""
    lost: bool = False


OnBlob = Callable[[NamedBlob], object]


class Shelf:
    """The folder `blobs` of a backup."""

    def __init__(self, root: Path) -> None:
        self.store = FileStore(root)

    def has(self, blob: NamedBlob) -> bool:
        return self.store.size(blob.key) == blob.size

    def take_in(
        self, source: BlobStore, wanted: Iterable[NamedBlob], on_blob: OnBlob
    ) -> tuple[Copied, dict[str, str]]:
        """Have every blob here, durably. Raises StoreUnavailable, StoreFull.

        Also answers the sha256 of the copied blobs whose rows do not tell it, by key.
        """
        done, digests = Copied(), dict[str, str]()
        waiting: list[Fetched] = []
        held = 0
        with ThreadPoolExecutor(WORKERS, "backup") as pool:
            work = (self._plan(pool, source, blob, done, on_blob) for blob in wanted)
            for fetched in in_order(filter(None, work), ahead=WORKERS * 2):
                on_blob(fetched.blob)
                if fetched.path is None:
                    (done.missing if fetched.lost else done.damaged).append(fetched.blob.key)
                    continue
                if not fetched.blob.sha256:
                    digests[fetched.blob.key] = fetched.sha256
                waiting.append(fetched)
                held += fetched.blob.size
                if len(waiting) >= BATCH_FILES or held >= BATCH_BYTES:
                    self._publish(waiting, done)
                    waiting, held = [], 0
            self._publish(waiting, done)
        self.settle()
        return done, digests

    def _plan(
        self,
        pool: ThreadPoolExecutor,
        source: BlobStore,
        blob: NamedBlob,
        done: Copied,
        on_blob: OnBlob,
    ) -> "Future[Fetched] | None":
        done.blobs += 1
        done.bytes += blob.size
        if not self.has(blob):
            return pool.submit(self._fetch, source, blob)
        on_blob(blob)
        return None

    def _fetch(self, source: BlobStore, blob: NamedBlob) -> Fetched:
        path = self.store.incoming / f"put-{secrets.token_hex(12)}"
        kept = False
        try:
            size, digest = persistently(lambda: _copy(source, blob.key, path))
            kept = size == blob.size and digest == (blob.sha256 or digest)
            return Fetched(blob, path if kept else None, digest)
        except BlobMissing:
            return Fetched(blob, None, lost=True)
        except StoreUnavailable:
            source.check()  # all of it is gone, or only this blob cannot be read
            return Fetched(blob, None)
        finally:
            if not kept:
                path.unlink(missing_ok=True)

    def _publish(self, fetched: list[Fetched], done: Copied) -> None:
        files = [(each.path, each.blob) for each in fetched if each.path]
        with disk_errors():
            _flush([path for path, _ in files], self.store.root)
            for path, blob in files:
                target = self.store.path_of(blob.key)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
                done.copied += 1
                done.copied_bytes += blob.size

    def settle(self) -> None:
        """The names too are on the disk afterwards."""
        with disk_errors():
            sync_file_system(self.store.root)

    def tidy(self) -> None:
        """Remove what an interrupted backup left; nobody else writes here now."""
        for path in self.store.incoming.iterdir():
            path.unlink(missing_ok=True)

    def damaged(self, blobs: Iterable[NamedBlob], on_blob: OnBlob) -> Iterator[NamedBlob]:
        """Read every blob; those that are missing here or have other bytes."""
        with ThreadPoolExecutor(WORKERS, "verify") as pool:
            work = (pool.submit(self._check, blob) for blob in blobs)
            for blob, sound in in_order(work, ahead=WORKERS * 2):
                on_blob(blob)
                if not sound:
                    yield blob

    def _check(self, blob: NamedBlob) -> tuple[NamedBlob, bool]:
        try:
            with self.store.path_of(blob.key).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                return blob, found == blob.sha256 and file.tell() == blob.size
        except OSError:
            return blob, False

    def forget(self, key: str) -> None:
        self.store.delete(key)

    def sweep(self, named: set[str]) -> tuple[int, int]:
        """Remove every blob that is not `named`; how many, and their bytes."""
        count = size = 0
        for top in ("lfs", "pack", "xorb"):
            for blob in list(self.store.list(f"{top}/")):
                if blob.key not in named:
                    self.store.delete(blob.key)
                    count, size = count + 1, size + blob.size
        return count, size


def persistently(attempt: Callable[[], Result]) -> Result:
    """Try again while the store or the database does not answer; raises what it said at last."""
    for pause in PAUSES:
        with contextlib.suppress(Unavailable):
            return attempt()
        time.sleep(pause)
    return attempt()


def _copy(source: BlobStore, key: str, path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with disk_errors(), source.open(key) as reader, path.open("wb", buffering=0) as file:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            write_all(file.fileno(), chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def in_order(work: Iterable[Future[Result]], *, ahead: int) -> Iterator[Result]:
    """Results as they were asked for, with at most so many under way."""
    source = iter(work)
    pending = list(islice(source, ahead))
    while pending:
        yield pending.pop(0).result()
        pending.extend(islice(source, 1))


_libc = ctypes.CDLL(None, use_errno=True)
_sync_lock = threading.Lock()


def sync_file_system(folder: Path) -> None:
    """Everything written to the file system of `folder` so far is durable afterwards."""
    if not hasattr(_libc, "syncfs"):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with _sync_lock:
            if _libc.syncfs(descriptor) != 0:
                failed = ctypes.get_errno()
                raise OSError(failed, os.strerror(failed))
    finally:
        os.close(descriptor)


def _flush(paths: list[Path], folder: Path) -> None:
    if len(paths) > FEW:
        sync_file_system(folder)
        return
    for path in paths:
        sync_folder(path)
