"""An answer that is still being made while it is sent: a thread writes a file, the loop reads it.

Making an answer never waits for the client: the writer goes on to the end of the file at the speed
of the disk and its thread is free again. A slow client costs an open file, not a thread.
"""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from anyio import CapacityLimiter, to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub_server.edge.files import CHUNK
from hub_server.errors import HubError, Unavailable

log = structlog.get_logger("hub.growing")

Make = Callable[[Callable[[bytes], None]], None]
"""Called in a thread with the function that takes the next bytes of the answer."""


class Budget:
    """Bytes of answers on this node's disk; beyond it new answers are refused, never readers."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._lock = threading.Lock()

    def check(self) -> None:
        if self.used >= self.limit:
            raise Unavailable("The hub is preparing too many downloads; try again in a minute.")

    def add(self, count: int) -> None:
        with self._lock:
            self.used += count


class _Growing:
    def __init__(self, path: Path, budget: Budget) -> None:
        self.file = path.open("w+b", buffering=0)
        path.unlink()  # the file lives as long as somebody holds it open
        self.size = 0
        self.done = False
        self.failed = False
        self.failure: HubError | OSError | None = None
        self.abandoned = False
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self.changed = asyncio.Event()

    def write(self, data: bytes) -> None:
        if self.abandoned:
            raise ClientGone
        view = memoryview(data)
        while view:  # a nearly full disk takes a piece before it refuses
            view = view[self.file.write(view) :]
        self._budget.add(len(data))
        self.size += len(data)
        self._tell()

    def finish(self, *, failed: bool) -> None:
        self.failed = failed
        self.done = True
        self._tell()

    def close(self) -> None:
        self._budget.add(-self.size)
        self.file.close()

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self.changed.set)


class ClientGone(Exception):
    """Raised in the writer when nobody reads any more."""


class GrowingResponse(Response):
    """Streams what `make` writes. Give it only requests whose body has been read.

    A `make` that fails before its first bytes has its error rendered. Later ones cut the
    connection: the client sees a broken answer, never a short one that looks whole.
    """

    def __init__(
        self,
        make: Make,
        *,
        folder: Path,
        budget: Budget,
        limiter: CapacityLimiter,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(status_code=200, headers=dict(headers))
        del self.headers["content-length"]
        budget.check()
        self._make = make
        self._path = folder / f"answer-{secrets.token_hex(8)}"
        self._budget = budget
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        growing = _Growing(self._path, self._budget)
        worker = asyncio.ensure_future(
            to_thread.run_sync(self._run, growing, limiter=self._limiter)
        )
        gone = asyncio.ensure_future(_until_gone(receive, growing))
        try:
            await self._stream(growing, send)
        finally:
            growing.abandoned = True
            gone.cancel()
            try:
                await worker
            finally:
                growing.close()

    def _run(self, growing: _Growing) -> None:
        failed = True
        try:
            self._make(growing.write)
            failed = False
        except ClientGone:
            log.info("client left before the end")
        except (HubError, OSError) as failure:  # the store, the database or the disk
            log.warning("answer not finished", error=str(failure))
            growing.failure = failure
        finally:
            growing.finish(failed=failed)

    async def _stream(self, growing: _Growing, send: Send) -> None:
        await growing.changed.wait()
        if growing.failed and not growing.size:
            if growing.failure:
                raise growing.failure
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sent = 0
        while not growing.abandoned:
            await growing.changed.wait()
            growing.changed.clear()
            done, end = growing.done, growing.size
            while sent < end and not growing.abandoned:
                chunk = await to_thread.run_sync(_read_at, growing, sent, min(CHUNK, end - sent))
                sent += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if done:
                break
        if growing.abandoned or growing.failure:
            return  # nobody waits for the rest; the server cuts an answer that has no end
        if growing.failed:
            raise ConnectionAbortedError("the answer could not be finished")
        await send({"type": "http.response.body", "body": b""})


def _read_at(growing: _Growing, offset: int, count: int) -> bytes:
    return os.pread(growing.file.fileno(), count, offset)


async def _until_gone(receive: Receive, growing: _Growing) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    growing.abandoned = True
    growing.changed.set()
