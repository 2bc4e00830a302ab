from datetime import timedelta

import pytest
from sqlalchemy import update

from hub_server.db import Database, now
from hub_server.db.tables.git import Lease
from hub_server.gitstore import Held, LeaseLost, acquire, check, release, renew


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
