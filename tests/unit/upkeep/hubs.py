"""Hubs to look after, on either database and either store, and ways to harm what they keep."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from hub_server import contents
from hub_server.accounts import OPERATOR, Caller
from hub_server.app import subscriptions
from hub_server.blobs import BlobStore, FileStore, Incoming
from hub_server.contents import AddFile, CommitRequest, CommitResult, Hub, Operation
from hub_server.db import Database
from hub_server.db.tables.repos import Kind, Repo
from hub_server.git import GitProgram
from hub_server.gitstore import GitStore
from hub_server.keys import Keys
from hub_server.lfs import Pointer, format_pointer
from hub_server.objects import Claim, Objects
from hub_server.settings import Settings
from hub_server.upkeep import Finding, Scope, fsck
from tests.support.xorbs import make_file

MakeStore = Callable[[], BlobStore]


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Place:
    """A hub, `ada` who owns what is made, and a second node that has nothing in its cache."""

    hub: Hub
    ada: Caller
    folder: Path

    def repo(self, name: str = "tiny", kind: Kind = "model") -> Repo:
        return contents.create_repository(self.hub, self.ada, kind, f"ada/{name}")

    def again(self, repo: Repo) -> Repo:
        with self.hub.database.read() as session:
            return session.scalars(select(Repo).where(Repo.id == repo.id)).one()

    def commit(self, repo: Repo, *operations: Operation, **options: Any) -> CommitResult:
        request = CommitRequest("main", operations, "change", **options)
        return contents.commit(self.hub, self.ada, self.again(repo), request)

    def write(self, repo: Repo, **files: bytes) -> CommitResult:
        return self.commit(repo, *(AddFile(path, data) for path, data in files.items()))

    def upload(self, repo: Repo, data: bytes) -> str:
        received = self.hub.incoming.receive(io.BytesIO(data), limit=len(data))
        return self.hub.objects.store_received(received, Claim(repo.id, self.ada.user_id)).sha256

    def upload_chunks(self, repo: Repo, data: bytes) -> str:
        """The same, in chunks alone, as the other door stores it."""
        return make_file(self.hub, Claim(repo.id, self.ada.user_id), data, size=9000).oid

    def write_chunks(self, repo: Repo, path: str, data: bytes) -> str:
        oid = self.upload_chunks(repo, data)
        self.write(repo, **{path: format_pointer(Pointer(oid, len(data)))})
        return oid

    def write_large(self, repo: Repo, path: str, data: bytes) -> str:
        """Upload, then commit the pointer as a push does."""
        oid = self.upload(repo, data)
        self.write(repo, **{path: format_pointer(Pointer(oid, len(data)))})
        return oid

    def fill(self, name: str = "tiny") -> Repo:
        """A repository with a few commits and two large files."""
        repo = self.repo(name)
        self.write(repo, file=name.encode() * 50)
        self.write_large(repo, "a.bin", name.encode() * 1000)
        self.write_large(repo, "b.bin", name.encode() * 2000)
        return repo

    def fsck(self, **scope: Any) -> list[Finding]:
        found: list[Finding] = []
        summary = fsck(self.hub, Scope(**scope), found.append, lambda _: None)
        assert summary.errors == len([each for each in found if each.level == "error"])
        return found

    def errors(self, **scope: Any) -> list[Finding]:
        return [finding for finding in self.fsck(**scope) if finding.level == "error"]

    def keys(self, prefix: str) -> set[str]:
        return {info.key for info in self.hub.blobs.list(prefix)}

    def packs(self, repo: Repo) -> list[str]:
        return sorted(key for key in self.keys(f"pack/{repo.id}-") if key.endswith(".pack"))

    def read(self, key: str) -> bytes:
        with self.hub.blobs.open(key) as reader:
            return reader.read()

    def other_node(self) -> "Place":
        git = GitStore(self.hub.database, self.hub.blobs, self.folder / "other-cache", 10**9)
        memory = contents.hub.Memory()
        return replace(self, hub=replace(self.hub, git=git, memory=memory))


def make_place(database: Database, blobs: BlobStore, folder: Path) -> Place:
    settings = Settings(data_dir=folder)
    incoming = Incoming(blobs.incoming_folder or folder / "incoming")
    hub = Hub(
        settings=settings,
        database=database,
        blobs=blobs,
        incoming=incoming,
        spool=Incoming(folder / "spool", durable=False),
        git=GitStore(database, blobs, folder / "cache", 10**9),
        git_program=GitProgram.find("git"),
        objects=Objects(database, blobs, incoming, settings),
        keys=Keys.of("a secret of tests"),
        events=subscriptions(),
    )
    return Place(hub, replace(OPERATOR, name="operator"), folder)


def truncate(blobs: BlobStore, key: str) -> None:
    replace_bytes(blobs, key, lambda data: data[: len(data) // 2])


def alter(blobs: BlobStore, key: str, at: int = 0) -> None:
    """One bit in the middle is another."""

    def change(data: bytes) -> bytes:
        place = at or len(data) // 2
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

    replace_bytes(blobs, key, change)


def remove(blobs: BlobStore, key: str) -> None:
    blobs.delete(key)


def replace_bytes(blobs: BlobStore, key: str, change: Callable[[bytes], bytes]) -> None:
    """Behind the hub's back: a new file, as caches may hold links to the old one."""
    with blobs.open(key) as reader:
        data = change(reader.read())
    blobs.delete(key)
    blobs.put(key, io.BytesIO(data))


HARMS: Sequence[tuple[str, Callable[[BlobStore, str], None]]] = (
    ("truncated", truncate),
    ("altered", alter),
    ("missing", remove),
)


def file_store(folder: Path) -> FileStore:
    return FileStore(folder / "blobs")
