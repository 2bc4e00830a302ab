"""Who may use which object."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from hub_server.accounts import ANONYMOUS
from hub_server.db import Database, now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.objects import LargeObject, ObjectLink, PendingLink
from hub_server.objects import Claim, Objects, ObjectsGone, TooManyPending, expiry
from tests.support.large_files import LargeFileHub, sha256
from tests.support.people import caller, make_org, make_repo

DATA = b"weights"
OID = sha256(DATA)


@pytest.fixture
def hub(large_file_hub: LargeFileHub) -> LargeFileHub:
    return large_file_hub


@pytest.fixture
def ada(hub: LargeFileHub) -> int:
    return hub.user("ada")


@pytest.fixture
def bob(hub: LargeFileHub) -> int:
    return hub.user("bob")


def linked(hub: LargeFileHub, repo_id: int, *oids: str, user_id: int | None = None) -> set[str]:
    with hub.database.read() as session:
        return set(hub.objects.is_linked(session, repo_id, oids, user_id=user_id))


def proves(hub: LargeFileHub, name: str | None, oid: str = OID) -> bool:
    who = caller(hub.database, name) if name else ANONYMOUS
    with hub.database.read() as session:
        return hub.objects.readable_elsewhere(session, who, oid) is not None


def test_an_object_is_usable_only_where_it_is_linked(hub: LargeFileHub, ada: int) -> None:
    here, there = hub.repo(ada, "here"), hub.repo(ada, "there")
    info = hub.objects.store_received(hub.received(DATA), Claim(here, ada))
    assert (info.sha256, info.size, info.pending) == (OID, len(DATA), False)
    assert hub.read(OID) == DATA
    assert linked(hub, here, OID, "f" * 64) == {OID}
    assert linked(hub, there, OID) == set()
    with hub.database.read() as session:
        assert hub.objects.lookup(session, OID) == info
        assert hub.objects.lookup(session, "f" * 64) is None
        assert hub.objects.linked_size(session, here) == len(DATA)
        assert hub.objects.linked_size(session, there) == 0


def test_the_same_bytes_are_stored_once(hub: LargeFileHub, ada: int, bob: int) -> None:
    repos = [hub.repo(ada), hub.repo(bob)]
    first = hub.objects.store_received(hub.received(DATA), Claim(repos[0], ada))
    again = hub.objects.store_received(hub.received(DATA), Claim(repos[0], ada))
    other = hub.objects.store_received(hub.received(DATA), Claim(repos[1], bob))
    assert first.id == again.id == other.id
    assert [info.key for info in hub.blobs.list("lfs/")] == [f"lfs/{OID}"]
    assert list(hub.incoming.folder.iterdir()) == []


def test_many_oids_in_one_statement(hub: LargeFileHub, ada: int) -> None:
    repo = hub.repo(ada)
    oids = [sha256(b"%d" % number) for number in range(300)]
    with hub.database.write() as session:
        for oid in oids[:200]:
            session.add(LargeObject(sha256=oid, size=1))
        session.flush()
        hub.objects.claim(session, repo, oids[:200], ada)
    assert linked(hub, repo, *oids) == set(oids[:200])
    assert linked(hub, repo) == set()


def test_a_proof_is_reading_it_elsewhere(hub: LargeFileHub, ada: int, bob: int) -> None:
    private = hub.repo(ada, "private", private=True)
    hub.objects.store_received(hub.received(DATA), Claim(private, ada))
    assert proves(hub, "ada")
    assert not proves(hub, "bob")
    assert not proves(hub, None)
    assert not proves(hub, "ada", "f" * 64)
    public = hub.repo(ada, "public")
    with hub.database.write() as session:
        hub.objects.claim(session, public, [OID], ada)
    assert proves(hub, "bob")
    assert proves(hub, None)


@pytest.mark.parametrize("column", [{"gated": "auto"}, {"disabled": True}])
def test_what_may_be_seen_but_not_read_proves_nothing(
    hub: LargeFileHub, ada: int, bob: int, column: dict[str, object]
) -> None:
    repo = hub.repo(ada, "half", **column)
    with hub.database.write() as session:
        session.add(LargeObject(id=1, sha256=OID, size=7))
        session.flush()
        session.add(ObjectLink(repo_id=repo, object_id=1, uploader_id=None))
    assert not proves(hub, "bob")


def test_a_deleted_repository_proves_nothing(hub: LargeFileHub, ada: int, bob: int) -> None:
    repo = hub.repo(ada, deleted_at=now())
    with hub.database.write() as session:
        session.add(LargeObject(id=1, sha256=OID, size=7))
        session.flush()
        session.add(ObjectLink(repo_id=repo, object_id=1, uploader_id=ada))
    assert not proves(hub, "bob")
    assert proves(hub, "ada")  # who uploaded it


class TestPending:
    @pytest.fixture
    def repo(self, hub: LargeFileHub, ada: int) -> int:
        return hub.repo(ada)

    def test_only_the_uploader_may_use_it(
        self, hub: LargeFileHub, repo: int, bob: int, ada: int
    ) -> None:
        info = hub.objects.store_received(hub.received(DATA), Claim(repo, bob, pending=True))
        assert info.pending
        assert linked(hub, repo, OID) == set()
        assert linked(hub, repo, OID, user_id=ada) == set()
        assert linked(hub, repo, OID, user_id=bob) == {OID}
        assert proves(hub, "bob")
        assert not proves(hub, "ada")

    def test_a_commit_makes_it_the_repositorys(
        self, hub: LargeFileHub, repo: int, bob: int, ada: int
    ) -> None:
        hub.objects.store_received(hub.received(DATA), Claim(repo, bob, pending=True))
        with hub.database.write() as session:
            hub.objects.claim(session, repo, [OID], bob)
            assert hub.objects.count_pending(session, bob) == 0
        assert linked(hub, repo, OID) == {OID}
        with hub.database.read() as session:
            row = hub.objects.list_linked(session, repo)[0]
            assert (row.sha256, row.uploader) == (OID, "bob")

    def test_two_readers_may_wait_with_the_same_bytes(
        self, hub: LargeFileHub, repo: int, bob: int
    ) -> None:
        eve = hub.user("eve")
        for user in (bob, eve):
            hub.objects.store_received(hub.received(DATA), Claim(repo, user, pending=True))
        assert linked(hub, repo, OID, user_id=eve) == {OID}
        with hub.database.write() as session:
            hub.objects.claim(session, repo, [OID], bob)
            assert hub.objects.count_pending(session, eve) == 1

    def test_a_day_later_it_is_gone(self, hub: LargeFileHub, repo: int, bob: int) -> None:
        hub.objects.store_received(hub.received(DATA), Claim(repo, bob, pending=True))
        with hub.database.write() as session:
            session.execute(update(PendingLink).values(expires_at=now() - timedelta(seconds=1)))
        assert linked(hub, repo, OID, user_id=bob) == set()
        expiry.expire_pending(hub.database)
        with hub.database.read() as session:
            assert session.scalars(select(PendingLink.object_id)).all() == []

    def test_a_user_may_have_so_many(
        self, hub: LargeFileHub, repo: int, bob: int, database: Database
    ) -> None:
        strict = Objects(
            database,
            hub.blobs,
            hub.incoming,
            hub.settings.model_copy(update={"pending_per_user": 2}),
        )
        for data in (b"1", b"2", b"2"):
            strict.store_received(hub.received(data), Claim(repo, bob, pending=True))
        with pytest.raises(TooManyPending):
            strict.store_received(hub.received(b"3"), Claim(repo, bob, pending=True))
        strict.store_received(hub.received(b"1"), Claim(repo, bob, pending=True))


def test_permission_is_asked_again_when_the_bytes_are_there(
    hub: LargeFileHub, ada: int, bob: int
) -> None:
    repo = hub.repo(ada)
    with pytest.raises(Exception, match="not change"):
        hub.objects.store_received(hub.received(DATA), Claim(repo, bob))
    assert linked(hub, repo, OID) == set()
    gone = hub.repo(ada, "gone", deleted_at=now())
    with pytest.raises(Exception, match="not found"):
        hub.objects.store_received(hub.received(DATA), Claim(gone, ada))
    with hub.database.write() as session:
        session.execute(update(Account).where(Account.id == ada).values(disabled_at=now()))
    with pytest.raises(Exception, match="no longer active"):
        hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
    assert list(hub.incoming.folder.iterdir()) == []


def test_a_reader_of_an_organization_may_not_link_at_once(hub: LargeFileHub, ada: int) -> None:
    bob = hub.user("bob")
    with hub.database.write() as session:
        people = [session.get_one(Account, each) for each in (ada, bob)]
        org = make_org(session, "lab", write=people[0], read=people[1])
        repo = make_repo(session, org, "shared", private=True).id
    hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
    with pytest.raises(Exception, match="not change"):
        hub.objects.store_received(hub.received(b"x"), Claim(repo, bob))
    hub.objects.store_received(hub.received(b"x"), Claim(repo, bob, pending=True))


def test_claiming_what_is_not_stored(hub: LargeFileHub, ada: int) -> None:
    repo = hub.repo(ada)
    with pytest.raises(ObjectsGone, match="f" * 64), hub.database.write() as session:
        hub.objects.claim(session, repo, ["f" * 64], ada)


def test_duplicates_lists_and_unlinking(hub: LargeFileHub, ada: int) -> None:
    source, target = hub.repo(ada, "source"), hub.repo(ada, "target")
    bodies = [b"1", b"22", b"333"]
    for body in bodies:
        hub.objects.store_received(hub.received(body), Claim(source, ada))
    with hub.database.write() as session:
        hub.objects.copy_links(session, source, target, ada)
        hub.objects.copy_links(session, source, target, ada)
        first = hub.objects.list_linked(session, target, limit=2)
        rest = hub.objects.list_linked(session, target, after=first[-1].id)
        assert [row.size for row in [*first, *rest]] == [1, 2, 3]
        assert hub.objects.linked_size(session, target) == 6
        assert hub.objects.unlink(session, source, [sha256(b"1"), sha256(b"no")]) == 1
        assert hub.objects.linked_size(session, source) == 5
        assert hub.objects.linked_size(session, target) == 6


class TestCollecting:
    def test_what_nothing_links_goes_after_a_day(self, hub: LargeFileHub, ada: int) -> None:
        repo = hub.repo(ada)
        for body in (b"kept", b"gone"):
            hub.objects.store_received(hub.received(body), Claim(repo, ada))
        with hub.database.write() as session:
            hub.objects.unlink(session, repo, [sha256(b"gone")])
        expiry.expire(hub.objects)
        assert hub.read(sha256(b"gone")) == b"gone"
        later = now() + timedelta(hours=1)
        assert expiry.collect_idle(hub.database, before=later) == 1
        with hub.database.read() as session:
            assert hub.objects.lookup(session, sha256(b"gone")) is None
            assert hub.objects.lookup(session, sha256(b"kept"))
        assert hub.read(sha256(b"gone")) == b"gone", "its bytes are left to garbage collection"

    def test_what_is_linked_again_stays(self, hub: LargeFileHub, ada: int) -> None:
        repo = hub.repo(ada)
        hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
        with hub.database.write() as session:
            hub.objects.unlink(session, repo, [OID])
        expiry.mark_idle(hub.database)
        hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
        later = now() + timedelta(hours=1)
        assert expiry.collect_idle(hub.database, before=later) == 0
        with hub.database.read() as session:
            assert session.scalar(select(LargeObject.idle_since)) is None

    def test_bytes_collected_a_moment_ago_are_asked_for_again(
        self, hub: LargeFileHub, ada: int
    ) -> None:
        """Between the adoption of a blob and its row, the collector may have taken it."""
        repo = hub.repo(ada)
        with pytest.raises(Exception, match="send it again"):
            hub.objects.keep(Claim(repo, ada), OID, len(DATA))
        assert linked(hub, repo, OID) == set()
        with hub.database.read() as session:
            assert hub.objects.lookup(session, OID) is None

    def test_bytes_that_somebody_else_has_brought_since_stay(
        self, hub: LargeFileHub, ada: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They were gone at the first look; another upload has stored and linked them by now."""
        repo, other = hub.repo(ada), hub.repo(ada, "other")
        real, looks = type(hub.blobs).size, []

        def size(store: object, key: str) -> int | None:
            looks.append(key)
            if len(looks) > 1:
                return real(store, key)  # type: ignore[arg-type]
            hub.objects.store_received(hub.received(DATA), Claim(other, ada))
            return None

        monkeypatch.setattr(type(hub.blobs), "size", size)
        assert hub.objects.keep(Claim(repo, ada), OID, len(DATA)).size == len(DATA)
        assert linked(hub, repo, OID) == linked(hub, other, OID) == {OID}

    @pytest.mark.parametrize("large_file_hub", ["file", "passing"], indirect=True)
    def test_stray_bytes_are_swept(self, hub: LargeFileHub) -> None:
        ada = hub.user("ada")
        path = hub.incoming.folder / "part"
        path.write_bytes(b"x" * 10)
        hub.blobs.put("incoming/stray", path)
        stray = hub.blobs.start_parts("incoming/parts", part_size=10)
        hub.blobs.put_part("incoming/parts", stray, 1, path)
        repo = hub.repo(ada)
        hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
        path.unlink()
        before = datetime(2001, 1, 1, tzinfo=UTC)  # moto dates every upload to 2010
        expiry.sweep_stray(hub.database, hub.blobs, before=before)
        assert len(list(hub.blobs.unfinished("incoming/"))) == 1
        expiry.sweep_stray(hub.database, hub.blobs, before=now() + timedelta(hours=1))
        assert list(hub.blobs.unfinished("incoming/")) == []
        assert list(hub.blobs.list("incoming/")) == []
        assert hub.read(OID) == DATA
