"""Hubs of every kind with something in them, and what of it must come back from a backup."""

import io
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from hub_server import contents
from hub_server.accounts import OPERATOR, Caller
from hub_server.blobs import BlobStore, FileStore, Incoming
from hub_server.blobs.s3 import S3Store
from hub_server.contents import AddFile, AddLfs, CommitRequest, Hub
from hub_server.db import Database, findable
from hub_server.db.schema import Schema
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.repos import Kind, Repo
from hub_server.events import Events
from hub_server.git import GitProgram
from hub_server.gitstore import GitStore
from hub_server.keys import Keys
from hub_server.objects import Claim, Objects
from hub_server.settings import Settings, data_path
from hub_server.upkeep.backup import Done, Order, back_up
from hub_server.upkeep.restore import Restored, Target, plan, restore
from tests.support.people import caller, make_org, make_token, make_user
from tests.support.s3 import make_bucket
from tests.support.xorbs import make_file, noise

KEY = "a secret of these tests"
_numbers = itertools.count()


@dataclass
class Place:
    """A hub without HTTP."""

    hub: Hub
    schema: Schema

    @property
    def database(self) -> Database:
        return self.hub.database

    @property
    def blobs(self) -> BlobStore:
        return self.hub.blobs

    def caller(self, name: str = "ada") -> Caller:
        return caller(self.database, name)

    def populate(self) -> None:
        """People, tokens, repositories of each kind with files, branches, tags, large files."""
        with self.database.write() as session:
            ada, bob = make_user(session, "ada", full_name="Ada Ł."), make_user(session, "bob")
            make_org(session, "lab", write=bob)
            make_token(session, ada)
        kinds: tuple[Kind, ...] = ("model", "dataset", "space")
        for kind in kinds:
            repo = self.repo(f"ada/{kind}", kind, private=kind == "dataset")
            self.commit(repo, **{"a/ü.txt": kind, "b.txt": "b" * 5000})
            self.commit_large(repo, "big.bin", kind.encode() * 9000)
            self.commit_chunks(repo, "chunks.bin", noise(50_000) + kind.encode() * 9000)
            contents.create_tag(self.hub, self.caller(), self.again(repo), "main", "v1")

    def repo(self, full_name: str, kind: Kind = "model", **options: Any) -> Repo:
        sdk = "static" if kind == "space" else None
        return contents.create_repository(self.hub, OPERATOR, kind, full_name, sdk=sdk, **options)

    def again(self, repo: Repo) -> Repo:
        with self.database.read() as session:
            return session.scalars(select(Repo).where(Repo.id == repo.id)).one()

    def named(self, full_name: str, kind: Kind = "model") -> Repo:
        with self.database.read() as session:
            found = select(Repo).where(
                Repo.full_name == full_name, Repo.kind == kind, Repo.deleted_at.is_(None)
            )
            return session.scalars(found).one()

    def commit(self, repo: Repo, **files: str) -> str:
        adds = [AddFile(path, text.encode()) for path, text in files.items()]
        return self._commit(repo, adds)

    def commit_large(self, repo: Repo, path: str, data: bytes) -> str:
        """Its sha256."""
        received = self.hub.incoming.receive(io.BytesIO(data), limit=len(data))
        found = self.hub.objects.store_received(received, Claim(repo.id, None))
        self._commit(repo, [AddLfs(path, found.sha256, found.size)])
        return found.sha256

    def commit_chunks(self, repo: Repo, path: str, data: bytes) -> str:
        """The same for a file that is stored as chunks alone; the sender has rights to them."""
        made = make_file(self.hub, Claim(repo.id, self.caller().user_id), data, size=9000)
        self._commit(repo, [AddLfs(path, made.oid, len(data))])
        return made.oid

    def _commit(self, repo: Repo, operations: list[Any]) -> str:
        request = CommitRequest("main", operations, "change")
        return contents.commit(self.hub, self.caller(), self.again(repo), request).commit

    def refs(self, repo: Repo) -> dict[bytes, str]:
        with self.database.read() as session:
            found = select(GitRef.name, GitRef.value).where(GitRef.repo_id == repo.id)
            return dict(session.execute(found).all())

    def rows(self, *left_out: str) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table, in an order that depends on nothing else."""
        found = MetaData()
        with self.database.engine.connect() as connection:
            found.reflect(connection, only=lambda name, _: not findable.is_derived(name))
            return {
                table.name: sorted(
                    (
                        {name: _plain(value) for name, value in row._mapping.items()}
                        for row in connection.execute(select(table))
                    ),
                    key=repr,
                )
                for table in found.sorted_tables
                if table.name not in left_out
            }

    def contents(self) -> dict[str, bytes]:
        """Every blob but derived ones."""
        found = {}
        for top in ("lfs/", "pack/", "xorb/"):
            for info in self.blobs.list(top):
                with self.blobs.open(info.key) as file:
                    found[info.key] = file.read()
        return found

    def back_up(self, target: Path, **options: Any) -> Done:
        return back_up(self.database, self.blobs, self.schema, Order(target, **options))

    def restore(
        self, source: Path, snapshot: str | None = None, *, key: str = KEY, **options: Any
    ) -> Restored:
        target = Target(self.database, self.blobs, self.schema)
        return restore(plan(source, snapshot), target, Keys.of(key), **options)


def _plain(value: Any) -> Any:
    """Times alike, whether the database knows zones or not."""
    if hasattr(value, "tzinfo") and value.tzinfo is not None:
        return value.replace(tzinfo=None)
    return value


MakePlace = Callable[..., Place]


@pytest.fixture
def make_place(
    request: pytest.FixtureRequest, tmp_path: Path, make_database: Callable[..., Database]
) -> Iterator[MakePlace]:
    """`make_place("sqlite")`, `make_place("postgres")`: with a directory, or with a bucket of moto.

    An empty one has no tables yet.
    """
    made: list[Hub] = []

    def make(kind: str, *, empty: bool = False) -> Place:
        folder = tmp_path / f"place{next(_numbers)}"
        folder.mkdir()
        url, blobs = _parts(request, kind, folder, empty=empty)
        database = make_database(url)
        schema = Schema(database, data_path("migrations"))
        settings = Settings(data_dir=folder)
        incoming = Incoming(blobs.incoming_folder or folder / "incoming")
        hub = Hub(
            settings=settings,
            database=database,
            blobs=blobs,
            incoming=incoming,
            spool=Incoming(folder / "spool"),
            git=GitStore(database, blobs, folder / "cache", 10**9),
            git_program=GitProgram.find("git"),
            objects=Objects(database, blobs, incoming, settings),
            keys=Keys.of(KEY),
            events=Events(),
        )
        made.append(hub)
        return Place(hub, schema)

    yield make
    for hub in made:
        hub.incoming.close()
        hub.spool.close()


def _parts(
    request: pytest.FixtureRequest, kind: str, folder: Path, *, empty: bool
) -> tuple[str, BlobStore]:
    if kind == "sqlite":
        if not empty:
            shutil.copy(request.getfixturevalue("sqlite_template"), folder / "hub.db")
        return f"sqlite:///{folder}/hub.db", FileStore(folder / "blobs")
    cluster = request.getfixturevalue("postgres_cluster")
    template = {} if empty else {"template": request.getfixturevalue("postgres_template")}
    name = cluster.create(**template)
    request.addfinalizer(lambda: cluster.drop(name))
    place = make_bucket(request.getfixturevalue("moto_endpoint"))
    return cluster.url(name), S3Store(place)
