import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from hub_server.db import Database
from hub_server.db.tables.git import GitRef, Pack, RefLog
from hub_server.gitstore import GitStore, PackGone, RefUpdate, collect
from hub_server.gitstore.publishing import ATOMIC, EXISTS, MISSING, STALE
from tests.unit.gitstore.conftest import MAIN, Writer

A, B, C = "a" * 40, "b" * 40, "c" * 40
DEV = b"refs/heads/dev"


def refs(database: Database) -> dict[bytes, str]:
    with database.read() as session:
        rows = session.execute(select(GitRef.name, GitRef.value)).all()
    return {row.name: row.value for row in rows}


def test_a_ref_is_born_moves_and_goes(writer: Writer, database: Database) -> None:
    assert writer.publish(RefUpdate(MAIN, None, A)) == {MAIN: None}
    assert writer.publish(RefUpdate(MAIN, A, B)) == {MAIN: None}
    assert refs(database) == {MAIN: B}
    assert writer.publish(RefUpdate(MAIN, B, None)) == {MAIN: None}
    assert refs(database) == {}
    with database.read() as session:
        moves = session.execute(select(RefLog.old, RefLog.new).order_by(RefLog.id)).all()
    assert [tuple(move) for move in moves] == [(None, A), (A, B), (B, None)]


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (RefUpdate(MAIN, C, B), STALE),
        (RefUpdate(MAIN, None, B), EXISTS),
        (RefUpdate(DEV, A, B), MISSING),
        (RefUpdate(DEV, A, None), MISSING),
        (RefUpdate(MAIN, C, None), STALE),
    ],
)
def test_what_is_not_as_the_writer_thought_is_refused(
    writer: Writer, database: Database, update: RefUpdate, reason: str
) -> None:
    writer.publish(RefUpdate(MAIN, None, A))
    assert writer.publish(update) == {update.name: reason}
    assert refs(database) == {MAIN: A}


def test_without_atomic_each_ref_is_judged_alone(writer: Writer, database: Database) -> None:
    writer.publish(RefUpdate(MAIN, None, A))
    results = writer.publish(RefUpdate(MAIN, C, B), RefUpdate(DEV, None, B))
    assert results == {MAIN: STALE, DEV: None}
    assert refs(database) == {MAIN: A, DEV: B}


def test_one_refusal_stops_an_atomic_push(writer: Writer, database: Database) -> None:
    writer.publish(RefUpdate(MAIN, None, A))
    staged = writer.stage(writer.objects({b"a": b"1"}))
    results = writer.publish(
        RefUpdate(MAIN, C, B), RefUpdate(DEV, None, B), staged=staged, atomic=True
    )
    assert results == {MAIN: STALE, DEV: ATOMIC}
    assert refs(database) == {MAIN: A}
    with database.read() as session:
        assert session.scalars(select(Pack.state)).all() == ["uploading"]


@pytest.mark.parametrize("count", [1, 30])
def test_a_ref_and_a_folder_of_that_name_cannot_both_be(
    writer: Writer, database: Database, count: int
) -> None:
    others = [RefUpdate(b"refs/heads/x/other-%d" % n, None, A) for n in range(count)]
    writer.publish(RefUpdate(b"refs/heads/a/b", None, A), RefUpdate(b"refs/heads/x/first", None, A))
    below, above = RefUpdate(b"refs/heads/a/b/c", None, A), RefUpdate(b"refs/heads/a", None, A)
    results = writer.publish(below, above, RefUpdate(b"refs/heads/ab", None, A), *others)
    assert "'refs/heads/a/b' is in the way" in str(results[below.name])
    assert "is in the way" in str(results[above.name])
    assert results[b"refs/heads/ab"] is None
    assert all(results[other.name] is None for other in others)


def test_what_goes_away_in_the_same_push_is_not_in_the_way(writer: Writer) -> None:
    writer.publish(RefUpdate(b"refs/heads/a/b", None, A))
    results = writer.publish(
        RefUpdate(b"refs/heads/a/b", A, None), RefUpdate(b"refs/heads/a", None, A)
    )
    assert set(results.values()) == {None}


def test_of_two_pushes_at_once_exactly_one_wins(writer: Writer, database: Database) -> None:
    writer.publish(RefUpdate(MAIN, None, A))
    start = threading.Barrier(8)
    results: list[str | None] = []

    def push(number: int) -> None:
        start.wait()
        results.append(writer.publish(RefUpdate(MAIN, A, f"{number:040x}"))[MAIN])

    threads = [threading.Thread(target=push, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == sorted([None] + [STALE] * 7, key=str)


def test_a_pack_collected_before_it_is_published_stops_the_push(
    writer: Writer, store: GitStore, database: Database
) -> None:
    staged = writer.stage(writer.objects({b"a": b"1"}))
    store.discard(staged)
    with pytest.raises(PackGone):
        writer.publish(RefUpdate(MAIN, None, A), staged=staged)
    assert refs(database) == {}


def test_many_refs_at_once(writer: Writer, store: GitStore, repo: int) -> None:
    updates = [RefUpdate(b"refs/tags/v%d" % n, None, A) for n in range(12_000)]
    assert set(writer.publish(*updates).values()) == {None}
    assert len(store.open(repo).tags()) == 12_000
    assert set(writer.publish(*updates).values()) == {EXISTS}


def test_a_crash_between_stage_and_publish_leaves_only_garbage(
    writer: Writer, store: GitStore, repo: int, database: Database
) -> None:
    head = writer.commit({b"a": b"1"})
    objects = writer.objects({b"a": b"2"}, head)
    writer.stage(objects)  # and here the process dies
    seen = store.open(repo)
    assert seen.resolve("main").commit == head
    assert objects[-1].id not in seen.objects
    assert len(list(store.blobs.list("pack/"))) == 4
    assert collect(store).packs == 0, "what may still be under way is left alone"
    assert collect(store, uploading=timedelta(0)).packs == 1
    assert len(list(store.blobs.list("pack/"))) == 2
    assert store.open(repo).objects.read(head)[0] == "commit"


def test_a_failing_transaction_publishes_nothing(
    writer: Writer, store: GitStore, repo: int, database: Database
) -> None:
    objects = writer.objects({b"a": b"1"})
    staged = writer.stage(objects)
    update = RefUpdate(MAIN, None, objects[-1].id)

    def publish_and_fail() -> None:
        with database.write() as session:
            store.publish(session, repo, staged, [update], who=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish_and_fail()
    assert refs(database) == {}
    assert store.open(repo).objects.packs == ()
    assert writer.publish(update, staged=staged) == {MAIN: None}
