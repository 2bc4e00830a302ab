import gc
import threading
from pathlib import Path

import pytest

from hub_server.blobs import BlobReader, FileStore
from hub_server.db import Database
from hub_server.errors import Unavailable
from hub_server.gitstore import DamagedPack, GitStore
from hub_server.gitstore import cache as cache_module
from tests.unit.gitstore.conftest import Writer


class Remote(FileStore):
    """A directory that pretends to be far away: no local paths, and it counts what is fetched."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[str] = []

    def local_path(self, key: str) -> Path | None:
        return None

    def open(self, key: str, start: int = 0, length: int | None = None) -> BlobReader:
        self.fetched.append(key)
        return super().open(key, start, length)


@pytest.fixture
def node(database: Database, tmp_path: Path) -> GitStore:
    """A second node, which sees the blobs of the first from afar."""
    return GitStore(database, Remote(tmp_path / "blobs"), tmp_path / "far", 10**9)


def damage(blobs: FileStore) -> None:
    key = next(blob.key for blob in blobs.list("pack/") if blob.key.endswith(".pack"))
    path = blobs.local_path(key)
    assert path
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.chmod(0o644)
    path.unlink()
    path.write_bytes(data)


def test_what_this_node_wrote_is_not_fetched(database: Database, tmp_path: Path, repo: int) -> None:
    remote = Remote(tmp_path / "remote")
    store = GitStore(database, remote, tmp_path / "cache2", 10**9)
    commit = Writer(store, repo).commit({b"a": b"1"})
    assert commit in store.open(repo).objects
    assert remote.fetched == []


@pytest.mark.parametrize("far", [True, False])
def test_other_bytes_than_recorded_are_never_read(
    writer: Writer, node: GitStore, blobs: FileStore, repo: int, tmp_path: Path, far: bool
) -> None:
    writer.commit({b"a": b"1"})
    damage(blobs)
    if not far:
        node = GitStore(node.database, blobs, tmp_path / "near", 10**9)
    with pytest.raises(DamagedPack):
        assert node.open(repo).objects
    assert not list(node.cache.git_dir(repo).glob("objects/pack/*"))
    assert not list((node.cache.folder / "work").iterdir())


def test_each_file_is_fetched_once_however_many_ask(
    writer: Writer, node: GitStore, repo: int
) -> None:
    commit = writer.commit({b"a": b"1"})
    start = threading.Barrier(8)
    found: list[bool] = []

    def read() -> None:
        start.wait()
        found.append(commit in node.open(repo).objects)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert isinstance(node.blobs, Remote)
    assert len(node.blobs.fetched) == 2


def test_a_file_cut_short_by_a_crash_is_fetched_again(
    writer: Writer, node: GitStore, repo: int, database: Database
) -> None:
    commit = writer.commit({b"a": b"1"})
    assert commit in node.open(repo).objects
    for path in node.cache.git_dir(repo).glob("objects/pack/*.pack"):
        path.write_bytes(b"PA")
    again = GitStore(database, node.blobs, node.cache.folder, 10**9)
    assert commit in again.open(repo).objects


@pytest.mark.parametrize("ending", ["pack", "idx"])
@pytest.mark.parametrize("again", ["restarted", "doubted"])
def test_a_file_that_changed_on_this_disk_is_fetched_again(
    writer: Writer, node: GitStore, repo: int, database: Database, ending: str, again: str
) -> None:
    commit = writer.commit({b"a": b"1"})
    view = node.open(repo)
    assert commit in view.objects
    path = next(node.cache.git_dir(repo).glob(f"objects/pack/*.{ending}"))
    right = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(right[:-30] + bytes(byte ^ 1 for byte in right[-30:]))
    if again == "restarted":
        node = GitStore(database, node.blobs, node.cache.folder, 10**9)
    else:
        view.doubt()
    assert commit in node.open(repo).objects
    assert path.read_bytes() == right
    assert isinstance(node.blobs, Remote)
    assert len(node.blobs.fetched) == 3


def test_what_a_crash_left_aside_counts_for_nothing(
    writer: Writer, node: GitStore, repo: int, database: Database
) -> None:
    """After a power failure a file may have its length and none of its bytes."""
    commit = writer.commit({b"a": b"1"})
    for blob in node.blobs.list("pack/"):
        aside = node.cache.folder / "work" / blob.key.removeprefix("pack/")
        aside.write_bytes(bytes(blob.size))
    assert commit in node.open(repo).objects
    assert isinstance(node.blobs, Remote)
    assert len(node.blobs.fetched) == 2


def test_the_bound_is_kept_and_what_is_in_use_stays(
    store: GitStore, make_repo: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make_repo)
    monkeypatch.setattr(cache_module, "RECENT", -1.0)
    ids = [make_repo(f"r{number}") for number in range(4)]
    commits = [Writer(store, each).commit({b"a": b"%d" % each}) for each in ids]
    for each in ids:
        assert store.open(each).objects
    gc.collect()
    held = store.open(ids[0])
    assert held.objects
    store.cache.limit = 0
    store.cache.make_room()
    left = {path.name for path in (store.cache.folder / "repos").iterdir()}
    assert left == {str(ids[0])}
    store.cache.limit = 10**9
    for each, commit in zip(ids, commits, strict=True):
        assert store.open(each).objects.read(commit)[0] == "commit"
        assert list((store.open(each).git_dir / "objects" / "pack").glob("*.idx"))


def test_open_packs_outlive_their_eviction(writer: Writer, store: GitStore, repo: int) -> None:
    first = writer.commit({b"a": b"x" * 100_000})
    store.handles.limit = 1
    view = store.open(repo)
    objects = view.objects
    for number in range(3):
        writer.commit({b"b": b"%d" % number})
        assert store.open(repo).objects
    for path in store.cache.git_dir(repo).glob("objects/pack/*"):
        path.unlink()
    assert objects.read(first)[0] == "commit"


def test_writers_take_turns_in_order_and_nobody_waits_for_ever(store: GitStore) -> None:
    order: list[int] = []
    entered = [threading.Event() for _ in range(5)]
    gate = threading.Event()

    def write(number: int) -> None:
        entered[number].set()
        with store.queue(7):
            order.append(number)

    with store.queue(7):
        threads = []
        for number in range(5):
            threads.append(threading.Thread(target=write, args=(number,)))
            threads[-1].start()
            entered[number].wait()
            while len(store.queues._lines[7]) < number + 2:
                gate.wait(0.001)
        with store.queue(8):
            order.append(-1)
        store.queues.patience = 0.01
        with pytest.raises(Unavailable), store.queue(7):
            pass
    for thread in threads:
        thread.join()
    assert order == [-1, 0, 1, 2, 3, 4]
    assert store.queues._lines == {}
