"""Bytes of users on their way out: ranges, validators, and headers that keep them from acting.

Whatever door they leave by (resolve, raw, LFS, transfer, archive), they carry the same headers:
never sniffed, never run with our origin's rights, shown in place only when they are of a kind that
browsers show without running anything.
"""

import asyncio
import mimetypes
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import UnsupportedOperation
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import filetype
from anyio import to_thread
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub_server.blobs import file_root
from hub_server.errors import RangeNotSatisfiable
from hub_server.settings import Settings

CHUNK = 1 << 20
SNIFF_BYTES = 4096
ZERO_COPY = "http.response.zerocopysend"
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SHOWN = re.compile(r"image/(png|jpeg|gif|webp|avif|bmp|x-icon)|(audio|video)/[\w.+-]+")
TEXT = "text/plain; charset=utf-8"
OPAQUE = "application/octet-stream"

Opener = Callable[[int, int | None], BinaryIO]
"""Opens the bytes from `start` on, `length` of them or all the rest."""


@dataclass(frozen=True)
class Download:
    """One file to send. `opener` is not called for HEAD, 304 and 416.

    `file` is `BlobStore.local_path` of a blob that is sent as it is: a front proxy may send it.
    """

    opener: Opener
    size: int
    etag: str
    filename: str
    media_type: str = OPAQUE
    inline: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


def sniff(filename: str, start: bytes) -> tuple[str, bool]:
    """Media type by content, and whether a browser may show it in place.

    The name only helps where the content is plain text, which is always sent as text/plain.
    """
    guess = filetype.guess(start)
    if guess is not None:
        return guess.mime, bool(SHOWN.fullmatch(guess.mime))
    if is_text(start):
        return TEXT, True
    named = mimetypes.guess_type(filename)[0] or OPAQUE
    safe = named if SHOWN.fullmatch(named) and not named.startswith("image/") else OPAQUE
    return safe, False


def is_text(start: bytes) -> bool:
    """UTF-8 without NUL; the last few bytes may be a character cut in two."""
    if b"\0" in start:
        return False
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as failure:
        return len(start) >= SNIFF_BYTES // 8 and failure.start >= len(start) - 3
    return True


def disposition(filename: str, *, inline: bool) -> str:
    """`filename="…";` at the end: clients read it only when a semicolon follows."""
    kind = "inline" if inline else "attachment"
    name = filename.rsplit("/", 1)[-1].encode("utf-8", "replace").decode()
    plain = re.sub(r'[^\x20-\x7e]|["\\;%]', "_", name)
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\";"


def send(request: Request, download: Download) -> Response:
    """200, 206, 304 or 416 (raised) for GET and HEAD, with one set of headers."""
    headers = {
        **SAFE,
        "ETag": f'"{download.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(download.filename, inline=download.inline),
        "Content-Type": download.media_type,
        **download.headers,
    }
    if _not_modified(request, download.etag):
        return Response(status_code=304, headers=headers)
    asked = _asked_range(request, download)
    if request.method == "GET" and (place := _at_the_proxy(request, download)):
        return Response(headers={**headers, "X-Accel-Redirect": place})
    start, length = asked or (0, download.size)
    status = 206 if asked else 200
    if asked:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{download.size}"
    headers["Content-Length"] = str(length)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return FileStream(download.opener, start, length, status, headers)


def _at_the_proxy(request: Request, download: Download) -> str | None:
    """Where the front proxy finds the file; it answers the range, checked above, by itself."""
    if download.file is None:
        return None
    settings: Settings = request.app.state.hub.settings
    if not settings.xaccel:
        return None
    place = download.file.relative_to(file_root(settings)).as_posix()
    return f"{settings.xaccel.rstrip('/')}/{quote(place)}"


def _not_modified(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match")
    if given is None:
        return False
    tags = [part.strip().removeprefix("W/").strip('"') for part in given.split(",")]
    return etag in tags or "*" in tags


def _asked_range(request: Request, download: Download) -> tuple[int, int] | None:
    """(start, length) of a single satisfiable range; None means the whole file."""
    header = request.headers.get("range")
    match = re.fullmatch(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", header or "")
    if not match or match.groups() == ("", "") or _changed_since(request, download.etag):
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    if first is None:
        length = min(last or 0, download.size)
        if not length:
            raise RangeNotSatisfiable(download.size)
        return download.size - length, length
    end = download.size - 1 if last is None else min(last, download.size - 1)
    if last is not None and last < first:
        return None
    if first >= download.size:
        raise RangeNotSatisfiable(download.size)
    return first, end - first + 1


def _changed_since(request: Request, etag: str) -> bool:
    given = request.headers.get("if-range")
    return given is not None and given.strip().strip('"') != etag


class FileStream(Response):
    """Has the server send a file by itself where it can (`http.response.zerocopysend`).

    Else reads 1 MiB at a time in a thread and stops when the client has gone; Starlette's
    FileResponse reads 64 KiB at a time, at half the speed.
    """

    def __init__(
        self,
        opener: Opener,
        start: int,
        length: int,
        status: int,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(status_code=status, headers=dict(headers))
        self._opener = opener
        self._start = start
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        source = await to_thread.run_sync(self._opener, self._start, self._length)
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            descriptor = _descriptor(scope, source)
            if descriptor is None:
                await _pump(source, self._length, receive, send)
            else:
                await send(_whole(descriptor, self._length))
        finally:
            await to_thread.run_sync(source.close)


def _descriptor(scope: Scope, source: BinaryIO) -> int | None:
    """The file below, standing where the answer begins; None where there is none to send."""
    if ZERO_COPY not in scope.get("extensions", {}):
        return None
    try:
        return source.fileno()
    except UnsupportedOperation:
        return None


def _whole(descriptor: int, length: int) -> dict[str, Any]:
    offset = os.lseek(descriptor, 0, os.SEEK_CUR)
    return {"type": ZERO_COPY, "file": descriptor, "offset": offset, "count": length}


async def _pump(source: BinaryIO, length: int, receive: Receive, send: Send) -> None:
    gone = asyncio.ensure_future(_gone(receive))
    try:
        left = length
        while left and not gone.done():
            chunk = await to_thread.run_sync(source.read, min(CHUNK, left))
            if not chunk:
                raise EOFError(f"{left} bytes of the file are missing")
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        if not length:
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk
