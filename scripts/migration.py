"""Write a migration from the difference between the tables in code and those of the last one.

Usage: migration.py "why, in words". The file is a draft: read it, name things, test it.
"""

import sys
import tempfile
from pathlib import Path

from hub_server.db import Database
from hub_server.db.schema import Schema


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/hub.db")
        schema = Schema(database, Path(__file__).resolve().parent.parent / "migrations")
        schema.upgrade()
        schema.write_revision(message)
        database.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():  # noqa: PLR2004 - the program and one word
        sys.exit('migration: say why, as in: make db m="count likes on the repo row"')
    main(sys.argv[1])
