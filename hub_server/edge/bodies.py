"""Request bodies: spooled to this node's disk before anybody works on them.

A slow sender holds a socket and a file, never a thread or a database connection.
"""

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from fastapi import Request

from hub_server.blobs import Incoming, Received
from hub_server.errors import BadRequest, TooLarge


def content_length(request: Request) -> int | None:
    """The announced size, or None for a chunked body."""
    text = request.headers.get("content-length", "")
    if text and not text.isdecimal():
        raise BadRequest("Content-Length is not a number.")
    return int(text) if text else None


async def small_body(request: Request, limit: int) -> bytes:
    """A body that fits in memory. Raises TooLarge beyond `limit` bytes."""
    gathered = bytearray()
    if (content_length(request) or 0) > limit:
        raise _too_large(limit)
    async for chunk in request.stream():
        gathered += chunk
        if len(gathered) > limit:
            raise _too_large(limit)
    return bytes(gathered)


@asynccontextmanager
async def spooled(request: Request, incoming: Incoming, limit: int) -> AsyncIterator[Received]:
    """The whole body in a file that is gone after the block, unless somebody adopted it."""
    async with incoming.writer(limit=limit, expect_size=content_length(request)) as writer:
        async for chunk in request.stream():
            if chunk:
                await writer.send(chunk)
    try:
        yield writer.received
    finally:
        writer.received.discard()


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
