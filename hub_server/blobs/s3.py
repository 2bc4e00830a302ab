"""Blobs in a bucket of an S3 service, which clients may reach by another address than the hub."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hub_server.blobs.errors import (
    BlobMissing,
    DigestMismatch,
    PartsMissing,
    SizeMismatch,
    StoreUnavailable,
)
from hub_server.blobs.protocol import (
    BlobInfo,
    BlobReader,
    Digest,
    Key,
    Part,
    UnfinishedParts,
    UploadTarget,
    byte_range,
    check_key,
    check_prefix,
    read_fully,
)
from hub_server.blobs.s3client import S3Place, UploadLinks, connect
from hub_server.blobs.s3reader import RangeReader, Slice, empty_reader
from hub_server.blobs.s3words import parts_errors, s3_errors

GIB = 1024**3
SendPart = Callable[[int, str], str]  # part number, upload id -> etag
MAX_PARTS = 9_000
ANSWERS = {
    "content-type": "ResponseContentType",
    "content-disposition": "ResponseContentDisposition",
    "cache-control": "ResponseCacheControl",
}


@dataclass(frozen=True, slots=True)
class S3Limits:
    """Above `copy` bytes a copy goes by parts; bodies go up in parts of `part` bytes."""

    copy: int = 5 * GIB
    copy_part: int = GIB // 2
    part: int = 16 * 1024**2
    workers: int = 4


class S3Store:
    """A BlobStore over path-style S3 requests; `direct` lets clients have links to it."""

    def __init__(
        self, place: S3Place, *, direct: bool = False, limits: S3Limits | None = None
    ) -> None:
        self.place = place
        self.direct = direct
        self.limits = limits or S3Limits()
        self._prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
        self._client = connect(place, place.endpoint)
        public = place.public_endpoint
        self._public = connect(place, public) if public else self._client
        self._links = UploadLinks(place, self._public.meta.endpoint_url)

    @property
    def incoming_folder(self) -> Path | None:
        return None

    def check(self) -> None:
        try:
            with s3_errors(self.place.bucket):
                self._client.head_bucket(Bucket=self.place.bucket)
        except BlobMissing:
            raise StoreUnavailable(f"there is no bucket {self.place.bucket}") from None

    def put(
        self,
        key: Key,
        source: IO[bytes] | Path,
        *,
        expect: Digest | None = None,
        size: int | None = None,
    ) -> int:
        self._name(key)
        if isinstance(source, Path):
            with source.open("rb") as file:
                _verify(file, expect, size)
            return self._put_file(key, source)
        first = read_fully(source, self.limits.part)
        if len(first) < self.limits.part:
            _verify(io.BytesIO(first), expect, size)
            with s3_errors(key):
                self._client.put_object(**self._at(key), Body=first)
            return len(first)
        return self._put_stream(key, first, source, expect=expect, size=size)

    def adopt(self, key: Key, path: Path) -> None:
        self._put_file(key, path)
        path.unlink()

    def open(self, key: Key, start: int = 0, length: int | None = None) -> BlobReader:
        at = self._at(key)
        if length is not None and length <= 0:
            if self.size(key) is None:
                raise BlobMissing(key)
            return empty_reader()
        return RangeReader.begin(self._client, key, at, start, length)

    def size(self, key: Key) -> int | None:
        try:
            with s3_errors(key):
                return int(self._client.head_object(**self._at(key))["ContentLength"])
        except BlobMissing:
            return None

    def delete(self, key: Key) -> None:
        with s3_errors(key):
            self._client.delete_object(**self._at(key))

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.place.bucket, Prefix=self._prefix + check_prefix(prefix)
        )
        with s3_errors(prefix):
            for page in pages:
                for found in page.get("Contents", ()):
                    yield BlobInfo(
                        self._key(found["Key"]), int(found["Size"]), found["LastModified"]
                    )

    def copy(self, source: Key, target: Key) -> None:
        origin, at = self._at(source), self._at(target)
        size = self.size(source)
        if size is None:
            raise BlobMissing(source)
        if size > self.limits.copy:
            self._copy_by_parts(origin, target, size)
            return
        with s3_errors(source):
            self._client.copy_object(**at, CopySource=origin)

    def local_path(self, key: Key) -> Path | None:
        check_key(key)
        return None

    def url(
        self,
        key: Key,
        *,
        seconds: int,
        headers: Mapping[str, str] | None = None,
        start: int = 0,
        length: int | None = None,
    ) -> str | None:
        params = self._at(key)
        if not self.direct:
            return None
        for name, value in (headers or {}).items():
            params[ANSWERS[name.lower()]] = value
        if length is not None:
            params["Range"] = byte_range(start, length)
        url: str = self._public.generate_presigned_url(
            "get_object", Params=params, ExpiresIn=seconds
        )
        return url

    def upload_url(
        self, key: Key, *, seconds: int, size: int | None = None, sha256: Digest | None = None
    ) -> UploadTarget | None:
        if not self.direct:
            return None
        return self._links.put(self._name(key), {}, seconds, size, sha256)

    def start_parts(self, key: Key, *, part_size: int) -> str:
        with s3_errors(key):
            return str(self._client.create_multipart_upload(**self._at(key))["UploadId"])

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
        if not self.direct:
            return None
        query = {"partNumber": str(number), "uploadId": upload_id}
        return self._links.put(self._name(key), query, seconds, size, sha256)

    def put_part(self, key: Key, upload_id: str, number: int, source: Path) -> Part:
        size = source.stat().st_size
        with parts_errors(key), source.open("rb") as body:
            stored = self._client.upload_part(
                **self._at(key), UploadId=upload_id, PartNumber=number, Body=body
            )
        return Part(number, size, stored["ETag"].strip('"'))

    def list_parts(self, key: Key, upload_id: str) -> Sequence[Part]:
        pages = self._client.get_paginator("list_parts").paginate(
            **self._at(key), UploadId=upload_id
        )
        with parts_errors(key):
            return [
                Part(int(found["PartNumber"]), int(found["Size"]), found["ETag"].strip('"'))
                for page in pages
                for found in page.get("Parts", ())
            ]

    def complete_parts(self, key: Key, upload_id: str, parts: Sequence[Part]) -> None:
        # Asked first, as Ceph says "in progress", for ever, of an upload that has ended.
        stored = {part.number: part.etag for part in self.list_parts(key, upload_id)}
        for number, part in enumerate(parts, 1):
            if part.number != number or stored.get(number) != part.etag.strip('"'):
                raise PartsMissing(f"part {number} has not arrived")
        if not parts:
            raise PartsMissing("it has no parts")
        self._complete(key, upload_id, parts)

    def abort_parts(self, key: Key, upload_id: str) -> None:
        try:
            with parts_errors(key):
                self._client.abort_multipart_upload(**self._at(key), UploadId=upload_id)
        except PartsMissing:
            return

    def unfinished(self, prefix: str) -> Iterator[UnfinishedParts]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.place.bucket, Prefix=self._prefix + check_prefix(prefix)
        )
        with s3_errors(prefix):
            for page in pages:
                for found in page.get("Uploads", ()):
                    yield UnfinishedParts(
                        self._key(found["Key"]), found["UploadId"], found["Initiated"]
                    )

    def _name(self, key: Key) -> str:
        return self._prefix + check_key(key)

    def _key(self, name: str) -> Key:
        return name.removeprefix(self._prefix)

    def _at(self, key: Key) -> dict[str, Any]:
        return {"Bucket": self.place.bucket, "Key": self._name(key)}

    def _complete(self, key: Key, upload_id: str, parts: Sequence[Part]) -> None:
        etags = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        with parts_errors(key):
            self._client.complete_multipart_upload(
                **self._at(key), UploadId=upload_id, MultipartUpload={"Parts": etags}
            )

    def _put_file(self, key: Key, path: Path) -> int:
        size, step = path.stat().st_size, self._step(path.stat().st_size, self.limits.part)
        with s3_errors(key):
            if size <= step:
                with path.open("rb") as body:
                    self._client.put_object(**self._at(key), Body=body)
                return size

            def send(number: int, upload_id: str) -> str:
                with Slice(path, (number - 1) * step, step) as body:
                    stored = self._client.upload_part(
                        **self._at(key), UploadId=upload_id, PartNumber=number, Body=body
                    )
                return str(stored["ETag"])

            self._by_parts(key, -(-size // step), send)
        return size

    def _copy_by_parts(self, origin: dict[str, Any], target: Key, size: int) -> None:
        step = self._step(size, self.limits.copy_part)

        def send(number: int, upload_id: str) -> str:
            start = (number - 1) * step
            stored = self._client.upload_part_copy(
                **self._at(target),
                UploadId=upload_id,
                PartNumber=number,
                CopySource=origin,
                CopySourceRange=byte_range(start, min(step, size - start)),
            )
            return str(stored["CopyPartResult"]["ETag"])

        with s3_errors(target):
            self._by_parts(target, -(-size // step), send)

    def _by_parts(self, key: Key, count: int, send: SendPart) -> None:
        """Several parts at a time; nothing of them is left if one fails."""
        upload_id = self.start_parts(key, part_size=0)
        done = False
        try:
            with ThreadPoolExecutor(self.limits.workers, "s3-parts") as pool:
                etags = list(pool.map(lambda number: send(number, upload_id), _numbers(count)))
            self._complete(
                key, upload_id, [Part(n, 0, etag.strip('"')) for n, etag in enumerate(etags, 1)]
            )
            done = True
        finally:
            if not done:
                self.abort_parts(key, upload_id)

    def _put_stream(
        self,
        key: Key,
        first: bytes,
        source: IO[bytes],
        *,
        expect: Digest | None,
        size: int | None,
    ) -> int:
        """One part in memory at a time; completed only when the bytes turn out right."""
        upload_id, parts, sent = self.start_parts(key, part_size=0), list[Part](), 0
        digest, data, done = hashlib.sha256(), first, False
        try:
            while data:
                with s3_errors(key):
                    stored = self._client.upload_part(
                        **self._at(key), UploadId=upload_id, PartNumber=len(parts) + 1, Body=data
                    )
                digest.update(data)
                sent += len(data)
                parts.append(Part(len(parts) + 1, len(data), stored["ETag"].strip('"')))
                data = read_fully(source, self._step(size or sent * 2, self.limits.part))
            _compare(digest.hexdigest(), sent, expect, size)
            self._complete(key, upload_id, parts)
            done = True
        finally:
            if not done:
                self.abort_parts(key, upload_id)
        return sent

    @staticmethod
    def _step(size: int, least: int) -> int:
        """Bytes of a part, so that a body of `size` needs no more parts than S3 takes."""
        return max(least, -(-size // MAX_PARTS))


def _numbers(count: int) -> list[int]:
    return list(range(1, count + 1))


def _verify(file: io.BytesIO | io.BufferedReader, expect: Digest | None, size: int | None) -> None:
    """Raise unless the whole file is what was announced."""
    found = file.seek(0, io.SEEK_END)
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest() if expect is not None else ""
    _compare(digest, found, expect, size)


def _compare(digest: Digest, found: int, expect: Digest | None, size: int | None) -> None:
    if size is not None and found != size:
        raise SizeMismatch(size, found)
    if expect is not None and digest != expect:
        raise DigestMismatch(expect, digest)
