"""Plain files become chunks while everybody reads them, and their plain form goes a week later."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from hub_server import faults
from hub_server.blobs import FileStore, StoreFull
from hub_server.chunks import is_eligible, to_text
from hub_server.db import now
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.objects import LargeObject, ObjectForm
from hub_server.db.tables.xet import XetChunk, XetFile, XetTerm, Xorb
from hub_server.gitstore import keep_blobs
from hub_server.jobs import Worker, enqueue
from hub_server.objects import Claim, ObjectInfo, handlers
from hub_server.objects.conversion import BOTH_FORMS, CONVERT, FIND, SLIM
from tests.support.large_files import MIB, LargeFileHub, MakeHub, sha256
from tests.support.xorbs import cut, file_hash_of, make_file, noise

EVERYWHERE = pytest.mark.parametrize("large_file_hub", ["file", "direct"], indirect=True)
DATA = noise(3 * MIB)
OID = sha256(DATA)


@pytest.fixture
def hub(large_file_hub: LargeFileHub, monkeypatch: pytest.MonkeyPatch) -> LargeFileHub:
    monkeypatch.setattr("hub_server.objects.conversion.PAUSE", 0)
    return large_file_hub


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Xorbs of some chunks, slices of a few xorbs."""
    monkeypatch.setattr("hub_server.chunks.packing.MOST_UNPACKED", 300_000)
    monkeypatch.setattr("hub_server.objects.packing.SLICE", 700_000)


@pytest.fixture
def claim(hub: LargeFileHub) -> Claim:
    ada = hub.user("ada")
    return Claim(hub.repo(ada), ada)


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faults.arm("")


def upload(hub: LargeFileHub, claim: Claim, data: bytes) -> str:
    return hub.objects.store_received(hub.received(data), claim).sha256


def run(hub: LargeFileHub) -> int:
    """Work until no job is due; how many there were."""
    worker, count = Worker(hub.database, handlers(hub.objects)), 0
    with hub.database.write() as session:
        enqueue(session, FIND, key="periodic")
    while worker.run_one() or is_due(hub):
        count += 1
    return count


def is_due(hub: LargeFileHub) -> bool:
    """The clock of a database may be some milliseconds behind."""
    with hub.database.read() as session:
        soon = now() + timedelta(seconds=0.5)
        waiting = select(Job.id).where(Job.state == "ready", Job.run_at < soon)
        if session.scalar(waiting) is None:
            return False
    time.sleep(0.002)
    return True


def hurry(hub: LargeFileHub) -> None:
    """What waits for another try has it now."""
    with hub.database.write() as session:
        session.execute(update(Job).values(run_at=now() - timedelta(seconds=1)))


def info(hub: LargeFileHub, oid: str = OID) -> ObjectInfo:
    with hub.database.read() as session:
        found = hub.objects.lookup(session, oid)
    assert found
    return found


def by_chunks(hub: LargeFileHub, oid: str = OID) -> bytes:
    with hub.database.read() as session:
        file = hub.objects.xet_files.of(session, oid)
    assert file
    with hub.objects.xet_files.open(file) as reader:
        return reader.read()


def count(hub: LargeFileHub, table: type) -> int:
    with hub.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def stored(hub: LargeFileHub) -> int:
    return sum(each.size for each in hub.blobs.list("xorb/"))


def week_later(hub: LargeFileHub) -> None:
    with hub.database.write() as session:
        ago = now() - BOTH_FORMS - timedelta(minutes=1)
        session.execute(update(XetFile).values(created_at=ago))


@EVERYWHERE
def test_a_plain_file_gets_chunks_as_a_client_cuts_them(hub: LargeFileHub, claim: Claim) -> None:
    files = {upload(hub, claim, data): data for data in (DATA, b"x", noise(100_000, 2) * 3)}
    assert run(hub) >= 4
    for oid, data in files.items():
        found = info(hub, oid)
        assert (found.xet, found.plain) == (file_hash_of(cut(data)), True)
        assert by_chunks(hub, oid) == hub.read(oid) == data
    assert not list(hub.incoming.folder.glob("xorb-*"))
    assert count(hub, Job) == 0
    run(hub)
    assert count(hub, Job) == 0, "there is nothing more to do"


def test_large_files_are_done_a_slice_at_a_time(
    hub: LargeFileHub, claim: Claim, small: None
) -> None:
    upload(hub, claim, DATA)
    assert run(hub) >= 5
    assert by_chunks(hub) == DATA
    assert info(hub).xet == file_hash_of(cut(DATA)), "slices leave no trace in the chunks"
    assert count(hub, Xorb) > 8
    with hub.database.read() as session:
        noted = set(session.scalars(select(XetChunk.hash)))
        xorbs = session.scalars(select(Xorb.hash)).all()
        indexes = [each.index for each in hub.objects.xorbs.find(session, xorbs).values()]
    hashes = [index.hash_at(at) for index in indexes for at in range(index.count)]
    eligible = {to_text(each) for each in hashes if is_eligible(each)}
    with hub.database.read() as session:
        first = session.execute(select(XetTerm).order_by(XetTerm.position).limit(1)).scalar_one()
        head = hub.objects.xet_files.terms(session, first.object_id)[0].xorb.index.hash_at(0)
    assert noted == eligible | {to_text(head)}


@EVERYWHERE
def test_repeated_chunks_are_stored_once(hub: LargeFileHub, claim: Claim, small: None) -> None:
    """Also across the slices of a file, and zeros without end."""
    data = DATA * 3 + bytes(2 * MIB) + DATA[:MIB]
    oid = upload(hub, claim, data)
    run(hub)
    assert by_chunks(hub, oid) == data
    chunks = cut(data)
    assert info(hub, oid).xet == file_hash_of(chunks)
    unique = sum(len(each) + 8 for each in set(chunks))
    assert stored(hub) <= unique


def test_chunks_of_other_files_are_shared_where_one_is_found(
    hub: LargeFileHub, claim: Claim
) -> None:
    upload(hub, claim, DATA)
    run(hub)
    before = stored(hub)
    other = DATA + noise(200_000, 9)
    oid = upload(hub, claim, other)
    run(hub)
    assert by_chunks(hub, oid) == other
    assert stored(hub) - before < 400_000, "its first chunk led to all that it shares"


def test_shared_xorbs_that_go_between_two_slices(
    hub: LargeFileHub, claim: Claim, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is begun again, and ends with chunks of its own."""
    oid = upload(hub, claim, DATA)
    worker = Worker(hub.database, handlers(hub.objects))
    with hub.database.write() as session:
        enqueue(session, CONVERT, {"sha256": oid}, key=oid, delay=-1)
    assert worker.run_one()
    with hub.database.write() as session:
        job = session.scalars(select(Job)).one()
        assert job.payload["runs"]
        session.execute(delete(XetChunk))
        session.execute(delete(Xorb))
    assert run(hub) > 3
    assert by_chunks(hub) == DATA


POINTS = ("convert.packed", "convert.verified", "convert.recorded", "slim.verified",
          "slim.dropped", "xorb.received", "xorb.adopted", "xorb.kept")  # fmt: skip


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_cut_off_anywhere_and_done_again(
    hub: LargeFileHub, claim: Claim, small: None, point: str, turn: int
) -> None:
    upload(hub, claim, DATA)
    faults.arm(f"{point}:error:n={turn}")
    for _ in range(2):
        run(hub)
        hurry(hub)
        run(hub)
        assert hub.read(OID) == DATA
        week_later(hub)
    faults.arm("")
    hurry(hub)
    run(hub)
    assert (info(hub).plain, by_chunks(hub)) == (False, DATA)
    assert not list(hub.incoming.folder.glob("xorb-*"))
    with hub.database.read() as session:
        total = sum(session.scalars(select(Xorb.size)))
    assert total < len(DATA) * 1.01, "nothing was packed twice"


@EVERYWHERE
def test_the_plain_form_goes_after_a_week(hub: LargeFileHub, claim: Claim) -> None:
    upload(hub, claim, DATA)
    run(hub)
    run(hub)
    assert info(hub).plain
    week_later(hub)
    run(hub)
    assert not info(hub).plain
    assert hub.objects.url(OID) is None
    assert hub.objects.whole([info(hub)]) == {OID}
    hub.blobs.delete(f"lfs/{OID}")
    assert hub.read(OID) == DATA
    assert hub.objects.whole([info(hub)]) == {OID}
    upload(hub, claim, DATA)
    assert info(hub).plain, "sent again through the other door"
    run(hub)
    assert not info(hub).plain


def test_or_never(hub: LargeFileHub, claim: Claim) -> None:
    object.__setattr__(hub.settings, "keep_lfs", True)
    upload(hub, claim, DATA)
    run(hub)
    week_later(hub)
    run(hub)
    assert info(hub).plain
    assert info(hub).xet


def test_the_only_good_form_is_never_dropped(hub: LargeFileHub, claim: Claim) -> None:
    upload(hub, claim, DATA)
    run(hub)
    [xorb] = hub.blobs.list("xorb/")
    path = hub.blobs.local_path(xorb.key)
    assert path
    body = bytearray(path.read_bytes())
    body[1000] ^= 1
    path.write_bytes(body)
    week_later(hub)
    run(hub)
    assert (info(hub).plain, hub.read(OID)) == (True, DATA)
    with hub.database.read() as session:
        job = session.scalars(select(Job).where(Job.kind == SLIM)).one()
    assert "other bytes" in str(job.error)


def test_nothing_is_dropped_during_a_backup(hub: LargeFileHub, claim: Claim) -> None:
    upload(hub, claim, DATA)
    run(hub)
    week_later(hub)
    with hub.database.write() as session:
        keep_blobs(session, 3600)
    run(hub)
    assert info(hub).plain
    with hub.database.read() as session:
        assert session.scalars(select(Job.kind)).all() == [SLIM], "it waits"


def test_a_damaged_plain_file_gets_no_chunks(hub: LargeFileHub, claim: Claim) -> None:
    upload(hub, claim, DATA)
    path = hub.objects.local_path(OID, size=len(DATA))
    assert path
    path.write_bytes(noise(len(DATA), 5))
    run(hub)
    assert info(hub).xet is None
    hub.blobs.delete(f"lfs/{OID}")
    hurry(hub)
    run(hub)
    with hub.database.read() as session:
        assert "lost or damaged" in str(session.scalars(select(Job.error)).one())


def test_a_full_store_is_waited_for(
    hub: LargeFileHub, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(hub, claim, DATA)

    def full(*_: object) -> None:
        raise StoreFull

    with monkeypatch.context() as patch:
        patch.setattr(hub.blobs, "adopt", full)
        run(hub)
    with hub.database.write() as session:
        job = session.scalars(select(Job)).one()
        assert (job.kind, job.state, job.attempts) == (CONVERT, "ready", 0)
        assert job.run_at > now() + timedelta(minutes=10)
        job.run_at = now() - timedelta(seconds=1)
    assert not list(hub.incoming.folder.glob("xorb-*"))
    run(hub)
    assert by_chunks(hub) == DATA


def test_files_that_came_as_chunks_or_go_meanwhile(hub: LargeFileHub, claim: Claim) -> None:
    made = make_file(hub, claim, DATA)
    empty = upload(hub, claim, b"")
    run(hub)
    assert (info(hub, made.oid).plain, info(hub, empty).xet) == (False, None)
    with hub.database.write() as session:
        enqueue(session, CONVERT, {"sha256": "0" * 64}, key="0")
        enqueue(session, SLIM, {"sha256": "0" * 64}, key="0")
    run(hub)
    assert count(hub, Job) == 0


def test_downloads_go_on_all_the_time(hub: LargeFileHub, claim: Claim, small: None) -> None:
    upload(hub, claim, DATA)
    over = threading.Event()

    def read() -> int:
        done = 0
        while not over.is_set() or not done:
            start = (done * 977_777) % len(DATA)
            with hub.objects.open(OID, start, 500_000, size=len(DATA)) as reader:
                assert reader.read() == DATA[start : start + 500_000]
            done += 1
        return done

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for _ in range(3):
            run(hub)
            week_later(hub)
            run(hub)
            hub.blobs.delete(f"lfs/{OID}")
            upload(hub, claim, DATA)
            with hub.database.write() as session:
                if info(hub).xet and info(hub).plain:
                    session.execute(delete(XetFile))
        over.set()
        assert all(each.result() for each in readers)


def test_many_files_are_found_some_at_a_time(
    hub: LargeFileHub, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub_server.objects.conversion.AT_ONCE", 3)
    oids = [upload(hub, claim, os.urandom(1000)) for _ in range(10)]
    run(hub)
    assert all(info(hub, oid).xet for oid in oids)
    week_later(hub)
    run(hub)
    assert not any(info(hub, oid).plain for oid in oids)
    assert count(hub, ObjectForm) == 0
    assert count(hub, LargeObject) == 10


@pytest.mark.parametrize(
    "fault",
    ["convert.packed:kill:n=4", "xorb.adopted:kill:n=6", "convert.verified:kill",
     "convert.recorded:kill", "slim.verified:kill", "slim.dropped:kill"],
)  # fmt: skip
def test_killed_anywhere_and_taken_up_by_another(
    make_large_file_hub: MakeHub, tmp_path: Path, small: None, fault: str
) -> None:
    hub = make_large_file_hub(FileStore(tmp_path / "blobs"))
    claim = Claim(hub.repo(hub.user("ada")), 1)
    upload(hub, claim, DATA)
    for _ in range(2):
        with hub.database.write() as session:
            enqueue(session, FIND, key="periodic", delay=-1)
        if converted_by_another(hub, tmp_path, fault):
            break
        assert hub.read(OID) == DATA
        week_later(hub)
    else:
        raise AssertionError(f"{fault} did not come")
    assert hub.read(OID) == DATA
    for _ in range(2):
        with hub.database.write() as session:
            session.execute(update(Job).values(state="ready", run_at=now() - timedelta(seconds=1)))
        run(hub)
        assert hub.read(OID) == by_chunks(hub) == DATA
        week_later(hub)
    assert not info(hub).plain
    with hub.database.read() as session:
        assert sum(session.scalars(select(Xorb.size))) < len(DATA) * 1.01


def converted_by_another(hub: LargeFileHub, folder: Path, fault: str) -> bool:
    """True if the other process was killed; it is ended when it has nothing more to do."""
    url = hub.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.unit.objects.converter", str(folder), url, fault]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and count(hub, Job):
            time.sleep(0.02)
        process.terminate()
        return process.wait() == -signal.SIGKILL
