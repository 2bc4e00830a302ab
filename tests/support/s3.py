"""S3 services for tests: moto in this process (quick, checks no signatures) and Ceph's gateway."""

import contextlib
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from hub_server.blobs.s3client import S3Place
from tests.support.ceph import ACCESS_KEY, SECRET_KEY, Ceph, why_not

CEPH = [pytest.mark.s3, pytest.mark.xdist_group("ceph")]
"""Marks of tests on Ceph's gateway: one test process starts it, for all of them."""


def make_bucket(endpoint: str) -> S3Place:
    """A new bucket, and a prefix in it, at a service that takes our keys."""
    bucket = f"hub-{secrets.token_hex(6)}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=bucket)
    client.close()
    return S3Place(
        bucket=bucket,
        prefix="some/where",
        endpoint=endpoint,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def ceph_endpoint() -> Iterator[str]:
    if reason := why_not():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="ceph-"))  # a short path: its sockets allow 107 bytes
    ceph = Ceph(folder)
    try:
        ceph.start()
        yield ceph.endpoint
    finally:
        ceph.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def moto_place(moto_endpoint: str) -> S3Place:
    return make_bucket(moto_endpoint)


@pytest.fixture
def ceph_place(ceph_endpoint: str) -> S3Place:
    return make_bucket(ceph_endpoint)


class Relay:
    """The same service at another port, as clients outside may see it."""

    def __init__(self, endpoint: str) -> None:
        host, port = endpoint.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                inside = self._server.accept()[0]
            except OSError:
                return
            outside = socket.create_connection(self._target)
            for one, other in ((inside, outside), (outside, inside)):
                self._threads.append(threading.Thread(target=self._carry, args=(one, other)))
                self._threads[-1].start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with source, contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay() -> Iterator[Callable[[str], str]]:
    """`relay(endpoint)`: another address of the same service."""
    with contextlib.ExitStack() as stack:

        def make(endpoint: str) -> str:
            made = Relay(endpoint)
            stack.callback(made.close)
            return made.endpoint

        yield make


@pytest.fixture(params=["moto", pytest.param("ceph", marks=CEPH)])
def s3_place(request: pytest.FixtureRequest) -> S3Place:
    """A fresh bucket on each of the services."""
    place: S3Place = request.getfixturevalue(f"{request.param}_place")
    return place
