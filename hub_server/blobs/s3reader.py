"""Reading from S3 in constant memory, and taking up again where a connection broke."""

import contextlib
import io
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from urllib3.exceptions import HTTPError

from hub_server.blobs.errors import StoreUnavailable
from hub_server.blobs.protocol import BlobReader, Key, byte_range
from hub_server.blobs.s3words import s3_errors

BREAKS = 10  # of one reading; a service that breaks off more often is not usable


class _Empty(BlobReader):
    def _take(self, count: int) -> bytes:
        return b""


def empty_reader() -> BlobReader:
    return _Empty(0)


class RangeReader(BlobReader):
    """One GetObject, and another from the same place (of the same version) when it breaks."""

    def __init__(self, client: Any, key: Key, at: dict[str, Any], answer: Any) -> None:
        super().__init__(int(answer["ContentLength"]))
        self._client = client
        self._key = key
        self._at = {**at, "IfMatch": answer["ETag"]}
        self._body = answer["Body"]
        self._position = _first_byte(answer)
        self._end = self._position + self.length
        self._breaks = 0

    @classmethod
    def begin(
        cls,
        client: Any,
        key: Key,
        at: dict[str, Any],
        start: int,
        length: int | None,
    ) -> BlobReader:
        """Raises BlobMissing. The last `-start` bytes where `start` is negative."""
        wanted = {}
        if start < 0:
            wanted = {"Range": f"bytes={start}"}
        elif start or length is not None:
            wanted = {"Range": byte_range(start, length)}
        with s3_errors(key):
            try:
                answer = client.get_object(**at, **wanted)
            except ClientError as failure:
                if failure.response["Error"].get("Code") in {"InvalidRange", "416"}:
                    return empty_reader()  # wholly past the end
                raise
        if wanted and "ContentRange" not in answer:
            answer["Body"].close()
            if answer["ContentLength"]:
                raise StoreUnavailable("the S3 service ignores ranges")
            return empty_reader()
        reader = cls(client, key, at, answer)
        if start < 0 and length is not None:
            reader.length = reader._left = min(reader.length, length)
        return reader

    def _take(self, count: int) -> bytes:
        while True:
            try:
                data: bytes = self._body.read(count)
            except (HTTPClientError, BotoCoreError, HTTPError, OSError):
                data = b""
            if data:
                self._position += len(data)
                return data
            self._breaks += 1
            if self._breaks > BREAKS:
                raise StoreUnavailable("the S3 service keeps breaking off", retry_after=5)
            self._again()

    def _again(self) -> None:
        self._body.close()
        wanted = byte_range(self._position, self._end - self._position)
        with s3_errors(self._key):
            self._body = self._client.get_object(**self._at, Range=wanted)["Body"]

    def close(self) -> None:
        if hasattr(self, "_body"):
            with contextlib.suppress(OSError, HTTPError):
                self._body.close()
        super().close()


def _first_byte(answer: Any) -> int:
    """From `Content-Range: bytes 5-9/10`."""
    stated = str(answer.get("ContentRange", ""))
    return int(stated.split()[1].split("-")[0]) if stated else 0


class Slice(io.RawIOBase):
    """A window of a file that boto3 may read, measure and rewind."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._start = start
        self._length = max(0, min(length, self._file.seek(0, io.SEEK_END) - start))
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._length - self._at)
        count = left if size is None or size < 0 else min(size, left)
        self._file.seek(self._start + self._at)
        data = self._file.read(count)
        self._at += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
