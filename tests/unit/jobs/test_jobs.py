"""Jobs: written with the rows they belong to, done once whatever happens to the workers."""

import random
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from hub_server import jobs
from hub_server.db import Database, now
from hub_server.db.tables.jobs import Fact, Job
from hub_server.jobs import Periodic, Worker


def waiting(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def test_a_job_that_is_rolled_back_never_existed(database: Database):
    def fail() -> None:
        with database.write() as session:
            jobs.enqueue(session, "test")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    assert waiting(database) == 0


def test_one_job_a_key_waits(database: Database):
    with database.write() as session:
        assert jobs.enqueue(session, "test", key="a")
        assert not jobs.enqueue(session, "test", key="a")
        assert jobs.enqueue(session, "test", key="b")
    assert waiting(database) == 2


def test_a_running_job_lets_the_next_of_its_key_wait(database: Database):
    with database.write() as session:
        jobs.enqueue(session, "test", key="a")
    with database.write() as session:
        assert jobs.claim(session, ["test"])
    with database.write() as session:
        assert jobs.enqueue(session, "test", key="a")


def test_failures_come_back_later_each_time_and_end(database: Database):
    def broken(_payload: object) -> None:
        raise ValueError("no luck")

    with database.write() as session:
        jobs.enqueue(session, "test", max_attempts=3)
    worker = Worker(database, {"test": broken})
    pauses = []
    for _ in range(3):
        assert worker.run_one()
        assert not worker.run_one(), "it is not due yet"
        with database.write() as session:
            job = session.scalars(select(Job)).one()
            pauses.append(job.run_at - now())
            assert job.error == "ValueError: no luck"
            state = job.state
            session.execute(update(Job).values(run_at=now() - timedelta(seconds=1)))
    assert state == "failed"
    assert pauses[0] < pauses[1] < pauses[2]
    assert not worker.run_one(), "a failed job is left alone"


def test_a_worker_whose_lease_ran_out_cannot_finish(database: Database):
    with database.write() as session:
        jobs.enqueue(session, "test")
    with database.write() as session:
        slow = jobs.claim(session, ["test"])
        session.execute(update(Job).values(lease_ends_at=now() - timedelta(seconds=1)))
    with database.write() as session:
        quick = jobs.claim(session, ["test"])
    assert slow
    assert quick
    assert quick.fence > slow.fence
    with pytest.raises(jobs.LeaseLost), database.write() as session:
        jobs.complete(session, slow)
    with database.write() as session:
        jobs.complete(session, quick)
    assert waiting(database) == 0


def test_a_job_that_ends_its_workers_is_given_up(database: Database):
    with database.write() as session:
        jobs.enqueue(session, "test", max_attempts=2)
    for _ in range(2):
        with database.write() as session:
            assert jobs.claim(session, ["test"])
        with database.write() as session:
            past = now() - timedelta(seconds=1)
            session.execute(update(Job).values(lease_ends_at=past))
    done = []
    with database.write() as session:
        jobs.enqueue(session, "test", {"next": True})
    worker = Worker(database, {"test": done.append})
    assert worker.run_one()
    assert not worker.run_one()
    assert done == [{"next": True}]
    with database.read() as session:
        left = session.scalars(select(Job)).one()
    assert (left.state, left.error) == ("failed", "its worker ended each of 2 times")


def test_a_periodic_job_waits_for_its_next_turn(database: Database):
    done = []
    worker = Worker(database, {"test": lambda _: done.append(1)}, periodic=[Periodic("test", 3600)])
    with database.write() as session:
        jobs.enqueue(session, "test", key="periodic")
    assert worker.run_one()
    assert not worker.run_one()
    assert waiting(database) == 1
    assert done == [1]


def test_the_loop_survives_handlers_and_stops_when_told(database: Database):
    worker: Worker

    def handler(payload: object) -> None:
        if payload == {"stop": True}:
            worker.stop()
        else:
            raise OSError("broken")

    worker = Worker(database, {"test": handler}, idle_seconds=0.01)
    with database.write() as session:
        jobs.enqueue(session, "test", {"stop": False})
        jobs.enqueue(session, "test", {"stop": True}, delay=0.1)
    worker.run()
    assert waiting(database) == 1


def test_four_workers_that_are_killed_do_each_job_once(database: Database, database_url: str):
    total = 300
    with database.write() as session:
        for number in range(total):
            jobs.enqueue(session, "test.count", {"number": number})
    random.seed(20)
    workers = [_start(database_url) for _ in range(4)]
    deadline = time.monotonic() + 90
    try:
        for _ in range(4):
            time.sleep(0.4)
            victim = random.randrange(4)
            workers[victim].kill()
            workers[victim].wait()
            workers[victim] = _start(database_url)
            with database.write() as session:  # what the dead one held need not wait a minute
                session.execute(
                    update(Job)
                    .where(Job.state == "running")
                    .values(lease_ends_at=now() - timedelta(seconds=1))
                )
        while waiting(database) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        for each in workers:
            each.kill()
            each.wait()
    with database.read() as session:
        effects = session.scalar(select(func.count()).select_from(Fact))
        unfinished = session.scalars(select(Job)).all()
    assert not unfinished
    assert effects == total


def _start(url: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.unit.jobs.workers", url]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_what_a_clock_that_was_ahead_put_off_comes_back(database: Database):
    """Leases, retries and turns of periodic jobs; a delay that was asked for is kept."""
    year = timedelta(days=365)
    rows = {
        "lease": {"state": "running", "lease_ends_at": now() + year},
        "no-lease": {"state": "running", "lease_ends_at": None},
        "held": {"state": "running", "lease_ends_at": now() + timedelta(seconds=30)},
        "retry": {"state": "ready", "attempts": 1, "run_at": now() + year},
        "turn": {"state": "ready", "key": "periodic", "run_at": now() + year},
        "delay": {"state": "ready", "run_at": now() + year},
    }
    with database.write() as session:
        for kind, values in rows.items():
            jobs.enqueue(session, kind)
            session.execute(update(Job).where(Job.kind == kind).values(values))
    worker = Worker(database, {}, periodic=[Periodic("turn", 60)])
    worker.stop()
    assert worker._plan_all()
    with database.read() as session:
        found = {job.kind: job for job in session.scalars(select(Job))}
    soon = now() + timedelta(hours=1, minutes=1)
    assert found["lease"].lease_ends_at <= now()
    assert found["no-lease"].lease_ends_at <= now()
    assert found["held"].lease_ends_at > now()
    assert found["retry"].run_at < soon
    assert found["turn"].run_at <= now()
    assert found["delay"].run_at > now() + timedelta(days=300)
    assert worker._plan_all(), "and again without harm"
