"""Files to sockets without a copy in this process: ASGI's `http.response.zerocopysend` extension.

The kernel sends in a thread for as long as the client keeps up; one that does not is waited for by
the event loop, so a slow client costs no thread.
"""

import asyncio
import os
import select
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

EXTENSION = "http.response.zerocopysend"
AT_ONCE = 8
"""Threads of a worker that send; requests of other kinds have theirs."""
PORTION = 16 * 1024 * 1024
TURN = 0.25
"""Seconds after which a sender lets others have its thread."""
PATIENCE = 2
"""Milliseconds for which a thread waits for room in the socket."""

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
_senders = ThreadPoolExecutor(AT_ONCE, "sendfile")


class Cycle(Protocol):
    """What is used of uvicorn's request and response."""

    transport: asyncio.Transport
    disconnected: bool
    expected_content_length: int


class ZeroCopy:
    """An application whose answers may say which part of which file is to be sent."""

    def __init__(self, app: Any, cycle: Cycle) -> None:
        self._app = app
        self._cycle = cycle

    async def __call__(self, scope: Message, receive: Any, send: Send) -> object:
        if not can_send(self._cycle.transport):
            return await self._app(scope, receive, send)

        async def extended(message: Message) -> None:
            if message["type"] != EXTENSION:
                await send(message)
                return
            if scope["method"] != "HEAD":
                await self._send(message["file"], message["offset"], message["count"])
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": b"", "more_body": more})

        scope.setdefault("extensions", {})[EXTENSION] = {}
        return await self._app(scope, receive, extended)

    async def _send(self, file: int, offset: int, count: int) -> None:
        """The head of the answer must have left before the bytes go past the transport."""
        cycle = self._cycle
        while cycle.transport.get_write_buffer_size() and not cycle.disconnected:  # noqa: ASYNC110
            await asyncio.sleep(0)  # a transport tells only of its high-water mark
        if cycle.disconnected:
            return
        cycle.expected_content_length -= count
        try:
            await send_file(cycle.transport, file, offset, count, lambda: cycle.disconnected)
        except OSError:
            cycle.disconnected = True
            cycle.transport.abort()


def can_send(transport: asyncio.Transport) -> bool:
    """A socket without encryption."""
    plain = transport.get_extra_info("ssl_object") is None
    return plain and transport.get_extra_info("socket") is not None


async def send_file(
    transport: asyncio.Transport, file: int, offset: int, count: int, gone: Callable[[], bool]
) -> None:
    """Send all of it, or until `gone`. Raises OSError if the client is, EOFError at a short file.

    The socket is used by a second descriptor, which cannot be closed by anybody else meanwhile.
    """
    loop = asyncio.get_running_loop()
    target = os.dup(transport.get_extra_info("socket").fileno())
    try:
        end = offset + count
        while offset < end and not gone():
            offset = await loop.run_in_executor(_senders, _send_some, target, file, offset, end)
            if offset < end:
                await _writable(target, gone)
    finally:
        os.close(target)


def _send_some(target: int, file: int, offset: int, end: int) -> int:
    """How far it came: to the end, to a socket that is full, or until the turn is over."""
    poll = select.poll()
    poll.register(target, select.POLLOUT)
    until = time.monotonic() + TURN
    while offset < end and time.monotonic() < until:
        try:
            sent = os.sendfile(target, file, offset, min(PORTION, end - offset))
        except BlockingIOError:
            if not poll.poll(PATIENCE):
                break
            continue
        if not sent:
            raise EOFError(f"{end - offset} bytes of the file are missing")
        offset += sent
    return offset


async def _writable(target: int, gone: Callable[[], bool]) -> None:
    """Until the socket takes bytes again; looks every second whether anybody still waits."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(target, _resolve, ready)
    try:
        while not ready.done() and not gone():
            await asyncio.wait([ready], timeout=1)
    finally:
        loop.remove_writer(target)


def _resolve(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
