"""What only the directory store owes: one copy, safe under a kill, honest about a full disk."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from hub_server.blobs import (
    FileStore,
    Incoming,
    StoreFull,
    StoreUnavailable,
    open_store,
)
from hub_server.settings import Settings

MIB = 1024**2
NAME = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "blobs")


def test_large_files_are_fanned_out(store: FileStore) -> None:
    store.put(f"lfs/{NAME}", BytesIO(b"x"))
    store.put("pack/3/name.pack", BytesIO(b"y"))
    assert (store.root / "lfs/ab/ab" / NAME).read_bytes() == b"x"
    assert store.local_path("pack/3/name.pack") == store.root / "pack/3/name.pack"


def test_a_received_file_is_moved_not_copied(store: FileStore) -> None:
    incoming = Incoming(store.incoming)
    received = incoming.receive(BytesIO(b"x" * MIB), limit=MIB)
    inode = received.path.stat().st_ino
    store.adopt(f"lfs/{received.digest}", received.path)
    assert store.path_of(f"lfs/{received.digest}").stat().st_ino == inode
    assert list(store.incoming.iterdir()) == []
    incoming.close()


def test_a_file_from_another_disk_is_copied(store: FileStore) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == store.root.stat().st_dev:
        pytest.skip("there is no second file system")
    path = shared / f"hub-{os.getpid()}"
    path.write_bytes(b"abc")
    store.adopt("pack/1/a", path)
    assert not path.exists()
    assert store.path_of("pack/1/a").read_bytes() == b"abc"


def test_a_copy_takes_no_room(store: FileStore) -> None:
    store.put("incoming/a", BytesIO(b"x"))
    store.copy("incoming/a", f"lfs/{NAME}")
    one, other = store.path_of("incoming/a"), store.path_of(f"lfs/{NAME}")
    assert one.stat().st_ino == other.stat().st_ino


def test_folders_come_and_go_under_writers(store: FileStore) -> None:
    """Deleting the last blob of a folder never disturbs one that is just arriving."""
    script = (
        "import sys; from io import BytesIO; from pathlib import Path\n"
        "from hub_server.blobs import FileStore\n"
        "store = FileStore(Path(sys.argv[1]))\n"
        "for n in range(300):\n"
        "    store.put('pack/1/' + sys.argv[2], BytesIO(b'x'))\n"
        "    store.delete('pack/1/' + sys.argv[2])\n"
    )
    command = [sys.executable, "-c", script, str(store.root)]
    workers = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [worker.wait(60) for worker in workers] == [0, 0]


def test_a_kill_in_the_middle_leaves_only_incoming_garbage(store: FileStore) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from hub_server.blobs import FileStore\n"
        "class Slow:\n"
        "    def read(self, size):\n"
        "        print('.', flush=True); time.sleep(0.01); return bytes(size)\n"
        "FileStore(Path(sys.argv[1])).put('pack/1/a', Slow())\n"
    )
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(store.root)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout
            for _ in range(5):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
    assert store.size("pack/1/a") is None
    assert [info.key for info in store.list("pack/")] == []
    garbage = list(store.list("incoming/"))
    assert len(garbage) == 3
    time.sleep(0.02)
    incoming = Incoming(store.incoming)
    assert incoming.remove_stale(timedelta(0)) == 3
    incoming.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(tiny_disk: Path) -> None:
    store = FileStore(tiny_disk)
    incoming = Incoming(store.incoming)
    store.put("pack/1/kept", BytesIO(b"k" * MIB))

    with pytest.raises(StoreFull) as refusal:
        store.put("pack/1/large", BytesIO(bytes(3 * MIB)))
    assert refusal.value.status == 507
    with pytest.raises(StoreFull):
        incoming.receive(BytesIO(bytes(3 * MIB)), limit=10**9)

    async def upload() -> None:
        async with incoming.writer(limit=10**9) as writer:
            for _ in range(100):
                await writer.send(bytes(65536))

    with pytest.raises(StoreFull):
        asyncio.run(upload())
    incoming.close()

    part = tiny_disk.parent / "part"
    part.write_bytes(bytes(3 * MIB))
    upload_id = store.start_parts("incoming/x", part_size=5 * MIB)
    with pytest.raises(StoreFull):
        store.put_part("incoming/x", upload_id, 1, part)
    assert list(store.list_parts("incoming/x", upload_id)) == []
    store.abort_parts("incoming/x", upload_id)

    assert [info.key for info in store.list("pack/")] == ["pack/1/kept"]
    assert list(store.list("incoming/")) == []
    assert store.put("pack/1/small", BytesIO(bytes(MIB // 2))) == MIB // 2


def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "blobs")
    store.incoming.rmdir()
    store.incoming.write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        store.check()


def test_nobody_writes_on_after_the_parts_are_joined(store: FileStore, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"12345")
    upload_id = store.start_parts("incoming/x", part_size=5)
    stored = store.put_part("incoming/x", upload_id, 1, part)
    store.complete_parts("incoming/x", upload_id, [stored])
    part.write_bytes(b"other")
    with pytest.raises(Exception, match="has ended"):
        store.put_part("incoming/x", upload_id, 1, part)
    assert store.path_of("incoming/x").read_bytes() == b"12345"
    assert not list(store.incoming.glob("parts-*"))


def test_the_settings_choose_the_store(tmp_path: Path) -> None:
    store = open_store(Settings(data_dir=tmp_path))
    assert isinstance(store, FileStore)
    assert store.root == tmp_path / "blobs"
    assert store.incoming_folder == tmp_path / "blobs/incoming"
    elsewhere = open_store(Settings(data_dir=tmp_path, blobs=f"file://{tmp_path}/other%20place"))
    assert isinstance(elsewhere, FileStore)
    assert elsewhere.root == tmp_path / "other place"


def test_parts_from_another_disk(tmp_path: Path) -> None:
    """The kernel may refuse to copy between file systems; then the hub does."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    part = shared / f"hub-part-{os.getpid()}"
    data = os.urandom(3 * MIB + 5)
    part.write_bytes(data)
    try:
        store = FileStore(tmp_path / "blobs")
        upload_id = store.start_parts("incoming/x", part_size=len(data))
        stored = store.put_part("incoming/x", upload_id, 1, part)
        store.complete_parts("incoming/x", upload_id, [stored])
        assert store.path_of("incoming/x").read_bytes() == data
    finally:
        part.unlink()
