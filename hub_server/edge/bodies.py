"""Request bodies: spooled to this node's disk before anybody works on them.

A slow sender holds a socket and a file, never a thread or a database connection.
"""

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub_server.blobs import Incoming, Received
from hub_server.errors import BadRequest, TooLarge

DIGITS = 20
LARGEST_FORM = 1024 * 1024
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind in FORMS


class FormLimit:
    """Forms are read whole before any route looks at them: nobody may send a large one."""

    def __init__(self, app: ASGIApp, limit: int = LARGEST_FORM) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_form(Request(scope)):
            await self.app(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise _too_large(self.limit)
            return message

        await self.app(scope, counted, send)


def content_length(request: Request) -> int | None:
    """The announced size, or None for a chunked body."""
    text = request.headers.get("content-length", "")
    if text and not (text.isdecimal() and len(text) <= DIGITS):
        raise BadRequest("Content-Length is not a number.")
    return int(text) if text else None


def body_stream(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Refuses a form that was read already, to find its token (see csrf)."""
    if getattr(request.state, "form_read", False):
        raise BadRequest("This address does not take a form.")
    return request.stream()


async def small_body(request: Request, limit: int) -> bytes:
    """A body that fits in memory. Raises TooLarge beyond `limit` bytes."""
    gathered = bytearray()
    if (content_length(request) or 0) > limit:
        raise _too_large(limit)
    async for chunk in body_stream(request):
        gathered += chunk
        if len(gathered) > limit:
            raise _too_large(limit)
    return bytes(gathered)


async def arrived(request: Request, incoming: Incoming, limit: int) -> Received:
    """The whole body in a file that is the caller's to discard."""
    async with incoming.writer(limit=limit, expect_size=content_length(request)) as writer:
        async for chunk in body_stream(request):
            if chunk:
                await writer.send(chunk)
    return writer.received


@asynccontextmanager
async def spooled(request: Request, incoming: Incoming, limit: int) -> AsyncIterator[Received]:
    """The whole body in a file that is gone after the block, unless somebody adopted it."""
    received = await arrived(request, incoming, limit)
    try:
        yield received
    finally:
        received.discard()


class Inflated:
    """A readable over a gzip file that refuses to grow beyond `limit` bytes."""

    def __init__(self, source: BinaryIO, limit: int) -> None:
        self._file = gzip.GzipFile(fileobj=source, mode="rb")
        self._left = limit
        self._limit = limit

    def read(self, count: int = -1) -> bytes:
        wanted = self._left + 1 if count < 0 else min(count, self._left + 1)
        try:
            data = self._file.read(wanted)
        except (OSError, EOFError, zlib.error):
            raise BadRequest("The gzip body is damaged or cut off.") from None
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._limit)
        return data


def _too_large(limit: int) -> TooLarge:
    return TooLarge("The request body is larger than {limit} bytes.", limit=limit)
