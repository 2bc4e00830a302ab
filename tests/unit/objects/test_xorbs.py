"""Xorbs are stored once, whoever sends them; who may build on which chunks; when they go."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select, update

from hub_server import faults
from hub_server.accounts import ANONYMOUS, Caller
from hub_server.blobs import Received
from hub_server.chunks import check_xorb, to_text
from hub_server.db import now
from hub_server.db.tables.xet import XetChunk, Xorb, XorbRight
from hub_server.errors import Lost, Unavailable
from hub_server.faults import InjectedFault
from hub_server.gitstore import keep_blobs
from hub_server.objects import Claim, StoredXorb, Term, covers, expire, merged, ranges, xorb_expiry
from tests.support.large_files import LargeFileHub, sha256
from tests.support.people import caller
from tests.support.xorbs import (
    CHUNK,
    kept,
    make_file,
    noise,
    packed,
    pieces,
    record,
    stored_otherwise,
)

EVERYWHERE = pytest.mark.parametrize("large_file_hub", ["file", "passing"], indirect=True)
CHUNKS = pieces(noise(4 * CHUNK) + bytes(2 * CHUNK))
MONTH = timedelta(days=30)


@pytest.fixture
def hub(large_file_hub: LargeFileHub) -> LargeFileHub:
    return large_file_hub


@pytest.fixture
def ada(hub: LargeFileHub) -> int:
    return hub.user("ada")


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faults.arm("")


def blobs(hub: LargeFileHub) -> set[str]:
    assert not list(hub.incoming.folder.iterdir())
    return {info.key for info in hub.blobs.list("xorb/")}


def read(hub: LargeFileHub, xorb: StoredXorb) -> bytes:
    with hub.objects.xorbs.open(xorb) as reader:
        return reader.read()


def sent(hub: LargeFileHub, body: bytes, user: int | None) -> StoredXorb:
    return hub.objects.xorbs.keep(hub.received(body), check_xorb(body), user)


def usable(hub: LargeFileHub, who: Caller, xorb: StoredXorb, **options: bool) -> ranges.Ranges:
    with hub.database.read() as session:
        found = hub.objects.xorbs.usable(session, who, [xorb.hash, "0" * 64], **options)
    assert set(found) <= {xorb.hash}
    return found.get(xorb.hash, ())


def count(hub: LargeFileHub) -> int:
    with hub.database.read() as session:
        return session.scalar(select(func.count()).select_from(Xorb)) or 0


@EVERYWHERE
def test_a_xorb_is_stored_once_under_its_bytes(hub: LargeFileHub, ada: int) -> None:
    received, index = packed(hub, CHUNKS)
    body = received.path.read_bytes()
    first = hub.objects.xorbs.keep(received, index, ada)
    assert (first.hash, first.sha256) == (to_text(index.xorb_hash()), sha256(body))
    assert (first.size, first.index.to_bytes()) == (len(body), index.to_bytes())
    assert read(hub, first) == body
    again = sent(hub, body, ada)
    other = sent(hub, stored_otherwise(CHUNKS), ada)
    assert first == again == other, "another compression of it is dropped"
    assert blobs(hub) == {first.key}
    with hub.database.read() as session:
        assert hub.objects.xorbs.find(session, [first.hash, "0" * 64]) == {first.hash: first}
        assert hub.objects.xorbs.has_whole_right(session, ada, first.hash)
        assert not hub.objects.xorbs.has_whole_right(session, None, first.hash)


def test_a_footer_is_left_out(hub: LargeFileHub, ada: int) -> None:
    received, index = packed(hub, CHUNKS)
    alone = received.path.read_bytes()
    with received.path.open("ab") as file:
        file.write(b"XETBLOB and more")
    whole = received.path.read_bytes()
    given = Received(received.path, sha256(whole), len(whole))
    stored = hub.objects.xorbs.keep(given, index, ada)
    assert (stored.sha256, stored.size) == (sha256(alone), len(alone))
    assert read(hub, stored) == alone


@EVERYWHERE
@pytest.mark.parametrize("otherwise", [False, True])
def test_what_is_lost_comes_back_by_sending_it_again(
    hub: LargeFileHub, ada: int, otherwise: bool
) -> None:
    stored = kept(hub, CHUNKS, ada)
    body = stored_otherwise(CHUNKS) if otherwise else read(hub, stored)
    hub.blobs.delete(stored.key)
    for opened in (hub.objects.xorbs.open, lambda xorb: hub.objects.xorbs.open(xorb, 5, 5)):
        with pytest.raises(Lost):
            opened(stored)
    assert hub.objects.xorbs.local_path(stored) is None
    again = sent(hub, body, ada)
    assert (again.id, again.sha256) == (stored.id, sha256(body))
    assert read(hub, again) == body
    assert again.index.to_bytes() == check_xorb(body).to_bytes()
    with hub.database.read() as session:
        assert hub.objects.xorbs.find(session, [again.hash])[again.hash] == again


def test_many_send_the_same_at_once(hub: LargeFileHub, ada: int) -> None:
    bodies = [stored_otherwise(CHUNKS), packed(hub, CHUNKS)[0].path.read_bytes()] * 4
    for left in hub.incoming.folder.iterdir():
        left.unlink()
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda body: sent(hub, body, ada), bodies))
    assert len({(each.id, each.sha256) for each in stored}) == 1
    assert read(hub, stored[0]) in bodies
    assert stored[0].key in blobs(hub)


@pytest.mark.parametrize("point", ["xorb.received", "xorb.adopted", "xorb.kept"])
def test_cut_off_and_sent_again(hub: LargeFileHub, ada: int, point: str) -> None:
    body = stored_otherwise(CHUNKS)
    faults.arm(f"{point}:error")
    with pytest.raises(InjectedFault):
        sent(hub, body, ada)
    faults.arm("")
    stored = sent(hub, body, ada)
    assert read(hub, stored) == body


def test_bytes_that_were_collected_before_their_row_was_written(
    hub: LargeFileHub, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = stored_otherwise(CHUNKS)
    real = hub.blobs.adopt
    monkeypatch.setattr(hub.blobs, "adopt", lambda key, path: hub.blobs.delete(key))
    with pytest.raises(Unavailable, match="send it again"):
        sent(hub, body, ada)
    assert count(hub) == 0
    monkeypatch.setattr(hub.blobs, "adopt", real)
    assert read(hub, sent(hub, body, ada)) == body


class TestRights:
    def test_sent_chunks_are_usable_for_a_month(self, hub: LargeFileHub, ada: int) -> None:
        xorb = kept(hub, CHUNKS, ada)
        bob = hub.user("bob")
        assert usable(hub, caller(hub.database, "ada"), xorb) == ((0, 6),)
        assert usable(hub, caller(hub.database, "bob"), xorb) == ()
        assert usable(hub, ANONYMOUS, xorb) == ()
        assert kept(hub, CHUNKS, bob) == xorb, "dropped as known, and a right all the same"
        assert usable(hub, caller(hub.database, "bob"), xorb) == ((0, 6),)
        with hub.database.write() as session:
            left = session.scalars(select(XorbRight.expires_at)).all()
            assert all(now() + MONTH - timedelta(hours=1) < each < now() + MONTH for each in left)
            session.execute(update(XorbRight).values(expires_at=now()))
        assert usable(hub, caller(hub.database, "ada"), xorb) == ()
        with hub.database.read() as session:
            assert not hub.objects.xorbs.has_whole_right(session, ada, xorb.hash)

    def test_offered_chunks_until_the_offer_ends(self, hub: LargeFileHub, ada: int) -> None:
        xorb = kept(hub, CHUNKS)
        who, week = caller(hub.database, "ada"), now() + timedelta(days=7)
        self.offer(hub, ada, xorb.id, ((1, 2),), week)
        assert usable(hub, who, xorb) == ((1, 2),)
        assert usable(hub, who, xorb, offered=False) == ()
        self.offer(hub, ada, xorb.id, ((2, 3), (5, 6)), week - timedelta(days=1))
        assert usable(hub, who, xorb) == ((1, 3), (5, 6))
        with hub.database.write() as session:
            assert session.scalars(select(XorbRight.expires_at)).one() == week
            session.execute(update(XorbRight).values(expires_at=now()))
        assert usable(hub, who, xorb) == ()
        self.offer(hub, ada, xorb.id, ((0, 1),), week)
        assert usable(hub, who, xorb) == ((0, 1),), "what was offered before is over"
        kept(hub, CHUNKS, ada)
        self.offer(hub, ada, xorb.id, ((0, 1),), week)
        assert usable(hub, who, xorb, offered=False) == ((0, 6),), "an offer takes nothing away"
        with hub.database.write() as session:
            assert not hub.objects.xorbs.offer(session, ada, xorb.id + 99, ((0, 1),), week)

    @staticmethod
    def offer(hub: LargeFileHub, user: int, xorb: int, spans: ranges.Ranges, until: object) -> None:
        with hub.database.write() as session:
            assert hub.objects.xorbs.offer(session, user, xorb, spans, until)  # type: ignore[arg-type]

    def test_what_files_use_that_the_caller_can_read(self, hub: LargeFileHub, ada: int) -> None:
        hub.user("bob")
        private, public = hub.repo(ada, "mine", private=True), hub.repo(ada, "ours")
        xorb = kept(hub, CHUNKS)
        for repo, first, end in ((private, 0, 2), (public, 3, 5), (public, 4, 6)):
            data = b"".join(CHUNKS[first:end])
            record(hub, Claim(repo, ada), [Term(xorb, first, end)], data)
        assert usable(hub, caller(hub.database, "ada"), xorb) == ((0, 2), (3, 6))
        assert usable(hub, caller(hub.database, "bob"), xorb) == ((3, 6),)
        assert usable(hub, ANONYMOUS, xorb) == ((3, 6),)

    def test_holders_of_a_chunk(self, hub: LargeFileHub, ada: int) -> None:
        xorbs = [kept(hub, CHUNKS[: 2 + number]) for number in range(3)]
        with hub.database.write() as session:
            for xorb in xorbs:
                session.add(XetChunk(hash="a" * 64, xorb_id=xorb.id, number=0))
        with hub.database.read() as session:
            assert hub.objects.xorbs.holding(session, "a" * 64) == xorbs[::-1]
            assert hub.objects.xorbs.holding(session, "b" * 64) == []


class TestExpiry:
    def later(self, hub: LargeFileHub, days: float) -> None:
        """As if so many days had gone by since rows were written."""
        ago = timedelta(days=days)
        with hub.database.write() as session:
            for xorb in session.scalars(select(Xorb).where(Xorb.idle_since.is_not(None))):
                assert xorb.idle_since
                xorb.idle_since -= ago
            for right in session.scalars(select(XorbRight)):
                right.expires_at -= ago

    def test_unused_xorbs_go_after_a_month(self, hub: LargeFileHub, ada: int) -> None:
        nobodys, sent_by_ada = kept(hub, CHUNKS[:2]), kept(hub, CHUNKS[:3], ada)
        used = make_file(hub, Claim(hub.repo(ada), ada), noise(9000, 5))
        expire(hub.objects)
        self.later(hub, 29.9)
        expire(hub.objects)
        assert count(hub) == 3
        with hub.database.write() as session:
            hub.objects.xorbs.offer(
                session, ada, nobodys.id, ((0, 1),), now() + timedelta(days=0.3)
            )
        self.later(hub, 0.2)
        expire(hub.objects)
        with hub.database.read() as session:
            left = hub.objects.xorbs.find(
                session, [nobodys.hash, sent_by_ada.hash, used.terms[0].xorb.hash]
            )
        assert set(left) == {nobodys.hash, used.terms[0].xorb.hash}, "a right protects"
        self.later(hub, 0.2)
        expire(hub.objects)
        assert count(hub) == 1
        with hub.database.read() as session:
            assert session.scalar(select(func.count()).select_from(XorbRight)) == 0
        assert nobodys.key in blobs(hub), "its bytes are left to garbage collection"
        assert hub.read(used.oid) == used.data

    def test_files_that_go_leave_their_xorbs_idle(self, hub: LargeFileHub, ada: int) -> None:
        repo = hub.repo(ada)
        made = make_file(hub, Claim(repo, ada), noise(3 * CHUNK))
        with hub.database.write() as session:
            hub.objects.unlink(session, repo, [made.oid])
        expire(hub.objects)
        from hub_server.objects import expiry

        assert expiry.collect_idle(hub.database, before=now() + timedelta(hours=1)) == 1
        expire(hub.objects)
        with hub.database.read() as session:
            assert hub.objects.xet_files.of(session, made.oid) is None
            assert session.scalars(select(Xorb.idle_since)).one() is not None
        record(hub, Claim(repo, ada), made.terms, made.data)
        with hub.database.read() as session:
            assert session.scalars(select(Xorb.idle_since)).one() is None
        assert hub.read(made.oid) == made.data

    def test_nothing_goes_during_a_backup(self, hub: LargeFileHub) -> None:
        kept(hub, CHUNKS)
        expire(hub.objects)
        self.later(hub, 31)
        with hub.database.write() as session:
            keep_blobs(session, 3600)
        expire(hub.objects)
        assert count(hub) == 1

    def test_whoever_builds_on_a_xorb_meets_no_collector(self, hub: LargeFileHub, ada: int) -> None:
        """Either the file is recorded and the xorb stays, or it is told that the xorb is gone."""
        claim = Claim(hub.repo(ada), ada)
        for number in range(6):
            data = noise(9000, number)
            xorb = kept(hub, [data])
            xorb_expiry.mark_idle_xorbs(hub.database)
            self.later(hub, 31)
            faults.arm("xorb.collecting:sleep=0.1")
            with ThreadPoolExecutor(2) as pool:
                going = pool.submit(
                    xorb_expiry.collect_idle_xorbs, hub.database, before=now() - MONTH
                )
                terms = [Term(xorb, 0, 1)]
                coming = pool.submit(self.recorded, partial(record, hub, claim, terms, data))
            faults.arm("")
            assert coming.result() == (going.result() == 0)
            if coming.result():
                assert hub.read(sha256(data)) == data

    @staticmethod
    def recorded(attempt: Callable[[], object]) -> bool:
        try:
            attempt()
        except Unavailable:
            return False
        return True


def test_spans_of_chunks() -> None:
    assert merged([(5, 6), (0, 2), (2, 3), (9, 9), (5, 8)]) == ((0, 3), (5, 8))
    assert ranges.from_text(ranges.to_text(((0, 3), (5, 8)))) == ((0, 3), (5, 8))
    assert ranges.to_text(((0, 3), (5, 8))) == "0-3 5-8"
    assert covers(((0, 3), (5, 8)), 1, 3)
    assert not covers(((0, 3), (5, 8)), 2, 6)


def test_a_stored_file_is_the_one_that_was_received(hub: LargeFileHub, ada: int) -> None:
    stored = kept(hub, CHUNKS, ada)
    path = hub.objects.xorbs.local_path(stored)
    assert path
    assert check_xorb(path.read_bytes()).to_bytes() == stored.index.to_bytes()
    with hub.objects.xorbs.open(stored, 8, 100) as reader:
        assert io.BytesIO(reader.read()).read() == path.read_bytes()[8:108]
