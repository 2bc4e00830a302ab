"""Files of terms: recorded with their links, found by either name, one form for each content."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from hub_server import faults
from hub_server.accounts import ANONYMOUS
from hub_server.db.tables.objects import LargeObject, ObjectForm, ObjectLink
from hub_server.db.tables.xet import XetChunk, XetFile, XetTerm
from hub_server.errors import BadRequest, Forbidden, RepoNotFound, Unavailable
from hub_server.faults import InjectedFault
from hub_server.objects import Claim, StoredXorb, Term, TooManyPending
from tests.support.large_files import LargeFileHub, sha256
from tests.support.people import caller
from tests.support.xorbs import CHUNK, file_hash_of, kept, make_file, noise, pieces, record

DATA = noise(20 * CHUNK)
OID = sha256(DATA)


@pytest.fixture
def hub(large_file_hub: LargeFileHub) -> LargeFileHub:
    return large_file_hub


@pytest.fixture
def ada(hub: LargeFileHub) -> int:
    return hub.user("ada")


@pytest.fixture
def repo(hub: LargeFileHub, ada: int) -> int:
    return hub.repo(ada)


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faults.arm("")


def rows(hub: LargeFileHub, *tables: type) -> list[int]:
    with hub.database.read() as session:
        return [session.scalar(select(func.count()).select_from(each)) or 0 for each in tables]


def test_a_file_is_found_by_either_name(hub: LargeFileHub, ada: int, repo: int) -> None:
    made = make_file(hub, Claim(repo, ada), DATA)
    name = file_hash_of(pieces(DATA))
    assert made.info.xet == name
    with hub.database.read() as session:
        files = hub.objects.xet_files
        file = files.find(session, name)
        assert file == files.of(session, OID)
        assert file
        assert (file.object_id, file.sha256, file.hash, file.size) == (
            made.info.id, OID, name, len(DATA),
        )  # fmt: skip
        assert files.find(session, "0" * 64) is files.of(session, "0" * 64) is None
        placed = files.terms(session, file.object_id)
        assert [(each.xorb, each.first, each.end) for each in placed] == [
            (term.xorb, term.first, term.end) for term in made.terms
        ]
        assert [each.offset for each in placed] == [0, 8 * CHUNK, 16 * CHUNK]
        assert [each.length for each in placed] == [8 * CHUNK, 8 * CHUNK, 4 * CHUNK]
        middle = files.terms(session, file.object_id, 8 * CHUNK, 8 * CHUNK + 1)
        assert middle == placed[1:2]
        assert files.terms(session, file.object_id, 8 * CHUNK - 1, 16 * CHUNK) == placed[:2]
        assert files.terms(session, file.object_id, len(DATA)) == []
        for info in (
            hub.objects.lookup(session, OID),
            hub.objects.is_linked(session, repo, [OID])[OID],
            hub.objects.provable(session, ANONYMOUS, [OID])[OID],
            hub.objects.provable(session, caller(hub.database, "ada"), [OID])[OID],
        ):
            assert info
            assert (info.xet, info.plain, info.size) == (name, False, len(DATA))


def test_the_terms_of_a_shard_can_be_read_before_they_are_recorded(
    hub: LargeFileHub, ada: int, repo: int
) -> None:
    made = make_file(hub, Claim(repo, ada), DATA)
    with hub.database.read() as session:
        placed = hub.objects.xet_files.terms(session, made.info.id)
    for start, length in ((0, None), (5, 10), (9 * CHUNK, None), (len(DATA), None)):
        end = len(DATA) if length is None else start + length
        found = hub.objects.xet_files.read(
            [each for each in placed if each.offset + each.length > start], start, length
        )
        with found:
            assert found.read() == DATA[start:end]
    assert hub.objects.xet_files.read([]).read() == b""


def test_the_first_form_of_a_content_stays(hub: LargeFileHub, ada: int, repo: int) -> None:
    claim = Claim(repo, ada)
    first = make_file(hub, claim, DATA)
    bob = hub.user("bob")
    other = hub.repo(bob, "other")
    second = make_file(hub, Claim(other, bob), DATA, size=50_000)
    assert second.info.xet == first.info.xet
    assert second.info.id == first.info.id
    assert rows(hub, LargeObject, XetFile, XetTerm, ObjectLink) == [1, 1, 3, 2]
    assert hub.read(OID) == DATA


def test_a_form_that_is_lost_is_replaced(hub: LargeFileHub, ada: int, repo: int) -> None:
    first = make_file(hub, Claim(repo, ada), DATA)
    hub.blobs.delete(first.terms[1].xorb.key)
    second = make_file(hub, Claim(repo, ada), DATA, size=50_000)
    assert second.info.id == first.info.id
    assert second.info.xet == file_hash_of(pieces(DATA, 50_000))
    assert hub.read(OID) == DATA


def test_both_forms_of_one_content(hub: LargeFileHub, ada: int, repo: int) -> None:
    plain = hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
    made = make_file(hub, Claim(repo, ada), DATA)
    assert made.info.id == plain.id
    assert rows(hub, LargeObject, ObjectForm, XetFile, ObjectLink) == [1, 1, 1, 1]
    with hub.database.read() as session:
        info = hub.objects.is_linked(session, repo, [OID])[OID]
    assert (info.plain, info.xet) == (True, made.info.xet)
    again = hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
    assert again.id == plain.id


def test_chunks_that_clients_may_ask_for(hub: LargeFileHub, ada: int, repo: int) -> None:
    xorb = kept(hub, pieces(DATA), ada)
    eligible = [("a" * 64, xorb.id, 0), ("b" * 64, xorb.id, 7)]
    name = file_hash_of(pieces(DATA))
    terms = [Term(xorb, 0, xorb.index.count)]
    for _ in range(2):
        hub.objects.xet_files.record(Claim(repo, ada), OID, name, terms, eligible)
    assert rows(hub, XetChunk) == [2]
    with hub.database.read() as session:
        assert hub.objects.xorbs.holding(session, "b" * 64) == [xorb]


def test_permission_is_asked_once_more(hub: LargeFileHub, ada: int, repo: int) -> None:
    bob = hub.user("bob")
    secret = hub.repo(ada, "secret", private=True)
    with pytest.raises(Forbidden):
        make_file(hub, Claim(repo, bob), DATA)
    with pytest.raises(RepoNotFound):
        make_file(hub, Claim(secret, bob), DATA)
    assert rows(hub, LargeObject, XetFile, ObjectLink) == [0, 0, 0]


def test_a_readers_file_waits_for_its_commit(hub: LargeFileHub, ada: int, repo: int) -> None:
    bob = hub.user("bob")
    made = make_file(hub, Claim(repo, bob, pending=True), DATA)
    assert made.info.pending
    with hub.database.read() as session:
        assert hub.objects.is_linked(session, repo, [OID]) == {}
        assert hub.objects.is_linked(session, repo, [OID], user_id=bob)[OID].xet == made.info.xet
        assert hub.objects.provable(session, ANONYMOUS, [OID]) == {}
    object.__setattr__(hub.settings, "pending_per_user", 1)
    with pytest.raises(TooManyPending):
        make_file(hub, Claim(repo, bob, pending=True), noise(9000, 3))


def test_a_size_or_a_hash_that_belongs_to_another(hub: LargeFileHub, ada: int, repo: int) -> None:
    claim = Claim(repo, ada)
    hub.objects.store_received(hub.received(DATA), claim)
    xorb = kept(hub, pieces(DATA), ada)
    name = file_hash_of(pieces(DATA))
    with pytest.raises(BadRequest, match="another size"):
        hub.objects.xet_files.record(claim, OID, name, [Term(xorb, 0, 3)])
    whole = [Term(xorb, 0, xorb.index.count)]
    hub.objects.xet_files.record(claim, OID, name, whole)
    with pytest.raises(BadRequest, match="another file"):
        hub.objects.xet_files.record(claim, "1" * 64, name, whole)
    assert rows(hub, LargeObject, XetFile) == [1, 1]


def test_a_xorb_that_is_gone(hub: LargeFileHub, ada: int, repo: int) -> None:
    xorb = kept(hub, pieces(DATA), ada)
    gone = StoredXorb(xorb.id + 7, "0" * 64, xorb.sha256, xorb.size, xorb.index)
    with pytest.raises(Unavailable, match="being removed"):
        record(hub, Claim(repo, ada), [Term(gone, 0, 20)], DATA)
    assert rows(hub, LargeObject, XetFile, ObjectLink) == [0, 0, 0]


def test_cut_off_after_it_was_recorded(hub: LargeFileHub, ada: int, repo: int) -> None:
    faults.arm("file.recorded:error")
    with pytest.raises(InjectedFault):
        make_file(hub, Claim(repo, ada), DATA)
    faults.arm("")
    made = make_file(hub, Claim(repo, ada), DATA)
    assert hub.read(made.oid) == DATA


def test_many_record_the_same_file_at_once(hub: LargeFileHub, ada: int, repo: int) -> None:
    sizes = [CHUNK, 50_000] * 4
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda size: make_file(hub, Claim(repo, ada), DATA, size=size), sizes))
    assert len({(each.info.id, each.info.xet) for each in made}) == 1
    assert rows(hub, LargeObject, XetFile, ObjectLink) == [1, 1, 1]
    assert hub.read(OID) == DATA


def test_shared_chunks_are_counted_once(hub: LargeFileHub, ada: int, repo: int) -> None:
    xorb = kept(hub, pieces(DATA), ada)
    spans = [[(0, 4)], [(0, 4), (8, 10)], [(2, 6), (2, 6)], [(3, 4)], [(8, 10), (0, 1)]]
    for runs in spans:
        data = b"".join(DATA[first * CHUNK : end * CHUNK] for first, end in runs)
        record(hub, Claim(repo, ada), [Term(xorb, *run) for run in runs], data)
    hub.objects.store_received(hub.received(b"plain"), Claim(repo, ada))
    hub.objects.store_received(hub.received(DATA[: 4 * CHUNK]), Claim(repo, ada))
    other = hub.repo(ada, "other")
    record(hub, Claim(other, ada), [Term(xorb, 0, 4)], DATA[: 4 * CHUNK])
    with hub.database.read() as session:
        assert hub.objects.linked_size(session, repo) == 8 * CHUNK + 5
        assert hub.objects.linked_size(session, other) == 4 * CHUNK
