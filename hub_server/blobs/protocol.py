"""What the hub asks of a place that keeps bytes. The docstrings are the contract;
`tests/contract/test_blobs.py` holds every implementation to it.
"""

import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

from hub_server.blobs.errors import StoreUnavailable
from hub_server.errors import BadRequest

Key = str
Digest = str

CLASSES = ("lfs", "pack", "xorb", "incoming", "cache")
CHUNK = 1024 * 1024
_HASHED = re.compile(r"(?:lfs|xorb)/[0-9a-f]{8,128}")
_NAMED = re.compile(r"(?:pack|incoming|cache)(?:/[A-Za-z0-9_][A-Za-z0-9_.=-]*)+")
_PREFIX = re.compile(rf"(?:{'|'.join(CLASSES)})/[A-Za-z0-9_.=/-]*")
MAX_KEY = 500


class BadKey(BadRequest):
    """A key no store may be asked for; keys are made by the hub, so this is never a user's name."""

    def __init__(self, key: str) -> None:
        super().__init__("{key} cannot be a key of the blob store.", key=repr(key[:80]))


def check_key(key: Key) -> Key:
    """`lfs/` and `xorb/` and one name in lower hex, or `class/name[/name…]` where names have
    letters, digits and `_.=-` and do not begin with a dot."""
    if len(key) > MAX_KEY or not (_HASHED.fullmatch(key) or _NAMED.fullmatch(key)):
        raise BadKey(key)
    return key


def check_prefix(prefix: str) -> str:
    """A class with its slash, then the beginning of a key."""
    parts = prefix.split("/")
    if len(prefix) > MAX_KEY or not _PREFIX.fullmatch(prefix) or {".", ".."} & set(parts):
        raise BadKey(prefix)
    return prefix


@dataclass(frozen=True, slots=True)
class BlobInfo:
    key: Key
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """Where a client may PUT bytes itself, and the headers it must send for the link to count."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One stored piece of an upload in parts. `etag` is without quotes."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class UnfinishedParts:
    key: Key
    upload_id: str
    started: datetime


class BlobReader(io.RawIOBase, ABC):
    """A readable stream of exactly `length` bytes; ask for 1 MiB at a time. Close it after use.

    `read` may return less than asked for, and nothing only at the end; a blob that turns out to
    be shorter raises StoreUnavailable instead of ending early.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self._left = length

    @abstractmethod
    def _take(self, count: int) -> bytes:
        """The next 1…count bytes, or nothing where the blob ends."""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.closed:
            raise ValueError("read of a closed blob")
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        count = min(size, self._left)
        if not count:
            return b""
        data = self._take(count)
        if not data:
            raise StoreUnavailable("a stored file is shorter than it should be")
        self._left -= len(data)
        return data

    def readall(self) -> bytes:
        return self.read(-1)

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class BlobStore(Protocol):
    """Immutable bytes under keys of a class (`lfs/`, `pack/`, `xorb/`, `incoming/`, `cache/`).

    Whatever is seen under a key is whole: a reader never meets half of a `put`, and a `put` that
    fails or is killed leaves at most something under `incoming/`. All methods may be called from
    any thread. Any may raise StoreUnavailable; all that write may raise StoreFull, and then have
    kept nothing; all refuse a key outside the classes with BadKey.
    """

    @property
    def incoming_folder(self) -> Path | None:
        """Where bodies should arrive so that `adopt` is a rename; None if anywhere will do."""

    @property
    def direct(self) -> bool:
        """Whether clients may have links to it; where not, `url` and its like answer None."""

    def check(self) -> None:
        """Raise StoreUnavailable, in words for the operator, unless the store can be used."""

    def put(
        self,
        key: Key,
        source: IO[bytes] | Path,
        *,
        expect: Digest | None = None,
        size: int | None = None,
    ) -> int:
        """Store all of `source` and return its size; replaces what was there.

        Raises DigestMismatch or SizeMismatch if the bytes differ from what was announced, and
        then keeps what was under the key before.
        """

    def adopt(self, key: Key, path: Path) -> None:
        """Move a finished local file in: a rename where it already lies on the store's disk.

        The file is durable before the key is seen, and is gone afterwards.
        """

    def open(self, key: Key, start: int = 0, length: int | None = None) -> BlobReader:
        """Stream a part of the blob in constant memory. Raises BlobMissing.

        A negative `start` counts from the end; what lies past the end is left out, so a range
        that lies wholly past it gives an empty reader.
        """

    def size(self, key: Key) -> int | None:
        """Bytes stored under the key, or None."""

    def delete(self, key: Key) -> None:
        """Forget the key; nothing happens if there is none. Readers at work may go on."""

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Everything whose key begins so (`lfs/`, `pack/12/`), in no particular order."""

    def copy(self, source: Key, target: Key) -> None:
        """Store the same bytes under a second key without moving them here. Raises BlobMissing."""

    def local_path(self, key: Key) -> Path | None:
        """The file itself where there is one (for mmap, sendfile, X-Accel-Redirect)."""

    def url(
        self,
        key: Key,
        *,
        seconds: int,
        headers: Mapping[str, str] | None = None,
        start: int = 0,
        length: int | None = None,
    ) -> str | None:
        """A direct link for clients, or None when bytes must pass through the hub.

        `headers` (`content-type`, `content-disposition`, `cache-control`) are what the store will
        answer with. With `length` the link is good only for a request that carries exactly the
        header `Range: ` + `byte_range(start, length)`.
        """

    def upload_url(
        self, key: Key, *, seconds: int, size: int | None = None, sha256: Digest | None = None
    ) -> UploadTarget | None:
        """A link to PUT one body at, or None when bytes must pass through the hub.

        `size` binds the Content-Length, `sha256` the header `x-amz-content-sha256`, which lets the
        store refuse other bytes at once. Neither is proof: read the object back.
        """

    def start_parts(self, key: Key, *, part_size: int) -> str:
        """Begin an upload in parts of `part_size` (the last may be smaller); returns its id."""

    def part_url(
        self,
        key: Key,
        upload_id: str,
        number: int,
        *,
        seconds: int,
        size: int | None = None,
        sha256: Digest | None = None,
    ) -> UploadTarget | None:
        """A link to PUT part `number` (from 1) at, or None; bound as by `upload_url`.

        It is good for nothing once the parts are completed.
        """

    def put_part(self, key: Key, upload_id: str, number: int, source: Path) -> Part:
        """Store a file as part `number`, durably; sending a part again replaces it.

        Raises SizeMismatch if it is larger than a part, PartsMissing if the upload has ended.
        """

    def list_parts(self, key: Key, upload_id: str) -> Sequence[Part]:
        """What has arrived, by number. Raises PartsMissing if the upload is unknown or ended."""

    def complete_parts(self, key: Key, upload_id: str, parts: Sequence[Part]) -> None:
        """Join the parts 1…n under the key, then forget them. Raises PartsMissing."""

    def abort_parts(self, key: Key, upload_id: str) -> None:
        """Forget an upload and its parts; nothing happens if there is none."""

    def unfinished(self, prefix: str) -> Iterator[UnfinishedParts]:
        """Uploads in parts that were neither completed nor aborted."""


def byte_range(start: int, length: int | None) -> str:
    """The value of a Range header."""
    return f"bytes={start}-" if length is None else f"bytes={start}-{start + length - 1}"


def read_fully(source: IO[bytes], count: int) -> bytes:
    """Up to `count` bytes; fewer only at the end, whatever the source's short reads."""
    first = source.read(count)
    if not first or len(first) == count:
        return first or b""
    pieces, have = [first], len(first)
    while have < count and (piece := source.read(count - have)):
        pieces.append(piece)
        have += len(piece)
    return b"".join(pieces)
