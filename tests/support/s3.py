"""S3 services for tests: moto in this process (quick, no signatures checked), and Ceph's gateway."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from hub_server.blobs.s3client import S3Place
from tests.support.ceph import ACCESS_KEY, SECRET_KEY, Ceph, why_not


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


@pytest.fixture(params=["moto", pytest.param("ceph", marks=pytest.mark.s3)])
def s3_place(request: pytest.FixtureRequest) -> S3Place:
    """A fresh bucket on each of the services."""
    place: S3Place = request.getfixturevalue(f"{request.param}_place")
    return place
