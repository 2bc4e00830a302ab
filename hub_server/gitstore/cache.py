"""The node's copy of packs: for each repository a bare Git folder, filled on demand.

`folder/repos/<id>/objects/pack/pack-<name>.{pack,idx}` are whole and checked files: a name there
has the bytes that the database recorded. The folder has no config and no hooks, so that the `git`
program may be pointed at it. Losing all of it costs only time. Knows no refs and no users.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import structlog

from hub_server.blobs import BlobStore
from hub_server.blobs.protocol import CHUNK
from hub_server.errors import Lost
from hub_server.git.errors import GitError
from hub_server.gitstore.records import PackRecord, index_key, pack_key

log = structlog.get_logger("hub.cache")

SLOTS = 512
REMEMBERED = 200_000
"""Names of packs that this process has compared."""
RECENT = 600.0
"""Seconds for which a repository that another process used is left alone."""
TOUCH_EVERY = 60.0
CHECK_SHARE = 20
"""Room is made after every twentieth of the bound has been fetched."""
STALE_WORK = 86_400.0


class DamagedPack(GitError, Lost):
    """Bytes in the store are not the recorded ones, or not there; nothing reads them."""


class Pin:
    """Holds a repository's folder against eviction, by any process, while it is alive."""

    def __init__(self, lock: Path) -> None:
        self._file = lock.open("ab")
        fcntl.flock(self._file, fcntl.LOCK_SH)
        weakref.finalize(self, self._file.close)


class PackCache:
    """At most `limit` bytes below `folder`, apart from what is in use at the moment."""

    def __init__(self, blobs: BlobStore, folder: Path, limit: int) -> None:
        self.blobs = blobs
        self.folder = folder
        self.limit = limit
        self._pins: weakref.WeakValueDictionary[int, Pin] = weakref.WeakValueDictionary()
        self._touched: dict[int, float] = {}
        self._checked: set[str] = set()
        self._fetched = limit  # so that the first fetch looks at what a former process left
        self._lock = threading.Lock()
        for name in ("repos", "locks", "work"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._forget_old_work()

    def git_dir(self, repo_id: int) -> Path:
        return self.folder / "repos" / str(repo_id)

    def pack_path(self, repo_id: int, name: str) -> Path:
        return self.git_dir(repo_id) / "objects" / "pack" / f"pack-{name}.pack"

    def pin(self, repo_id: int) -> Pin:
        """Keep the object for as long as files of the repository are in use."""
        with self._lock:
            held = self._pins.get(repo_id)
            if held is None:
                held = self._pins[repo_id] = Pin(self._lock_file("use", repo_id))
                self._prepare(repo_id)
        self._touch(repo_id)
        return held

    def ensure(self, repo_id: int, record: PackRecord) -> tuple[Path, Path]:
        """Paths of the pack and its index, fetched and checked if they are not there yet.

        What lies there from before this process is read once and compared, as disks forget. The
        caller holds the repository's pin. Raises BlobMissing, DamagedPack, StoreUnavailable.
        """
        pack = self.pack_path(repo_id, record.name)
        idx = pack.with_suffix(".idx")
        if record.name not in self._checked:
            with self._alone(repo_id):
                for path, digest in ((idx, record.index_sha256), (pack, record.pack_sha256)):
                    _drop_other(path, digest)
        if not _has_size(idx, record.index_size) or not _has_size(pack, record.size):
            with self._alone(repo_id):  # Git looks for the index, so it comes last
                self._fetch(record.pack_key, record.pack_sha256, record.size, pack)
                self._fetch(record.index_key, record.index_sha256, record.index_size, idx)
            self._count(record.size + record.index_size)
        self._note_checked(record.name)
        return pack, idx

    def suspect(self, names: Iterable[str]) -> None:
        """Compare these packs once more before they are used again."""
        with self._lock:
            self._checked.difference_update(names)

    def put_aside(self, name: str, pack: Path, idx: Path) -> None:
        """Keep finished files of a pack that may soon be live, so that nobody fetches them.

        They become visible by `ensure` alone: an unpublished pack must not seem to be known.
        """
        for source, key in ((pack, pack_key(name)), (idx, index_key(name))):
            with contextlib.suppress(OSError):
                os.link(source, self._aside(key))
        self._note_checked(name)

    def forget_aside(self, name: str) -> None:
        for key in (pack_key(name), index_key(name)):
            self._aside(key).unlink(missing_ok=True)

    def pack_names(self, repo_id: int) -> set[str]:
        """The packs in the folder, which are whole where their index is there."""
        folder = self.pack_path(repo_id, "").parent
        return {path.name[5:-4] for path in folder.glob("pack-*.idx")}

    def drop(self, repo_id: int, name: str) -> None:
        """Remove one pack, the index first, as Git itself does after a repack."""
        pack = self.pack_path(repo_id, name)
        pack.with_suffix(".idx").unlink(missing_ok=True)
        pack.unlink(missing_ok=True)

    @contextlib.contextmanager
    def work_folder(self) -> Iterator[Path]:
        """A folder of its own for packs in the making; gone afterwards with what is left in it."""
        folder = self.folder / "work" / secrets.token_hex(12)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def make_room(self) -> int:
        """Drop repositories, the one unused for longest first, until the bound is kept.

        Returns the bytes that are left. One process at a time; others go on without.
        """
        lock = self.folder / "locks" / "evict"
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            self._forget_old_work()
            used = {path: _size(path) for path in (self.folder / "repos").iterdir()}
            total = sum(used.values())
            for path in sorted(used, key=_last_use):
                if total <= self.limit:
                    break
                if self._evict(path):
                    total -= used[path]
        return total

    def _evict(self, path: Path) -> bool:
        if not path.name.isdecimal() or time.time() - _last_use(path) < RECENT:
            return False
        with self._lock_file("use", int(path.name)).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            gone = self.folder / "work" / secrets.token_hex(12)
            with contextlib.suppress(FileNotFoundError):
                path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def _fetch(self, key: str, digest: str, size: int, target: Path) -> None:
        if _has_size(target, size):
            return
        aside = self._aside(key)
        if target.name.removeprefix("pack-").rpartition(".")[0] not in self._checked:
            _drop_other(aside, digest)  # a crash may have left it with the right length only
        if _has_size(aside, size):
            aside.replace(target)
            return
        temporary = self.folder / "work" / secrets.token_hex(12)
        try:
            local = self.blobs.local_path(key)
            found = _linked(local, temporary) if local else None
            if found != digest:  # not here, or altered, or only on its way
                temporary.unlink(missing_ok=True)
                found = self._copy(key, temporary)
            if found != digest:
                raise DamagedPack(key)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def _copy(self, key: str, path: Path) -> str:
        digest = hashlib.sha256()
        with self.blobs.open(key) as source, path.open("xb") as file:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()

    def _note_checked(self, name: str) -> None:
        with self._lock:
            if len(self._checked) >= REMEMBERED:
                self._checked.clear()
            self._checked.add(name)

    def _count(self, size: int) -> None:
        with self._lock:
            self._fetched += size
            if self._fetched < self.limit / CHECK_SHARE:
                return
            self._fetched = 0
        self.make_room()

    def _prepare(self, repo_id: int) -> None:
        folder = self.git_dir(repo_id)
        if (folder / "HEAD").exists():
            return
        for name in ("objects/pack", "refs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "HEAD").write_bytes(b"ref: refs/heads/main\n")

    def _touch(self, repo_id: int) -> None:
        now = time.monotonic()
        if now - self._touched.get(repo_id, -TOUCH_EVERY) >= TOUCH_EVERY:
            self._touched[repo_id] = now
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.git_dir(repo_id) / "HEAD")

    def _lock_file(self, purpose: str, repo_id: int) -> Path:
        return self.folder / "locks" / f"{purpose}-{repo_id % SLOTS}"

    @contextlib.contextmanager
    def _alone(self, repo_id: int) -> Iterator[None]:
        """Single flight: locks of files count between threads too, each has its own descriptor."""
        with self._lock_file("fetch", repo_id).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _aside(self, key: str) -> Path:
        return self.folder / "work" / key.removeprefix("pack/")

    def _forget_old_work(self) -> None:
        before = time.time() - STALE_WORK
        for path in (self.folder / "work").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= before:
                    continue
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _linked(local: Path, target: Path) -> str | None:
    """The sha256 of the store's own file after linking it, None where it must be copied."""
    try:
        os.link(local, target)
    except OSError:
        return None
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _drop_other(path: Path, digest: str) -> None:
    """Remove a file whose bytes have another sha256."""
    with contextlib.suppress(FileNotFoundError):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            log.warning("cached file differs and is fetched again", file=path.name)
            path.unlink()


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("objects/pack/*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _last_use(folder: Path) -> float:
    try:
        return (folder / "HEAD").stat().st_mtime
    except FileNotFoundError:
        return 0.0
