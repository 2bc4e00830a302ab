"""What a row names is never removed, whoever writes meanwhile; what is marked can be kept."""

import io
import itertools
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub_server import faults, git, repos
from hub_server.db import now
from hub_server.db.facts import write_fact
from hub_server.db.tables.objects import LargeObject, ObjectForm
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.upkeep import DoomedBlob
from hub_server.db.tables.xet import XetFile, Xorb, XorbRight
from hub_server.errors import Unavailable
from hub_server.gitstore import keep_blobs
from hub_server.objects import Claim, UploadEnded, Wanted, expiry, xorb_expiry
from hub_server.objects import store as objects_store
from hub_server.upkeep import Doomed, ForeignStore, Plan, collect, collecting, preview, undo
from tests.support.xorbs import kept, noise, packed
from tests.unit.upkeep.hubs import Place, oid_of

WEEK = timedelta(days=7)
AT_ONCE = timedelta(seconds=-3600)
"""A grace by which even what is being written is old, were it not for the rows."""
MARKING = Plan(AT_ONCE, WEEK)
REMOVING = Plan(AT_ONCE, timedelta(0))
ORPHANS = (
    f"lfs/{'0' * 64}", f"xorb/{'0' * 64}", "pack/77-00-none.pack", "pack/77-00-none.idx",
)  # fmt: skip


def orphan(place: Place, key: str = ORPHANS[0]) -> None:
    path = place.folder / "orphan"
    path.write_bytes(b"orphan")
    place.hub.blobs.put(key, path)


def run(place: Place, plan: Plan) -> dict[str, str]:
    told: list[Doomed] = []
    collect(place.hub, plan, told.append)
    assert len({doomed.key for doomed in told}) == len(told), "each is told once"
    return {doomed.key: doomed.fate for doomed in told}


def everything(place: Place) -> set[str]:
    return place.keys("lfs/") | place.keys("pack/") | place.keys("xorb/")


def test_marks_first_removes_later_and_keeps_all_that_rows_name(place: Place) -> None:
    place.write_chunks(place.fill(), "chunks.bin", b"chunks" * 5000)
    kept = everything(place)
    for key in ORPHANS:
        orphan(place, key)
    assert run(place, Plan(timedelta(hours=24), WEEK)) == {}, "what is young is left alone"
    assert {doomed.fate for doomed in preview(place.hub, MARKING)} == {"marked"}
    assert everything(place) == kept | set(ORPHANS)
    assert run(place, MARKING) == dict.fromkeys(ORPHANS, "marked")
    assert run(place, MARKING) == dict.fromkeys(ORPHANS, "waits")
    assert {(each.key, each.fate, each.size) for each in preview(place.hub, MARKING)} == {
        (key, "waits", 6) for key in ORPHANS
    }
    assert everything(place) == kept | set(ORPHANS)
    with place.hub.database.write() as session:
        session.execute(update(DoomedBlob).values(marked_at=now() - WEEK - timedelta(hours=1)))
    assert {each.fate for each in preview(place.hub, MARKING)} == {"removed"}
    assert run(place, MARKING) == dict.fromkeys(ORPHANS, "removed")
    assert everything(place) == kept
    assert place.fsck() == []
    assert run(place, REMOVING) == {}


def test_undo_gives_the_days_back(place: Place) -> None:
    orphan(place)
    run(place, MARKING)
    with place.hub.database.write() as session:
        session.execute(update(DoomedBlob).values(marked_at=now() - WEEK - timedelta(hours=1)))
    assert undo(place.hub) == (1, 6)
    assert undo(place.hub) == (0, 0)
    assert run(place, MARKING) == {ORPHANS[0]: "marked"}
    assert ORPHANS[0] in everything(place)


def test_what_is_named_again_is_kept(place: Place) -> None:
    """Somebody sends the same bytes again, or an older database is brought back."""
    repo = place.fill()
    data = b"tiny" * 1000
    oid = oid_of(data)
    with place.hub.database.write() as session:
        place.hub.objects.unlink(session, repo.id, [oid])
    expiry.mark_idle(place.hub.database)
    assert expiry.collect_idle(place.hub.database, before=now() + timedelta(hours=1)) == 1
    assert run(place, MARKING) == {f"lfs/{oid}": "marked"}
    assert place.upload(repo, data) == oid
    assert run(place, MARKING) == {f"lfs/{oid}": "kept"}
    with place.hub.database.read() as session:
        assert session.scalar(select(func.count()).select_from(DoomedBlob)) == 0
    assert run(place, REMOVING) == {}
    assert place.errors() == []


def test_deleted_repositories_leave_their_bytes_to_the_collector(place: Place) -> None:
    gone, stays = place.fill("gone"), place.fill("stays")
    mine = set(place.packs(gone))
    with place.hub.database.write() as session:
        repos.delete(session, session.get_one(Repo, gone.id))
    assert run(place, REMOVING) == {}, "it can still be brought back"
    with place.hub.database.write() as session:
        assert repos.purge_deleted(session, before=now() + timedelta(hours=1))
    expiry.mark_idle(place.hub.database)
    assert expiry.collect_idle(place.hub.database, before=now() + timedelta(hours=1)) == 2
    assert mine <= everything(place)
    removed = run(place, REMOVING)
    assert mine <= removed.keys()
    assert place.errors() == []
    assert place.errors(repo_id=stays.id) == []


def test_unfinished_uploads_and_caches_need_no_mark(place: Place) -> None:
    repo = place.repo()
    claim = Claim(repo.id, place.ada.user_id)
    upload = place.hub.objects.start_upload(Wanted(claim, "1" * 64, 10, 10, direct=False))
    path = place.folder / "part"
    path.write_bytes(b"x" * 10)
    place.hub.blobs.put("incoming/left", path)
    place.hub.blobs.put("cache/some", path)
    assert "incoming/left" not in run(place, REMOVING), "whatever the grace, an hour at least"
    old = Plan(timedelta(0), WEEK)
    told: list[Doomed] = []
    later = now() + timedelta(hours=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "now", lambda: later)
        assert {each.key for each in preview(place.hub, old)} == {"incoming/left"}
        collect(place.hub, old, told.append)
    assert [(each.key, each.fate) for each in told] == [("incoming/left", "removed")]
    assert place.keys("cache/") == {"cache/owner"}
    assert place.hub.objects.find_upload(upload.token).state == "open"
    assert list(place.hub.blobs.unfinished("incoming/"))


def test_the_blobs_of_another_hub_are_left_alone(place: Place) -> None:
    place.fill()
    run(place, MARKING)
    with place.hub.database.write() as session:
        write_fact(session, "hub", "another hub")
    for step in (lambda: run(place, REMOVING), lambda: list(preview(place.hub, REMOVING))):
        with pytest.raises(ForeignStore):
            step()


def test_nothing_is_removed_during_a_backup(place: Place) -> None:
    orphan(place)
    with place.hub.database.write() as session:
        keep_blobs(session, 3600)
    assert run(place, REMOVING) == {ORPHANS[0]: "waits"}
    assert ORPHANS[0] in everything(place)


def test_a_clock_that_jumps_harms_nothing_that_was_promised(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = place.fill()
    claim = Claim(repo.id, place.ada.user_id)
    wanted = Wanted(claim, oid_of(b"x" * 10), 10, 10, direct=False)
    upload = place.hub.objects.start_upload(wanted)
    kept = everything(place)
    ahead = now() + timedelta(days=400)
    for module in (collecting, expiry, objects_store.uploads):
        monkeypatch.setattr(module, "now", lambda: ahead)
    run(place, Plan(timedelta(hours=24), WEEK))
    assert everything(place) == kept
    with pytest.raises(UploadEnded):
        place.hub.objects.finish_upload(upload.token)
    monkeypatch.undo()
    with place.hub.database.write() as session:
        session.execute(delete(DoomedBlob))
    orphan(place)
    with place.hub.database.write() as session:
        session.add(DoomedBlob(key=ORPHANS[0], size=6, marked_at=ahead))
    run(place, MARKING)
    with place.hub.database.read() as session:
        assert session.scalar(select(DoomedBlob.marked_at)) < now() + timedelta(minutes=1)
    place.write_large(repo, "later.bin", b"later" * 100)
    assert place.errors() == []


POINTS = ("gc.marked", "gc.checked", "gc.removing", "gc.blob_gone", "gc.removed")


@pytest.mark.parametrize("point", POINTS)
def test_cut_off_anywhere_and_done_again(lite: Place, point: str) -> None:
    repo = lite.fill()
    for key in ORPHANS:
        orphan(lite, key)
    faults.arm(f"{point}:error:n=1")
    try:
        with pytest.raises(faults.InjectedFault):
            run(lite, REMOVING)
    finally:
        faults.arm("")
    assert lite.errors() == []
    with lite.hub.database.read() as session:
        for table in (LargeObject, Xorb):
            placeholders = select(func.count()).select_from(table).where(table.size == 0)
            assert session.scalar(placeholders) == 0
    run(lite, REMOVING)
    assert not set(ORPHANS) & everything(lite)
    with lite.hub.database.read() as session:
        assert session.scalar(select(func.count()).select_from(DoomedBlob)) == 0
    lite.write_large(repo, "z.bin", b"z")
    assert lite.fsck() == []


def test_bytes_that_come_while_they_are_removed_are_asked_for_again(place: Place) -> None:
    """The upload stands between its blob and its row when the collector removes the blob."""
    repo = place.repo()
    data = b"just now" * 100
    key = f"lfs/{oid_of(data)}"
    received = place.hub.incoming.receive(io.BytesIO(data), limit=len(data))
    place.hub.blobs.adopt(key, received.path)
    assert run(place, REMOVING)[key] == "removed"
    claim = Claim(repo.id, place.ada.user_id)
    with pytest.raises(Unavailable, match="send it again"):
        place.hub.objects.keep(claim, oid_of(data), len(data))
    assert place.upload(repo, data) == oid_of(data)
    assert place.errors() == []


def test_a_recorder_waits_for_the_collector_that_is_at_the_same_bytes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock the row would be written between the last look and the removal."""
    repo = place.repo()
    data = b"contended" * 100
    key = f"lfs/{oid_of(data)}"
    orphan(place, key)
    inside, done = threading.Event(), threading.Event()
    real = type(place.hub.blobs).delete

    def slow(store: Any, asked: str) -> None:
        if asked == key:
            inside.set()
            time.sleep(0.5)
            assert not done.is_set(), "the row was recorded in the middle of the removal"
        real(store, asked)

    monkeypatch.setattr(type(place.hub.blobs), "delete", slow)
    collector = threading.Thread(target=run, args=(place, REMOVING))
    collector.start()
    assert inside.wait(20)
    claim = Claim(repo.id, place.ada.user_id)
    with pytest.raises(Unavailable, match="send it again"):
        place.hub.objects.keep(claim, oid_of(data), len(data))
    done.set()
    collector.join()
    assert place.errors() == []


def test_a_plain_form_without_a_row_goes_and_the_object_stays(place: Place) -> None:
    """The row of a large file does not name its plain bytes: it may be stored as chunks."""
    repo = place.repo()
    data = noise(30_000)
    oid = place.write_large(repo, "a.bin", data)
    place.upload_chunks(repo, data)
    assert run(place, REMOVING) == {}
    with place.hub.database.write() as session:
        session.execute(delete(ObjectForm))
    assert run(place, REMOVING) == {f"lfs/{oid}": "removed"}
    with place.hub.objects.open(oid) as reader:
        assert reader.read() == data
    assert place.upload(repo, data) == oid
    assert run(place, REMOVING) == {}
    assert place.read(f"lfs/{oid}") == data
    assert place.errors() == []


def test_plain_bytes_that_come_while_they_are_removed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object is stored as chunks, so its row is there; whoever records the plain form waits."""
    repo = place.repo()
    data = noise(30_000)
    oid = place.write_chunks(repo, "a.bin", data)
    key = f"lfs/{oid}"
    place.hub.blobs.put(key, io.BytesIO(data))
    with pytest.raises(Unavailable, match="send it again"):
        recorded_meanwhile(
            place, monkeypatch, key,
            lambda: place.hub.objects.keep(Claim(repo.id, place.ada.user_id), oid, len(data)),
        )  # fmt: skip
    with place.hub.database.read() as session:
        assert hub_info(place, session, oid) == (False, True)
    with place.hub.objects.open(oid) as reader:
        assert reader.read() == data
    assert place.upload(repo, data) == oid
    assert place.errors() == []


def hub_info(place: Place, session: Session, oid: str) -> tuple[bool, bool]:
    info = place.hub.objects.lookup(session, oid)
    assert info
    return info.plain, info.xet is not None


def test_a_xorb_that_comes_while_its_bytes_are_removed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender stands between blob and row, and waits for the collector."""
    chunks = [noise(9000, 1), noise(9000, 2)]
    received, index = packed(place.hub, chunks)
    key = f"xorb/{received.digest}"
    place.hub.blobs.put(key, received.path)
    if place.hub.blobs.local_path(key) is not None:  # a directory takes the bytes in once more
        monkeypatch.setattr(place.hub.blobs, "adopt", lambda key, path: path.unlink())
    with pytest.raises(Unavailable, match="send it again"):
        recorded_meanwhile(
            place, monkeypatch, key, lambda: place.hub.objects.xorbs.keep(received, index, None)
        )
    monkeypatch.undo()
    stored = kept(place.hub, chunks)
    assert run(place, REMOVING) == {}
    assert stored.key in everything(place)
    assert place.errors() == []


def recorded_meanwhile(
    place: Place, monkeypatch: pytest.MonkeyPatch, key: str, record: Callable[[], object]
) -> None:
    """Record what `key` holds while the collector is about to remove it."""
    inside, done = threading.Event(), threading.Event()
    real = type(place.hub.blobs).delete

    def slow(store: Any, asked: str) -> None:
        if asked == key:
            inside.set()
            time.sleep(0.5)
            assert not done.is_set(), "the row was recorded in the middle of the removal"
        real(store, asked)

    monkeypatch.setattr(type(place.hub.blobs), "delete", slow)
    collector = threading.Thread(target=run, args=(place, REMOVING))
    collector.start()
    assert inside.wait(20)
    try:
        record()
    finally:
        done.set()
        collector.join()


class Load:
    """Threads that write, remove and write again, and what they were told is stored."""

    def __init__(self, place: Place, seconds: float) -> None:
        self.place = place
        self.until = time.monotonic() + seconds
        self.files: dict[tuple[int, str], bytes] = {}
        self.retries = 0
        self.failures: list[BaseException] = []

    def run(self, *steps: Callable[[random.Random], None]) -> None:
        threads = [
            threading.Thread(target=self._loop, args=(step, random.Random(number)))
            for number, step in enumerate(steps)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _loop(self, step: Callable[[random.Random], None], chance: random.Random) -> None:
        try:
            while time.monotonic() < self.until:
                try:
                    step(chance)
                except Unavailable:
                    self.retries += 1
        except BaseException as failure:
            self.failures.append(failure)
            raise

    def write_large(self, repo: Repo) -> Callable[[random.Random], None]:
        """The same few contents over and over, from several repositories."""

        def step(chance: random.Random) -> None:
            data = b"%d" % chance.randrange(4) * 700
            path = f"f{chance.randrange(3)}.bin"
            self.place.write_large(repo, path, data)
            self.files[repo.id, path] = data

        return step

    def write_chunks(self, repo: Repo) -> Callable[[random.Random], None]:
        """The same contents as chunks, from xorbs that others send too."""

        def step(chance: random.Random) -> None:
            data = b"%d" % chance.randrange(4) * 700
            path = f"x{chance.randrange(3)}.bin"
            self.place.write_chunks(repo, path, data)
            self.files[repo.id, path] = data

        return step

    def slim(self, _: random.Random) -> None:
        """Plain forms go where there are chunks, xorbs where no file uses them."""
        database = self.place.hub.database
        with database.write() as session:
            session.execute(
                delete(ObjectForm).where(ObjectForm.object_id.in_(select(XetFile.object_id)))
            )
        xorb_expiry.mark_idle_xorbs(database)
        with database.write() as session:
            session.execute(delete(XorbRight))
        xorb_expiry.collect_idle_xorbs(database, before=now() + timedelta(hours=1))

    def forget(self, repo: Repo) -> Callable[[random.Random], None]:
        """Upload without a commit, take it away, let the row go at once."""

        def step(chance: random.Random) -> None:
            oid = self.place.upload(repo, b"%d" % chance.randrange(4) * 700)
            database = self.place.hub.database
            with database.write() as session:
                self.place.hub.objects.unlink(session, repo.id, [oid])
            expiry.mark_idle(database)
            expiry.collect_idle(database, before=now() + timedelta(hours=1))

        return step

    def push(self, repo: Repo) -> Callable[[random.Random], None]:
        numbers = itertools.count()

        def step(_: random.Random) -> None:
            data = b"text %d" % next(numbers)
            self.place.write(repo, text=data)
            self.files[repo.id, "text"] = data

        return step

    def collect(self, _: random.Random) -> None:
        run(self.place, REMOVING)


def test_no_chunks_that_were_acknowledged_are_ever_removed(place: Place) -> None:
    one, two, three = (place.repo(name) for name in ("one", "two", "three"))
    load = Load(place, 4)
    load.run(
        load.write_chunks(one), load.write_chunks(two), load.write_large(two), load.forget(three),
        load.slim, load.collect, load.collect,
    )  # fmt: skip
    assert load.failures == []
    assert len(load.files) > 4
    assert place.errors() == []
    for data in load.files.values():
        with place.hub.objects.open(oid_of(data), size=len(data)) as reader:
            assert reader.read() == data


def test_nothing_that_was_acknowledged_is_ever_removed(place: Place) -> None:
    one, two, three = (place.repo(name) for name in ("one", "two", "three"))
    load = Load(place, 4)
    load.run(
        load.write_large(one), load.write_large(two), load.push(one), load.forget(three),
        load.forget(three), load.collect, load.collect,
    )  # fmt: skip
    assert load.failures == []
    assert len(load.files) > 4
    assert place.errors() == []
    for (repo_id, path), data in load.files.items():
        if path.endswith(".bin"):
            assert place.read(f"lfs/{oid_of(data)}") == data
        else:
            view = place.other_node().hub.git.open(repo_id)
            commit = view.resolve("main").commit
            entry = git.entry_at(view.objects, git.read_commit(view.objects, commit).tree, b"text")
            assert entry
            assert view.objects.read(entry.id)[1] == data
