"""A process that reads, thinks and writes: `python -m tests.unit.db.writers URL COUNT`."""

import sys

from sqlalchemy import select

from hub_server.db import Database
from hub_server.db.tables.jobs import Fact

if __name__ == "__main__":
    database = Database(sys.argv[1], pool_size=2)
    for _ in range(int(sys.argv[2])):
        with database.write() as session:
            fact = session.scalars(
                select(Fact).where(Fact.name == "counter").with_for_update()
            ).one()
            fact.value = str(int(fact.value) + 1)
