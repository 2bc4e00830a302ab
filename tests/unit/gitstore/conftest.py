"""A store of packs on a directory, and repositories to put them in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hub_server.blobs import FileStore
from hub_server.db import Database
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from hub_server.git.commits import new_commit
from hub_server.git.packfiles import write_pack
from hub_server.git.trees import Put, splice
from hub_server.git.types import NewObject, Signature, new_blob
from hub_server.gitstore import GitStore, RefUpdate, StagedPack

WHO = Signature("Ada", "ada@example.org", 1_700_000_000)
MAIN = b"refs/heads/main"


@pytest.fixture
def blobs(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "blobs")


@pytest.fixture
def store(database: Database, blobs: FileStore, tmp_path: Path) -> GitStore:
    return GitStore(database, blobs, tmp_path / "cache", 10**9)


@pytest.fixture
def make_repo(database: Database) -> Callable[..., int]:
    """`make_repo("name")`: the id of a new repository of Ada's."""

    def make(name: str = "tiny") -> int:
        with database.write() as session:
            owner = session.query(Account).filter_by(name_key="ada").one_or_none()
            if owner is None:
                owner = Account(kind="user", name="ada", name_key="ada")
                session.add(owner)
                session.flush()
            repo = Repo(
                kind="model",
                namespace_id=owner.id,
                full_name=f"ada/{name}",
                name_key=f"ada/{name}",
            )
            session.add(repo)
            session.flush()
            return repo.id

    return make


@pytest.fixture
def repo(make_repo: Callable[..., int]) -> int:
    return make_repo()


class Writer:
    """Makes commits and publishes them, as the rooms above do."""

    def __init__(self, store: GitStore, repo_id: int) -> None:
        self.store = store
        self.repo_id = repo_id

    def objects(
        self, files: dict[bytes, bytes], parent: str | None = None, message: str = "change"
    ) -> list[NewObject]:
        """Blobs, trees and last the commit, on top of `parent`."""
        new = {blob.id: blob for blob in map(new_blob, files.values())}
        puts = [Put(path, new_blob(data).id) for path, data in files.items()]
        objects = self.store.open(self.repo_id).objects
        base = None
        if parent:
            base = objects.read(parent)[1][5:45].decode()
        spliced = splice(objects.with_extra(new), base, puts)
        commit = new_commit(spliced.tree, [parent] if parent else [], WHO, WHO, message)
        return [*new.values(), *spliced.objects.values(), commit]

    def stage(self, objects: list[NewObject]) -> StagedPack:
        with self.store.work_folder() as folder:
            return self.store.stage(self.repo_id, write_pack(objects, folder))

    def publish(
        self, *updates: RefUpdate, staged: StagedPack | None = None, atomic: bool = False
    ) -> dict[bytes, str | None]:
        with self.store.database.write() as session:
            return self.store.publish(
                session, self.repo_id, staged, updates, who=None, atomic=atomic
            )

    def commit(self, files: dict[bytes, bytes], ref: bytes = MAIN, message: str = "change") -> str:
        line = self.store.open(self.repo_id).ref(ref)
        objects = self.objects(files, line.id if line else None, message)
        commit = objects[-1].id
        results = self.publish(
            RefUpdate(ref, line.id if line else None, commit), staged=self.stage(objects)
        )
        assert results == {ref: None}
        return commit


@pytest.fixture
def writer(store: GitStore, repo: int) -> Writer:
    return Writer(store, repo)
