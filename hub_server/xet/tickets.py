"""Links to exact bytes of a stored xorb, for clients that send no token where they fetch.

Xorbs are shared: a link opens the range it was made for and nothing else of them.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub_server.blobs import BlobMissing, BlobReader, byte_range
from hub_server.errors import Forbidden, Lost
from hub_server.keys import Keys
from hub_server.objects import LINK_SECONDS, HubParts, xorb_key

KEY = "xet-bytes"
ANSWER_HEADERS = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
}
_TEXT = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})\.(\d{1,18})\.([\w-]{43})", re.ASCII)


class BytesRefused(Forbidden):
    """The link is not ours, is too old, or was made for other bytes; clients ask for a new one."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """`length` bytes from `start` on of the xorb blob with this sha256, which has `size`."""

    sha256: str
    size: int
    start: int
    length: int


def bytes_path(keys: Keys, wanted: Bytes, *, seconds: int = LINK_SECONDS) -> str:
    """Path and query, to be put behind the hub's address."""
    fields = f"{wanted.size}.{wanted.start}.{wanted.length}.{int(time.time()) + seconds}"
    signature = keys.sign(KEY, _message(wanted.sha256, fields))
    return f"/-/xet/bytes/{wanted.sha256}?ticket={fields}.{signature}"


def direct_url(hub: HubParts, wanted: Bytes, *, seconds: int = LINK_SECONDS) -> str | None:
    """The same at the store itself, where clients may go there; it is as strict."""
    return hub.objects.blobs.url(
        xorb_key(wanted.sha256),
        seconds=seconds,
        headers=ANSWER_HEADERS,
        start=wanted.start,
        length=wanted.length,
    )


def read_ticket(
    keys: Keys, sha256: str, text: str, ranges: list[str], *, clock: Callable[[], float] = time.time
) -> Bytes:
    """What a link opens; `ranges` are all Range headers of the request. Raises BytesRefused."""
    match = _TEXT.fullmatch(text)
    if not match or not keys.verify(KEY, _message(sha256, text.rpartition(".")[0]), match[5]):
        raise BytesRefused("This link is not one of this hub.")
    size, start, length, expires = (int(match[number]) for number in range(1, 5))
    if expires < clock():
        raise BytesRefused("This link has expired; ask for the reconstruction again.")
    if ranges != [byte_range(start, length)]:
        raise BytesRefused("This link was made for another range of bytes.")
    return Bytes(sha256, size, start, length)


def open_bytes(
    hub: HubParts, wanted: Bytes, start: int = 0, length: int | None = None
) -> BlobReader:
    """The bytes of a xorb, in constant memory. Raises Lost."""
    key = xorb_key(wanted.sha256)
    try:
        reader = hub.objects.blobs.open(key, start, length)
    except BlobMissing:
        raise Lost(key) from None
    if length is not None and reader.length != length:
        reader.close()
        raise Lost(key)
    return reader


def file_of(hub: HubParts, wanted: Bytes) -> Path | None:
    """The file itself, where the store is a directory and it is whole."""
    key, blobs = xorb_key(wanted.sha256), hub.objects.blobs
    path = blobs.local_path(key)
    return path if path is not None and blobs.size(key) == wanted.size else None


def _message(sha256: str, fields: str) -> bytes:
    return f"{sha256}\n{fields}".encode("utf-8", "surrogateescape")
