"""What every blob store owes the hub; a new store is one more word in `blobs`."""

import hashlib
import os
import secrets
import threading
import tracemalloc
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pytest

from hub_server.blobs import (
    BadKey,
    BlobMissing,
    BlobStore,
    DigestMismatch,
    FileStore,
    PartsMissing,
    SizeMismatch,
    StoreUnavailable,
    byte_range,
)
from hub_server.blobs.s3 import S3Limits, S3Store
from hub_server.blobs.s3client import S3Place
from tests.support.s3 import CEPH

MIB = 1024**2
CONTENT = b"some bytes that are kept"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEY = f"lfs/{DIGEST}"
SMALL = S3Limits(copy=6 * MIB, copy_part=5 * MIB, part=5 * MIB, workers=2)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def filesystem_blobs(tmp_path: Path) -> BlobStore:
    return FileStore(tmp_path / "blobs")


@pytest.fixture
def moto_blobs(moto_place: S3Place) -> BlobStore:
    return S3Store(moto_place, direct=True, limits=SMALL)


@pytest.fixture
def ceph_blobs(ceph_place: S3Place) -> BlobStore:
    return S3Store(ceph_place, direct=True, limits=SMALL)


ON_CEPH = pytest.param("ceph", marks=CEPH)


@pytest.fixture(params=["filesystem", "moto", ON_CEPH])
def blobs(request: pytest.FixtureRequest) -> BlobStore:
    store: BlobStore = request.getfixturevalue(f"{request.param}_blobs")
    return store


@pytest.fixture(params=["moto", ON_CEPH])
def bucket(request: pytest.FixtureRequest) -> S3Store:
    """The stores that hand out links."""
    store: S3Store = request.getfixturevalue(f"{request.param}_blobs")
    return store


class Stream(IO[bytes]):
    """A body that cannot be rewound, in short reads, made while it is read."""

    def __init__(self, size: int, *, piece: int = 100_000) -> None:
        self.left, self.piece, self.digest = size, piece, hashlib.sha256()
        self.block = os.urandom(piece)

    def read(self, size: int = -1, /) -> bytes:
        count = min(self.left, self.piece, self.piece if size < 0 else size)
        self.left -= count
        self.digest.update(self.block[:count])
        return self.block[:count]


def content_of(blobs: BlobStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    with blobs.open(key, start, length) as reader:
        data = reader.read()
        assert len(data) == reader.length
        return data


def stored(blobs: BlobStore, *prefixes: str) -> list[str]:
    wanted = prefixes or ("lfs/", "pack/", "xorb/", "incoming/", "cache/")
    return sorted(info.key for prefix in wanted for info in blobs.list(prefix))


def test_the_store_can_be_used(blobs: BlobStore) -> None:
    blobs.check()


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1, 12 * MIB + 7])
def test_what_is_put_is_read(blobs: BlobStore, size: int) -> None:
    stream = Stream(size)
    assert blobs.put("pack/1/a.pack", stream, size=size) == size
    assert blobs.size("pack/1/a.pack") == size
    with blobs.open("pack/1/a.pack") as reader:
        assert hashlib.file_digest(reader, "sha256").digest() == stream.digest.digest()  # type: ignore[arg-type]


def test_a_file_is_put_and_stays(blobs: BlobStore, tmp_path: Path) -> None:
    for size in (10, 11 * MIB):
        path = tmp_path / "source"
        path.write_bytes(os.urandom(size))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert blobs.put(f"lfs/{digest}", path, expect=digest, size=size) == size
        assert content_of(blobs, f"lfs/{digest}") == path.read_bytes()


def test_a_file_is_adopted_and_gone(blobs: BlobStore, tmp_path: Path) -> None:
    for size in (0, 10, 11 * MIB):
        path = tmp_path / "source"
        path.write_bytes(os.urandom(size))
        expected = path.read_bytes()
        blobs.adopt("pack/7/x.idx", path)
        assert content_of(blobs, "pack/7/x.idx") == expected
        assert not path.exists()


@pytest.mark.parametrize("size", [24, 11 * MIB])
def test_a_lie_leaves_nothing_behind(blobs: BlobStore, tmp_path: Path, size: int) -> None:
    path = tmp_path / "other"
    path.write_bytes(os.urandom(size))
    for source in (Stream(size), path):
        with pytest.raises(DigestMismatch):
            blobs.put(KEY, source, expect=DIGEST)
        with pytest.raises(SizeMismatch):
            blobs.put(KEY, source if source is path else Stream(size), size=size + 1)
    assert blobs.size(KEY) is None
    assert stored(blobs) == []
    assert list(blobs.unfinished("lfs/")) == []


def test_a_lie_keeps_what_was_there(blobs: BlobStore) -> None:
    blobs.put(KEY, BytesIO(CONTENT), expect=DIGEST)
    with pytest.raises(DigestMismatch):
        blobs.put(KEY, BytesIO(b"others"), expect=DIGEST)
    assert content_of(blobs, KEY) == CONTENT


def test_a_source_that_breaks_leaves_nothing(blobs: BlobStore) -> None:
    class Broken(Stream):
        def read(self, size: int = -1, /) -> bytes:
            if self.left < MIB:
                raise ConnectionResetError
            return super().read(size)

    with pytest.raises((ConnectionResetError, Exception), match=r"(?i)reset|Connection|^$"):
        blobs.put(KEY, Broken(12 * MIB))
    assert stored(blobs) == []
    assert list(blobs.unfinished("lfs/")) == []


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, CONTENT),
        (5, None, CONTENT[5:]),
        (5, 5, CONTENT[5:10]),
        (0, 1, CONTENT[:1]),
        (-5, None, CONTENT[-5:]),
        (-5, 2, CONTENT[-5:-3]),
        (-1000, None, CONTENT),
        (20, 1000, CONTENT[20:]),
        (23, 1, CONTENT[23:]),
        (24, None, b""),
        (24, 1, b""),
        (1000, 10, b""),
        (3, 0, b""),
    ],
)
def test_ranges(blobs: BlobStore, start: int, length: int | None, expected: bytes) -> None:
    blobs.put(KEY, BytesIO(CONTENT))
    assert content_of(blobs, KEY, start, length) == expected


def test_ranges_of_an_empty_blob(blobs: BlobStore) -> None:
    blobs.put("cache/empty", BytesIO(b""))
    for start, length in [(0, None), (0, 5), (-3, None), (7, None)]:
        assert content_of(blobs, "cache/empty", start, length) == b""


def test_a_reader_fills_buffers(blobs: BlobStore) -> None:
    blobs.put(KEY, BytesIO(CONTENT))
    buffer = bytearray(10)
    with blobs.open(KEY, 3) as reader:
        count = reader.readinto(buffer)
        assert count
        assert buffer[:count] == CONTENT[3 : 3 + count]
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)


def test_what_is_missing(blobs: BlobStore) -> None:
    assert blobs.size(KEY) is None
    for start, length in [(0, None), (3, 4), (-3, None), (0, 0)]:
        with pytest.raises(BlobMissing):
            blobs.open(KEY, start, length)
    with pytest.raises(BlobMissing):
        blobs.copy(KEY, "cache/there")
    blobs.delete(KEY)


def test_deleting(blobs: BlobStore) -> None:
    blobs.put(KEY, BytesIO(CONTENT))
    with blobs.open(KEY) as reader:
        blobs.delete(KEY)
        assert reader.read() == CONTENT
    assert blobs.size(KEY) is None
    assert stored(blobs) == []


def test_listing_by_prefix(blobs: BlobStore) -> None:
    keys = ["cache/a/b", "cache/ab", "incoming/x", KEY, "pack/1/a", "pack/12/a"]
    for key in keys:
        blobs.put(key, BytesIO(b"12"))
    assert stored(blobs) == sorted(keys)
    assert stored(blobs, "pack/1/") == ["pack/1/a"]
    assert stored(blobs, "pack/1") == ["pack/1/a", "pack/12/a"]
    assert stored(blobs, f"lfs/{DIGEST[:5]}") == [KEY]
    assert stored(blobs, "xorb/") == []
    found = next(iter(blobs.list("incoming/")))
    assert (found.size, found.modified.tzinfo is not None) == (2, True)


def test_more_keys_than_a_page_of_the_listing(blobs: BlobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: blobs.put(f"cache/{n}", BytesIO(b"")), range(1010)))
    assert len(stored(blobs, "cache/")) == 1010


@pytest.mark.parametrize("size", [0, 100, 6 * MIB, 11 * MIB + 3])
def test_copies(blobs: BlobStore, size: int) -> None:
    data = os.urandom(size)
    blobs.put("incoming/upload", BytesIO(data))
    blobs.copy("incoming/upload", KEY)
    blobs.put("incoming/upload", BytesIO(b"changed afterwards"))
    blobs.delete("incoming/upload")
    assert content_of(blobs, KEY) == data


BAD_KEYS = [
    "", "lfs", "lfs/", "/etc/passwd", "lfs/../pack/x", "pack/../../x", "pack/a/../b", "pack//a",
    "pack/./a", "pack/.hidden", "other/x", "pack/a\0b", "pack/a b", "pack/a\n", "pack/é", "pack/a/",
    "lfs/ab", "lfs/AB" + DIGEST[2:], "lfs/ab..cdefabcdef", "lfs/a.b.cdefabcdef", f"{KEY}/x",
    "pack/" + "a" * 600, "pack/%2e%2e/a", "pack\\a",
]  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS)
def test_keys_stay_inside(blobs: BlobStore, key: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    for attempt in (
        lambda: blobs.put(key, BytesIO(b"x")),
        lambda: blobs.adopt(key, path),
        lambda: blobs.open(key),
        lambda: blobs.size(key),
        lambda: blobs.delete(key),
        lambda: blobs.copy(key, KEY),
        lambda: blobs.local_path(key),
        lambda: blobs.start_parts(key, part_size=5 * MIB),
    ):
        with pytest.raises(BadKey):
            attempt()
    assert path.exists()


def test_prefixes_stay_inside(blobs: BlobStore) -> None:
    for prefix in ("", "/", "pack", "../", "pack/../", "pack/a/../../", "other/"):
        with pytest.raises(BadKey):
            list(blobs.list(prefix))


@pytest.mark.parametrize("kind", ["filesystem", ON_CEPH])
def test_many_at_once(kind: str, request: pytest.FixtureRequest) -> None:
    """Writers of one key and readers of it: everyone sees one of the bodies, whole.

    Not on moto, which answers 500 when one key is written by several at once.
    """
    blobs: BlobStore = request.getfixturevalue(f"{kind}_blobs")
    bodies = [bytes([65 + n]) * (MIB + n) for n in range(6)]
    blobs.put("cache/shared", BytesIO(bodies[0]))
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            assert content_of(blobs, "cache/shared") in bodies

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(blobs.put, "cache/shared", BytesIO(body)) for body in bodies * 3]
        try:
            for writer in writers:
                writer.result()
        finally:
            stop.set()
        for reader in readers:
            reader.result()


@pytest.mark.parametrize("kind", ["filesystem", ON_CEPH])
def test_memory_stays_flat(kind: str, request: pytest.FixtureRequest) -> None:
    """A body of 300 MB goes in and out in less than 50 MB (moto would keep it in this process)."""
    blobs: BlobStore = request.getfixturevalue(f"{kind}_blobs")
    size = 300 * 10**6
    stream = Stream(size)
    tracemalloc.start()
    try:
        blobs.put("pack/1/large", stream, size=size)
        found = hashlib.sha256()
        with blobs.open("pack/1/large") as reader:
            while chunk := reader.read(MIB):
                found.update(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.digest() == stream.digest.digest()
    assert peak < 50 * 10**6


class TestParts:
    SIZE = 5 * MIB

    @pytest.fixture
    def parts(self, tmp_path: Path) -> list[Path]:
        paths = []
        for number, size in enumerate([self.SIZE, self.SIZE, 100], 1):
            paths.append(tmp_path / f"part-{number}")
            paths[-1].write_bytes(os.urandom(size))
        return paths

    def test_joined_in_any_order(self, blobs: BlobStore, parts: list[Path]) -> None:
        upload = blobs.start_parts("incoming/u", part_size=self.SIZE)
        sent = {n: blobs.put_part("incoming/u", upload, n, parts[n - 1]) for n in (3, 1, 2)}
        assert list(blobs.list_parts("incoming/u", upload)) == [sent[1], sent[2], sent[3]]
        assert [part.size for part in blobs.list_parts("incoming/u", upload)][-1] == 100
        assert blobs.size("incoming/u") is None
        blobs.complete_parts("incoming/u", upload, [sent[1], sent[2], sent[3]])
        whole = b"".join(path.read_bytes() for path in parts)
        assert content_of(blobs, "incoming/u") == whole
        assert all(path.exists() for path in parts)
        assert list(blobs.unfinished("incoming/")) == []
        assert stored(blobs) == ["incoming/u"]

    def test_a_part_sent_again_replaces(self, blobs: BlobStore, parts: list[Path]) -> None:
        upload = blobs.start_parts("incoming/u", part_size=self.SIZE)
        blobs.put_part("incoming/u", upload, 1, parts[1])
        again = blobs.put_part("incoming/u", upload, 1, parts[0])
        assert list(blobs.list_parts("incoming/u", upload)) == [again]
        blobs.complete_parts("incoming/u", upload, [again])
        assert content_of(blobs, "incoming/u") == parts[0].read_bytes()

    def test_what_cannot_be_joined(self, blobs: BlobStore, parts: list[Path]) -> None:
        upload = blobs.start_parts("incoming/u", part_size=self.SIZE)
        small = blobs.put_part("incoming/u", upload, 1, parts[2])
        second = blobs.put_part("incoming/u", upload, 2, parts[1])
        missing = type(small)(3, 5, "0" * 32)
        for wrong in ([], [second], [second, small], [small, second], [small, second, missing]):
            with pytest.raises(PartsMissing):
                blobs.complete_parts("incoming/u", upload, wrong)
        assert blobs.size("incoming/u") is None

    def test_aborted(self, blobs: BlobStore, parts: list[Path]) -> None:
        upload = blobs.start_parts("incoming/u", part_size=self.SIZE)
        part = blobs.put_part("incoming/u", upload, 1, parts[0])
        found = list(blobs.unfinished("incoming/"))
        assert [(each.key, each.upload_id) for each in found] == [("incoming/u", upload)]
        assert found[0].started.tzinfo is not None
        blobs.abort_parts("incoming/u", upload)
        blobs.abort_parts("incoming/u", upload)
        assert list(blobs.unfinished("incoming/")) == []
        with pytest.raises((PartsMissing, StoreUnavailable)):  # moto answers 500
            blobs.put_part("incoming/u", upload, 2, parts[1])
        for attempt in (
            lambda: blobs.list_parts("incoming/u", upload),
            lambda: blobs.complete_parts("incoming/u", upload, [part]),
        ):
            with pytest.raises(PartsMissing):
                attempt()
        assert stored(blobs) == []

    def test_an_upload_nobody_began(self, blobs: BlobStore, parts: list[Path]) -> None:
        # moto answers 500 here, which is a store that does not answer
        for unknown in ("../../etc", "f" * 24, secrets.token_hex(20)):
            with pytest.raises((PartsMissing, StoreUnavailable)):
                blobs.put_part("incoming/u", unknown, 1, parts[0])


def fetch(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Any:
    sent = {"Content-Type": "application/octet-stream", **headers}
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


class TestLinks:
    """What clients may do with the links that S3 stores give away."""

    def test_a_download_says_what_we_want(self, bucket: S3Store) -> None:
        bucket.put(KEY, BytesIO(CONTENT))
        wanted = {
            "content-type": "application/octet-stream",
            "content-disposition": "attachment; filename*=UTF-8''f%C3%BCnf.bin",
        }
        url = bucket.url(KEY, seconds=60, headers=wanted)
        assert url
        status, headers, body = fetch(url)
        assert (status, body) == (200, CONTENT)
        assert {name: headers[name] for name in wanted} == wanted
        status, headers, body = fetch(url, Range="bytes=5-9")
        assert (status, body) == (206, CONTENT[5:10])

    def test_an_upload(self, bucket: S3Store) -> None:
        target = bucket.upload_url("incoming/a", seconds=60, size=len(CONTENT), sha256=DIGEST)
        assert target
        assert target.headers == {"x-amz-content-sha256": DIGEST}
        assert fetch(target.url, "PUT", CONTENT, **target.headers)[0] == 200
        assert content_of(bucket, "incoming/a") == CONTENT

    def test_an_upload_without_headers(self, bucket: S3Store) -> None:
        target = bucket.upload_url("incoming/a", seconds=60)
        assert target
        assert target.headers == {}
        assert fetch(target.url, "PUT", CONTENT)[0] == 200
        assert content_of(bucket, "incoming/a") == CONTENT

    def test_parts(self, bucket: S3Store) -> None:
        upload = bucket.start_parts("incoming/a", part_size=5 * MIB)
        bodies = [os.urandom(5 * MIB), b"the tail"]
        for number, body in enumerate(bodies, 1):
            digest = hashlib.sha256(body).hexdigest()
            target = bucket.part_url(
                "incoming/a", upload, number, seconds=60, size=len(body), sha256=digest
            )
            assert target
            status, headers, _ = fetch(target.url, "PUT", body, **target.headers)
            assert status == 200
            assert headers["ETag"]
        bucket.complete_parts("incoming/a", upload, bucket.list_parts("incoming/a", upload))
        assert content_of(bucket, "incoming/a") == b"".join(bodies)

    def test_clients_may_have_another_address(
        self, bucket: S3Store, relay: Callable[[str], str]
    ) -> None:
        place = bucket.place
        outside = relay(place.endpoint or "")
        store = S3Store(
            S3Place(**{**_fields(place), "public_endpoint": outside}), direct=True, limits=SMALL
        )
        store.put(KEY, BytesIO(CONTENT))
        url = store.url(KEY, seconds=60)
        target = store.upload_url("incoming/b", seconds=60)
        upload = store.start_parts("incoming/c", part_size=5 * MIB)
        part = store.part_url("incoming/c", upload, 1, seconds=60)
        assert url
        assert target
        assert part
        assert all(link.startswith(outside + "/") for link in (url, target.url, part.url))
        assert fetch(url)[2] == CONTENT
        assert fetch(target.url, "PUT", b"abc")[0] == 200
        assert content_of(store, "incoming/b") == b"abc"

    def test_no_links_unless_direct(self, bucket: S3Store, tmp_path: Path) -> None:
        for store in (S3Store(bucket.place), FileStore(tmp_path / "files")):
            store.put(KEY, BytesIO(CONTENT))
            upload = store.start_parts("incoming/a", part_size=5 * MIB)
            assert store.url(KEY, seconds=60) is None
            assert store.upload_url("incoming/a", seconds=60) is None
            assert store.part_url("incoming/a", upload, 1, seconds=60) is None


class TestSignatures:
    """What a service that checks signatures refuses (moto checks none)."""

    pytestmark = CEPH

    def test_a_range_is_bound(self, ceph_blobs: BlobStore) -> None:
        ceph_blobs.put(KEY, BytesIO(CONTENT))
        url = ceph_blobs.url(KEY, seconds=60, start=2, length=3)
        assert url
        assert fetch(url, Range=byte_range(2, 3))[2] == CONTENT[2:5]
        assert fetch(url, Range=byte_range(2, 9))[0] == 403
        assert fetch(url)[0] == 403

    def test_other_bytes_are_refused_early(self, ceph_blobs: BlobStore) -> None:
        target = ceph_blobs.upload_url("incoming/a", seconds=60, sha256=DIGEST)
        assert target
        assert fetch(target.url, "PUT", b"x" * len(CONTENT), **target.headers)[0] >= 400
        assert fetch(target.url, "PUT", CONTENT)[0] == 403
        assert ceph_blobs.size("incoming/a") is None

    def test_a_single_part_is_bound_and_dies_with_its_upload(self, ceph_blobs: BlobStore) -> None:
        upload = ceph_blobs.start_parts("incoming/a", part_size=5 * MIB)
        target = ceph_blobs.part_url("incoming/a", upload, 1, seconds=60, sha256=DIGEST)
        assert target
        assert fetch(target.url, "PUT", b"x" * len(CONTENT), **target.headers)[0] >= 400
        assert fetch(target.url, "PUT", CONTENT, **target.headers)[0] == 200
        ceph_blobs.complete_parts("incoming/a", upload, ceph_blobs.list_parts("incoming/a", upload))
        assert fetch(target.url, "PUT", CONTENT, **target.headers)[0] == 404
        assert content_of(ceph_blobs, "incoming/a") == CONTENT

    def test_the_size_is_bound(self, ceph_blobs: BlobStore) -> None:
        target = ceph_blobs.upload_url("incoming/a", seconds=60, size=10)
        upload = ceph_blobs.start_parts("incoming/b", part_size=5 * MIB)
        part = ceph_blobs.part_url("incoming/b", upload, 1, seconds=60, size=10)
        assert target
        assert part
        for url in (target.url, part.url):
            assert fetch(url, "PUT", b"x" * 11)[0] == 403
            assert fetch(url, "PUT", b"x" * 10)[0] == 200

    def test_a_link_is_for_one_key_and_method(self, ceph_blobs: BlobStore) -> None:
        ceph_blobs.put(KEY, BytesIO(CONTENT))
        url = ceph_blobs.url(KEY, seconds=60)
        assert url
        assert fetch(url, "DELETE")[0] == 403
        assert fetch(url, "PUT", b"mine")[0] == 403
        assert fetch(url.replace(DIGEST, "0" * 64))[0] == 403
        assert content_of(ceph_blobs, KEY) == CONTENT


def _fields(place: S3Place) -> dict[str, Any]:
    return {name: getattr(place, name) for name in S3Place.__slots__}
