"""Bodies on their way in: hashed and written by a thread, while the event loop only passes on.

An upload that waits for its client holds no thread: chunks gather until there is a batch, and a
small pool hashes and writes batches, one at a time for each upload. A sender that is faster than
the disk waits. What ends early, is too long or has another digest leaves nothing behind.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from hub_server.blobs.errors import (
    BlobError,
    DigestMismatch,
    SizeMismatch,
    StoreFull,
    TooLarge,
    disk_failure,
)
from hub_server.blobs.protocol import CHUNK, BlobInfo, Digest

BATCH = CHUNK
BATCHES_AHEAD = 4
PREFIX = "recv-"


@dataclass(frozen=True, slots=True)
class Received:
    """A whole body in a local file, durable, which now belongs to whoever holds this."""

    path: Path
    digest: Digest
    size: int

    def discard(self) -> None:
        """Remove the file, if nothing adopted it."""
        self.path.unlink(missing_ok=True)


class Incoming:
    """The folder in which bodies arrive, on the file system of the store they are meant for.

    `durable` False leaves out the wait for the disk, for bodies that are read once and dropped.
    """

    def __init__(self, folder: Path, *, threads: int = 8, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable
        folder.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(threads, "incoming")

    def writer(
        self, *, limit: int, expect_size: int | None = None, expect: Digest | None = None
    ) -> "Writer":
        """An async context manager with `send(chunk)`; `received` holds the file afterwards.

        Raises TooLarge beyond `limit`, SizeMismatch and DigestMismatch at the end where those were
        announced, StoreFull; whatever ends the block with an error removes the file.
        """
        return Writer(self._begin(limit, expect_size), self._pool, expect)

    def receive(
        self,
        source: IO[bytes],
        *,
        limit: int,
        expect_size: int | None = None,
        expect: Digest | None = None,
    ) -> Received:
        """The same for a source that blocks."""
        file = self._begin(limit, expect_size)
        try:
            while chunk := source.read(BATCH):
                file.admit(len(chunk))
                file.write(chunk)
            return file.finish(expect)
        finally:
            file.discard_unfinished()

    def stale(self, older_than: timedelta) -> Iterator[BlobInfo]:
        """Files that nobody has written to for so long; keys are file names, for `remove`."""
        before = datetime.now(UTC) - older_than
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                modified = datetime.fromtimestamp(found.st_mtime, UTC)
                if modified < before and path.is_file():
                    yield BlobInfo(path.name, found.st_size, modified)

    def remove_stale(self, older_than: timedelta) -> int:
        """Delete what `stale` lists; returns how many files that were."""
        names = [info.key for info in self.stale(older_than)]
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        return len(names)

    def close(self) -> None:
        self._pool.shutdown()

    def _begin(self, limit: int, expect_size: int | None) -> "_File":
        if expect_size is not None:
            if expect_size > limit:
                raise _too_large(limit)
            if expect_size > _free(self.folder):
                raise StoreFull
        path = self.folder / f"{PREFIX}{secrets.token_hex(12)}"
        return _File(path, limit, expect_size, durable=self.durable)


class _File:
    """Hash and write; every method but `admit` blocks. The file is made by the first of them."""

    def __init__(
        self, path: Path, limit: int, expect_size: int | None, *, durable: bool = True
    ) -> None:
        self.path = path
        self.durable = durable
        self.limit = limit if expect_size is None else min(limit, expect_size)
        self.expect_size = expect_size
        self.admitted = 0
        self.size = 0
        self._digest = hashlib.sha256()
        self._descriptor: int | None = None
        self._finished = False

    def admit(self, count: int) -> None:
        """Count bytes before they are written. Raises TooLarge, or SizeMismatch past the end."""
        self.admitted += count
        if self.admitted > self.limit:
            if self.expect_size is not None:
                raise SizeMismatch(self.expect_size, self.admitted)
            raise _too_large(self.limit)

    def write(self, data: bytes) -> None:
        try:
            descriptor = self._open()
            self._digest.update(data)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError as failure:
            raise disk_failure(failure) from failure
        self.size += len(data)

    def finish(self, expect: Digest | None) -> Received:
        if self.expect_size is not None and self.size != self.expect_size:
            raise SizeMismatch(self.expect_size, self.size)
        digest = self._digest.hexdigest()
        if expect is not None and digest != expect:
            raise DigestMismatch(expect, digest)
        try:
            descriptor = self._open()
            if self.durable:
                os.fsync(descriptor)
        except OSError as failure:
            raise disk_failure(failure) from failure
        self._close()
        self._finished = True
        return Received(self.path, digest, self.size)

    def discard_unfinished(self) -> None:
        self._close()
        if not self._finished:
            self.path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o644)
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Writer:
    """One body from the event loop to the disk; see `Incoming.writer`."""

    def __init__(self, file: _File, pool: ThreadPoolExecutor, expect: Digest | None) -> None:
        self.received: Received
        self._file = file
        self._pool = pool
        self._expect = expect
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._lock = threading.Lock()
        self._queue: deque[list[bytes]] = deque()
        self._busy = False
        self._abandoned = False
        self._enough = -1
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def send(self, chunk: bytes) -> None:
        """Pass a chunk on; waits while the disk is behind. Raises what `Incoming.writer` says."""
        self._file.admit(len(chunk))
        self._gathered.append(chunk)
        self._gathered_bytes += len(chunk)
        if self._gathered_bytes >= BATCH:
            self._hand_over()
            if len(self._queue) >= BATCHES_AHEAD or self._failure:
                await self._until(BATCHES_AHEAD // 2)

    @property
    def digest(self) -> Digest:
        return self.received.digest

    @property
    def size(self) -> int:
        return self.received.size

    @property
    def path(self) -> Path:
        return self.received.path

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._hand_over()
                await self._until(0)
                self.received = await self._loop.run_in_executor(
                    self._pool, self._file.finish, self._expect
                )
        finally:
            self._pool.submit(self._discard)

    def _hand_over(self) -> None:
        """Give what has gathered to the pool, which takes batches until there are none."""
        if not self._gathered:
            return
        with self._lock:
            self._queue.append(self._gathered)
            start, self._busy = not self._busy, True
        self._gathered, self._gathered_bytes = [], 0
        if start:
            self._pool.submit(self._drain)

    def _drain(self) -> None:
        while batch := self._next():
            try:
                self._file.write(batch[0] if len(batch) == 1 else b"".join(batch))
            except (BlobError, MemoryError) as failure:  # raised again where the sender waits
                self._failure = failure

    def _next(self) -> list[bytes] | None:
        with self._lock:
            if self._failure or self._abandoned:
                self._queue.clear()
            if self._queue:
                batch = self._queue.popleft()
                if len(self._queue) <= self._enough:
                    self._wake()
                return batch
            self._busy = False
            self._wake()
            abandoned = self._abandoned
        if abandoned:
            self._file.discard_unfinished()
        return None

    async def _until(self, left: int) -> None:
        """Until at most `left` batches wait (0: and none is being written), or one failed."""
        with self._lock:
            if self._busy and not self._failure:
                self._enough = left or -1
                self._waiter = self._loop.create_future()
        if self._waiter:
            await self._waiter
            self._waiter = None
        if self._failure:
            raise self._failure

    def _wake(self) -> None:
        """Called with the lock held."""
        if waiter := self._waiter:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
                self._loop.call_soon_threadsafe(_resolve, waiter)

    def _discard(self) -> None:
        """Close, and remove what is unfinished; a drain under way does it when it ends."""
        with self._lock:
            self._abandoned = True
            busy = self._busy
        if not busy:
            self._file.discard_unfinished()


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _free(folder: Path) -> int:
    try:
        found = os.statvfs(folder)
    except OSError as failure:
        raise disk_failure(failure) from failure
    return found.f_bavail * found.f_frsize


def _too_large(limit: int) -> TooLarge:
    return TooLarge("The body is larger than the {limit} bytes that are allowed.", limit=limit)
