"""Units of work: writers queue and lose nothing, readers see one moment, health becomes words."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text

from hub_server.db import Database, database_clock, insert_ignore, now, upsert
from hub_server.db.engine import file_system
from hub_server.db.facts import claim_fact, read_fact, write_fact
from hub_server.db.tables.jobs import Fact
from hub_server.errors import Unavailable


def test_eight_processes_that_read_and_write_lose_nothing(database: Database, database_url: str):
    with database.write() as session:
        write_fact(session, "counter", "0")
    command = [sys.executable, "-m", "tests.unit.db.writers", database_url, "200"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(8)]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, said
    with database.read() as session:
        assert read_fact(session, "counter") == "1600"


def test_what_raises_is_not_kept(database: Database):
    def fail() -> None:
        with database.write() as session:
            write_fact(session, "a", "1")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as session:
        assert read_fact(session, "a") is None


def test_what_is_written_in_a_read_unit_is_not_kept(database: Database):
    with database.read() as session:
        session.add(Fact(name="a", value="1"))
        session.flush()
    with database.read() as session:
        assert read_fact(session, "a") is None


def test_a_read_unit_sees_one_moment(database: Database):
    with database.write() as session:
        write_fact(session, "a", "1")
    with database.read() as early:
        assert read_fact(early, "a") == "1"
        with database.write() as session:
            write_fact(session, "a", "2")
            write_fact(session, "b", "2")
        assert read_fact(early, "b") is None
        early.expunge_all()
        assert read_fact(early, "a") == "1"
    with database.read() as late:
        assert (read_fact(late, "a"), read_fact(late, "b")) == ("2", "2")


def test_only_its_owner_reads_an_sqlite_database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    with database.write() as session:
        session.execute(text("CREATE TABLE a (b)"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    database.dispose()
    assert set(modes) == {"hub.db", "hub.db-wal", "hub.db-shm"}
    assert set(modes.values()) == {0o600}


def test_upsert_and_ignore(database: Database):
    with database.write() as session:
        assert insert_ignore(session, Fact, {"name": "a", "value": "1"}) == 1
        assert insert_ignore(session, Fact, {"name": "a", "value": "2"}) == 0
        row = {"name": "a", "value": "3"}
        upsert(session, Fact, row, key=["name"], update=["value"])
        assert claim_fact(session, "a", "4") == "3"
        assert claim_fact(session, "b", "4") == "4"


def test_the_database_clock_is_the_time(database: Database):
    with database.read() as session:
        assert abs((database_clock(session) - now()).total_seconds()) < 5


def test_a_busy_pool_is_said_in_words(
    sqlite_database_url: str, make_database: Callable[..., Database]
):
    database = make_database(sqlite_database_url, pool_size=1)
    database.engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    with database.read() as held:
        held.execute(select(1))
        with pytest.raises(Unavailable, match="busy"), database.read() as session:
            session.execute(select(1))


def test_an_unreachable_database_is_said_in_words(make_database: Callable[..., Database]):
    database = make_database("postgresql+psycopg://hub@127.0.0.1:1/hub")
    with pytest.raises(Unavailable, match="does not answer") as failure:
        database.ping()
    assert failure.value.headers["Retry-After"]


def test_sqlite_is_set_up_as_written(sqlite_database: Database):
    with sqlite_database.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_network_file_systems_are_recognized(tmp_path: Path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/share {tmp_path} nfs4 rw 0 0\n")
    assert file_system(tmp_path / "x", mounts) == "nfs4"
    assert file_system(Path("/"), mounts) == "ext4"
