"""Large files for tests: stores to keep them in, and an `Objects` over each of them."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hub_server.blobs import BlobStore, FileStore, Incoming, Received
from hub_server.blobs.s3 import S3Store
from hub_server.blobs.s3client import S3Place
from hub_server.db import Database
from hub_server.db.tables.accounts import Account
from hub_server.keys import Keys
from hub_server.objects import Objects
from hub_server.settings import Settings
from tests.support.people import make_repo, make_user

MIB = 1024**2


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class LargeFileHub:
    """What the rooms of large files need of a hub, and short ways to fill it."""

    settings: Settings
    database: Database
    blobs: BlobStore
    incoming: Incoming
    objects: Objects
    keys: Keys = field(default_factory=lambda: Keys.of("a secret of tests"))

    def user(self, name: str) -> int:
        with self.database.write() as session:
            return make_user(session, name).id

    def repo(self, owner: int, name: str = "tiny", **fields: Any) -> int:
        with self.database.write() as session:
            account = session.get(Account, owner)
            assert account
            return make_repo(session, account, name, **fields).id

    def received(self, data: bytes) -> Received:
        return self.incoming.receive(io.BytesIO(data), limit=len(data))

    def read(self, digest: str) -> bytes:
        with self.objects.open(digest) as reader:
            return reader.read()


MakeHub = Callable[..., LargeFileHub]


@pytest.fixture
def make_large_file_hub(database: Database, tmp_path: Path) -> Iterator[MakeHub]:
    """`make(blobs, **settings)`; on both databases."""
    made: list[LargeFileHub] = []

    def make(blobs: BlobStore, **options: Any) -> LargeFileHub:
        settings = Settings(data_dir=tmp_path, **options)
        incoming = Incoming(blobs.incoming_folder or tmp_path / "incoming")
        objects = Objects(database, blobs, incoming, settings)
        made.append(LargeFileHub(settings, database, blobs, incoming, objects))
        return made[-1]

    yield make
    for each in made:
        each.incoming.close()


STORES = ("file", "passing", "direct")


@pytest.fixture
def large_file_hub(
    request: pytest.FixtureRequest, make_large_file_hub: MakeHub, tmp_path: Path
) -> LargeFileHub:
    """Large files in a directory; or, parametrized indirectly, in one of STORES: on S3 with all
    bytes passing through the hub, on S3 with clients that go there directly."""
    kind = getattr(request, "param", "file")
    if kind == "file":
        return make_large_file_hub(FileStore(tmp_path / "blobs"), lfs_part_size=5 * MIB)
    place: S3Place = request.getfixturevalue("moto_place")
    return make_large_file_hub(S3Store(place, direct=kind == "direct"), lfs_part_size=5 * MIB)
