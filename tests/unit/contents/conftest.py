"""A hub without HTTP: two people, their repositories, and short ways to fill them."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub_server import contents
from hub_server.accounts import Caller
from hub_server.blobs import FileStore, Incoming
from hub_server.contents import AddFile, CommitRequest, CommitResult, Hub, Operation
from hub_server.db import Database
from hub_server.db.tables.repos import Kind, Repo
from hub_server.events import Events, RefsUpdated
from hub_server.git import GitProgram
from hub_server.gitstore import GitStore
from hub_server.keys import Keys
from hub_server.objects import Claim, Objects
from hub_server.settings import Settings
from tests.support.people import caller, make_user


@dataclass
class Place:
    """`hub` with everything that was announced, and `ada`, who owns what is made."""

    hub: Hub
    ada: Caller
    bob: Caller
    announced: list[RefsUpdated] = field(default_factory=list)

    def repo(self, name: str = "tiny", kind: Kind = "model", **options: Any) -> Repo:
        made = contents.create_repository(self.hub, self.ada, kind, f"ada/{name}", **options)
        return self.again(made)

    def again(self, repo: Repo) -> Repo:
        """The row as it is now."""
        with self.hub.database.read() as session:
            return session.scalars(select(Repo).where(Repo.id == repo.id)).one()

    def commit(
        self, repo: Repo, *operations: Operation, revision: str = "main", **options: Any
    ) -> CommitResult:
        who = options.pop("by", self.ada)
        request = CommitRequest(revision, operations, options.pop("message", "change"), **options)
        return contents.commit(self.hub, who, self.again(repo), request)

    def write(self, repo: Repo, **files: str) -> CommitResult:
        """`write(repo, **{"a.txt": "text"})` in one commit."""
        return self.commit(repo, *(AddFile(path, text.encode()) for path, text in files.items()))

    def view(self, repo: Repo, revision: str | None = None) -> contents.Snapshot:
        with self.hub.database.read() as session:
            return contents.snapshot(self.hub, session, self.again(repo), revision)

    def files(self, repo: Repo, revision: str | None = None) -> dict[str, str]:
        """Path to text, without `.gitattributes`."""
        seen = self.view(repo, revision)
        return {
            path: str(seen.text(path))
            for path, _ in contents.all_files(seen)
            if path != ".gitattributes"
        }

    def upload(self, repo: Repo, data: bytes, by: Caller | None = None) -> str:
        """A large file sent for a repository; its sha256."""
        received = self.hub.incoming.receive(io.BytesIO(data), limit=len(data))
        claim = Claim(repo.id, (by or self.ada).user_id)
        return self.hub.objects.store_received(received, claim).sha256


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[Callable[[Database], Place]]:
    hubs: list[Hub] = []

    def make(database: Database) -> Place:
        settings = Settings(data_dir=tmp_path)
        blobs = FileStore(tmp_path / "blobs")
        incoming = Incoming(blobs.incoming)
        hub = Hub(
            settings=settings,
            database=database,
            blobs=blobs,
            incoming=incoming,
            spool=Incoming(tmp_path / "spool"),
            git=GitStore(database, blobs, tmp_path / "cache", 10**9),
            git_program=GitProgram.find("git"),
            objects=Objects(database, blobs, incoming, settings),
            keys=Keys.of("a secret of tests"),
            events=Events(),
        )
        hubs.append(hub)
        with database.write() as session:
            make_user(session, "ada", full_name="Ada Lovelace")
            make_user(session, "bob")
        made = Place(hub, caller(database, "ada"), caller(database, "bob"))
        hub.events.on(RefsUpdated, lambda _, event: made.announced.append(event))
        return made

    yield make
    for hub in hubs:
        hub.incoming.close()
        hub.spool.close()


@pytest.fixture
def place(database: Database, make_place: Callable[[Database], Place]) -> Place:
    """On SQLite and on PostgreSQL."""
    return make_place(database)


@pytest.fixture
def lite(sqlite_database: Database, make_place: Callable[[Database], Place]) -> Place:
    """For tests to which the engine does not matter."""
    return make_place(sqlite_database)
