import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from hub_server.db import Database, now
from hub_server.db.tables.git import Lease
from hub_server.gitstore import Held, LeaseLost, acquire, check, hold, release, renew


def take(database: Database, seconds: float = 60) -> Held | None:
    with database.write() as session:
        return acquire(session, "repack/1", seconds)


def expire(database: Database) -> None:
    with database.write() as session:
        session.execute(update(Lease).values(expires_at=now() - timedelta(seconds=5)))


def test_one_holds_it_until_it_ends(database: Database) -> None:
    first = take(database)
    assert first
    assert take(database) is None
    with database.write() as session:
        renew(session, first, 120)
        check(session, first)
    expire(database)
    second = take(database)
    assert second
    assert second.fence == first.fence + 1


def test_a_slow_holder_cannot_commit(database: Database) -> None:
    first = take(database)
    assert first
    expire(database)
    assert take(database)
    for step in (check, release, lambda session, held: renew(session, held, 1)):
        with pytest.raises(LeaseLost), database.write() as session:
            step(session, first)


def test_releasing_lets_the_next_one_in_with_a_new_fence(database: Database) -> None:
    first = take(database)
    assert first
    with database.write() as session:
        release(session, first)
    second = take(database)
    assert second
    assert second.fence == first.fence + 1


def test_what_is_held_is_renewed_and_given_back(database: Database) -> None:
    with hold(database, "repack:1", 0.6) as held:
        assert held
        time.sleep(1.2)
        with hold(database, "repack:1", 0.6) as other:
            assert other is None
        with database.write() as session:
            check(session, held)
    with hold(database, "repack:1", 0.6) as other:
        assert other
        assert other.fence > held.fence


def test_a_block_that_fails_gives_back_and_a_lost_lease_is_not_missed(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), hold(database, "repack:1") as held:
        raise ZeroDivisionError
    with hold(database, "repack:1") as held:
        assert held
        with database.write() as session:
            release(session, held)
            assert acquire(session, "repack:1", 60)
    with hold(database, "repack:1") as other:
        assert other is None, "the one who took over holds it still"
