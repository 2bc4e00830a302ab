"""One cache folder serves one hub; processes of that hub may share it."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hub_server.db import Database
from hub_server.gitstore import CacheFarAway, CacheTaken, GitStore, held_cache, ownership
from hub_server.gitstore import cache as cache_module
from tests.support.schema import create_schema
from tests.unit.gitstore.conftest import MAIN, Writer


@pytest.fixture
def other(tmp_path: Path, make_database: Callable[..., Database]) -> Database:
    """The database of another hub."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    create_schema(url)
    return make_database(url)


def test_processes_of_one_hub_share_a_folder(sqlite_database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    with held_cache(sqlite_database, folder), held_cache(sqlite_database, folder):
        (folder / "repos").mkdir()
        script = (
            "import sys; from pathlib import Path; from hub_server.db import Database; "
            "from hub_server.gitstore import held_cache\n"
            "with held_cache(Database(sys.argv[1]), Path(sys.argv[2])): print('mine')"
        )
        command = [sys.executable, "-c", script, str(sqlite_database.url), str(folder)]
        assert subprocess.check_output(command, text=True) == "mine\n"
    with held_cache(sqlite_database, folder):
        assert (folder / "repos").exists()


def test_another_hub_is_refused_while_the_first_lives(
    sqlite_database: Database, other: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    with (
        held_cache(sqlite_database, folder),
        pytest.raises(CacheTaken, match="in use by another hub"),
        held_cache(other, folder),
    ):
        pass


def test_what_a_hub_that_is_gone_left_is_removed(
    sqlite_database: Database, other: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    with held_cache(sqlite_database, folder):
        (folder / "repos" / "1").mkdir(parents=True)
    with held_cache(other, folder):
        assert not (folder / "repos").exists()
    with (
        held_cache(other, folder),
        pytest.raises(CacheTaken),
        held_cache(sqlite_database, folder),
    ):
        pass


def test_a_folder_from_before_owners_is_taken_over_as_it_is(
    sqlite_database: Database, tmp_path: Path
) -> None:
    (tmp_path / "cache" / "repos" / "1").mkdir(parents=True)
    with held_cache(sqlite_database, tmp_path / "cache"):
        assert (tmp_path / "cache" / "repos" / "1").exists()


def test_a_copy_of_the_database_is_another_hub(
    sqlite_database: Database, tmp_path: Path, make_database: Callable[..., Database]
) -> None:
    folder = tmp_path / "cache"
    with held_cache(sqlite_database, folder):
        copy = tmp_path / "copy.db"
        with sqlite3.connect(tmp_path / "hub.db") as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        with pytest.raises(CacheTaken), held_cache(make_database(f"sqlite:///{copy}"), folder):
            pass


def test_network_file_systems_are_refused(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "file_system", lambda _: "nfs4")
    with pytest.raises(CacheFarAway, match="nfs4"), held_cache(sqlite_database, tmp_path / "cache"):
        pass


class Nodes:
    """Two nodes over one folder, threads that use them, and what failed."""

    def __init__(self, store: GitStore, seconds: float) -> None:
        self.both = [store, GitStore(store.database, store.blobs, store.cache.folder, 10**9)]
        self.until = time.monotonic() + seconds
        self.failures: list[BaseException] = []

    def run(self, *steps: Callable[[int], None]) -> None:
        threads = [threading.Thread(target=self._loop, args=(step,)) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _loop(self, step: Callable[[int], None]) -> None:
        number = 0
        try:
            while time.monotonic() < self.until:
                step(number)
                number += 1
        except BaseException as failure:
            self.failures.append(failure)
            raise

    def writes(self, node: GitStore, repo_id: int) -> Callable[[int], None]:
        """One node commits, both read."""
        writer = Writer(node, repo_id)

        def step(number: int) -> None:
            data = b"%d of %d" % (number, repo_id)
            commit = writer.commit({b"a": data * 9000, b"b": data})
            for each in self.both:
                view = each.open(repo_id)
                assert view.resolve("main").commit == commit
                assert view.objects.read(commit)[0] == "commit"
                assert view.git_dir.is_dir()

        return step

    def evict(self, _: int) -> None:
        for node in self.both:
            node.cache.limit = 0
            node.cache.make_room()
            node.cache.limit = 10**9


def test_two_nodes_on_one_folder_never_see_wrong_bytes(
    store: GitStore, repo: int, make_repo: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By mistake, on one machine: they read, write and evict under each other's hands."""
    monkeypatch.setattr(cache_module, "RECENT", -1.0)
    nodes, second = Nodes(store, 3), make_repo("second")
    first_node, second_node = nodes.both
    nodes.run(nodes.writes(first_node, repo), nodes.writes(second_node, second), nodes.evict)
    assert nodes.failures == []
    fresh = GitStore(store.database, store.blobs, store.cache.folder / "fresh", 10**9)
    for each in (repo, second):
        line = fresh.open(each).ref(MAIN)
        assert line
        assert fresh.open(each).objects.read(line.id)[0] == "commit"
