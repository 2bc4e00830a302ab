"""What only S3 stores owe: clear words when the service is away, reads that survive a break."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from hub_server.blobs import StoreUnavailable, open_store
from hub_server.blobs.s3 import S3Limits, S3Store
from hub_server.blobs.s3client import S3Place
from hub_server.settings import Settings
from tests.support.s3 import CEPH

MIB = 1024**2


def test_the_settings_choose_the_store(tmp_path: Path, moto_place: S3Place) -> None:
    settings = Settings(
        data_dir=tmp_path,
        blobs=f"s3://{moto_place.bucket}/some/where",
        s3_endpoint=moto_place.endpoint,
        s3_public_endpoint="https://files.example.org",
        s3_access_key_id=moto_place.access_key_id,
        s3_secret_access_key=moto_place.secret_access_key,
        s3_direct=True,
    )
    store = open_store(settings)
    store.check()
    store.put("cache/a", BytesIO(b"abc"))
    assert S3Store(moto_place).size("cache/a") == 3
    url = store.url("cache/a", seconds=9)
    assert url
    assert url.startswith(f"https://files.example.org/{moto_place.bucket}/some/where/cache/a?")
    assert store.incoming_folder is None


def test_a_service_that_is_away() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens: refused at once
        place = S3Place("bucket", endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}",
                        access_key_id="a", secret_access_key="b")  # fmt: skip
        store = S3Store(place)
        for attempt in (
            store.check,
            lambda: store.put("cache/a", BytesIO(b"x")),
            lambda: store.open("cache/a"),
            lambda: store.size("cache/a"),
            lambda: list(store.list("cache/")),
        ):
            with pytest.raises(StoreUnavailable) as refusal:
                attempt()
            assert refusal.value.status == 503
            assert int(refusal.value.headers["Retry-After"]) > 0


def test_a_bucket_that_is_not_there(moto_place: S3Place) -> None:
    store = S3Store(replace(moto_place, bucket="no-such-bucket"))
    with pytest.raises(StoreUnavailable):
        store.check()
    with pytest.raises(StoreUnavailable):
        store.put("cache/a", BytesIO(b"x"))


@CEPH[0]
@CEPH[1]
def test_keys_that_the_service_refuses(ceph_place: S3Place) -> None:
    store = S3Store(replace(ceph_place, secret_access_key="wrong"))
    with pytest.raises(StoreUnavailable):
        store.check()


class Breaking:
    """Passes requests on, and cuts each answer off after `count` bytes while any cuts are left."""

    def __init__(self, endpoint: str, count: int, cuts: int) -> None:
        host, port = endpoint.removeprefix("http://").split(":")
        self._target, self._count, self._cuts = (host, int(port)), count, cuts
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                inside = self._server.accept()[0]
            except OSError:
                return
            with inside, socket.create_connection(self._target) as outside:
                request = inside.recv(65536).replace(
                    b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1
                )
                outside.sendall(request)
                left = self._count if self._cuts else 1 << 40
                self._cuts = max(0, self._cuts - 1)
                while left > 0 and (data := outside.recv(min(left, 65536))):
                    try:
                        inside.sendall(data)
                    except OSError:
                        break
                    left -= len(data)


@pytest.mark.parametrize(("cuts", "start"), [(1, 0), (2, 0), (2, MIB)])
def test_a_read_goes_on_after_a_break(moto_place: S3Place, cuts: int, start: int) -> None:
    data = os.urandom(8 * MIB)
    S3Store(moto_place).put("cache/a", BytesIO(data))
    assert moto_place.endpoint
    breaking = Breaking(moto_place.endpoint, 3 * MIB, cuts)
    try:
        store = S3Store(replace(moto_place, endpoint=breaking.endpoint))
        with store.open("cache/a", start) as reader:
            found = hashlib.sha256()
            while chunk := reader.read(MIB):
                found.update(chunk)
        assert found.digest() == hashlib.sha256(data[start:]).digest()
    finally:
        breaking.close()


def test_a_read_that_keeps_breaking_says_so(moto_place: S3Place) -> None:
    S3Store(moto_place).put("cache/a", BytesIO(os.urandom(8 * MIB)))
    assert moto_place.endpoint
    breaking = Breaking(moto_place.endpoint, 900, 1000)
    try:
        store = S3Store(replace(moto_place, endpoint=breaking.endpoint))
        with store.open("cache/a") as reader, pytest.raises(StoreUnavailable):
            reader.read()
    finally:
        breaking.close()


def test_parts_go_up_side_by_side(moto_place: S3Place, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(23 * MIB))
    store = S3Store(moto_place, limits=S3Limits(part=5 * MIB, workers=3))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    store.put(f"lfs/{digest}", path, expect=digest)
    with store.open(f"lfs/{digest}") as reader:
        assert hashlib.file_digest(reader, "sha256").hexdigest() == digest  # type: ignore[arg-type]


def test_a_failed_part_leaves_nothing(
    moto_place: S3Place, tmp_path: Path, relay: Callable[[str], str]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(12 * MIB))
    store = S3Store(moto_place, limits=S3Limits(part=5 * MIB, workers=1))

    def shrink() -> None:
        time.sleep(0.05)
        path.unlink()

    shrinking = threading.Thread(target=shrink)
    shrinking.start()
    try:
        store.put("cache/a", path)
    except StoreUnavailable:
        assert store.size("cache/a") is None
    shrinking.join()
    assert list(store.unfinished("cache/")) == []
