"""A worker process for the tests: `python -m tests.unit.jobs.workers URL`, ended by a signal."""

import sys
from collections.abc import Mapping

from sqlalchemy.orm import Session

from hub_server.db import Database
from hub_server.db.tables.jobs import Fact
from hub_server.jobs import Worker


def count(payload: Mapping[str, object]):
    name = f"effect-{payload['number']}"

    def finish(session: Session) -> None:
        session.add(Fact(name=name, value="once"))  # a second time would break the primary key
        session.flush()

    return finish


if __name__ == "__main__":
    print("started", flush=True)
    Worker(Database(sys.argv[1], pool_size=3), {"test.count": count}, idle_seconds=0.05).run()
