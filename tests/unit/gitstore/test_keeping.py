"""Bytes are kept while a backup is at work, and nodes say that they live."""

import threading
import time
from datetime import timedelta

from sqlalchemy import func, insert, select, update

from hub_server.db import Database, database_clock, now
from hub_server.db.tables.git import Lease, Pack
from hub_server.gitstore import (
    GitStore,
    Heartbeat,
    blobs_are_kept,
    collect,
    keep_blobs,
    living_nodes,
)

HOUR = timedelta(hours=1)


def kept(database: Database) -> bool:
    with database.write() as session:
        return blobs_are_kept(session)


def test_a_wish_is_never_shortened_and_ends_by_itself(database: Database) -> None:
    assert not kept(database)
    with database.write() as session:
        keep_blobs(session, 100)
        keep_blobs(session, 1)
        ends = session.scalar(select(Lease.expires_at))
        assert ends is not None
        assert ends > database_clock(session) + timedelta(seconds=90)
    assert kept(database)
    with database.write() as session:
        session.execute(update(Lease).values(expires_at=now() - HOUR))
    assert not kept(database)


def test_a_backup_waits_for_a_collector_at_work(database: Database) -> None:
    """Else it would see rows whose bytes go a moment later."""
    order: list[str] = []

    def begin() -> None:
        with database.write() as session:
            keep_blobs(session, 60)
            order.append("backup")

    thread = threading.Thread(target=begin)
    with database.write() as session:
        assert not blobs_are_kept(session)
        thread.start()
        time.sleep(0.3)
        order.append("collector")
    thread.join(30)
    assert order == ["collector", "backup"]


def test_nothing_is_collected_meanwhile(store: GitStore, repo: int) -> None:
    row = {"repo_id": repo, "name": "1-old", "size": 1, "index_size": 1, "objects": 1,
           "pack_sha256": "", "index_sha256": "", "state": "retired", "created_at": now(),
           "retired_at": now() - 30 * HOUR}  # fmt: skip
    with store.database.write() as session:
        session.execute(insert(Pack).values(row))
        keep_blobs(session, 60)
    assert collect(store).packs == 0
    with store.database.write() as session:
        session.execute(update(Lease).values(expires_at=now() - HOUR))
    assert collect(store).packs == 1


def test_a_node_is_known_while_it_beats(database: Database) -> None:
    one = Heartbeat(database, beat=0.05, stale=1.0)
    one.start()
    two = Heartbeat(database, beat=60, stale=0.2)
    two.start()
    time.sleep(0.6)
    with database.read() as session:
        assert living_nodes(session) == [one.name]
    one.stop()
    with database.read() as session:
        assert living_nodes(session) == []
        assert session.scalar(select(func.count()).select_from(Lease)) == 1
    two.stop()
