"""The schema's version: upgraded behind a lock, as a whole or not at all.

On SQLite a table is rebuilt to change it; with foreign keys on, dropping the old copy would delete
every row that refers to it. So they are off outside the transaction and checked before its commit.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from hub_server.db import findable
from hub_server.db import tables as tables  # registers every table
from hub_server.db.base import Base
from hub_server.db.engine import Database

LOCK = 0x68756273  # any number that all nodes agree on
COPIES_KEPT = 3


class SchemaError(Exception):
    """The start ends with this sentence."""


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """For Alembic: what it is to compare with the tables in code."""
    return kind != "table" or name is None or not findable.is_derived(name)


class Schema:
    """`scripts` is the folder `migrations`."""

    def __init__(self, database: Database, scripts: Path) -> None:
        self.database = database
        self.config = Config()
        self.config.set_main_option("script_location", str(scripts))
        self.config.set_main_option("path_separator", "os")
        self.known = ScriptDirectory.from_config(self.config)

    @property
    def newest(self) -> str | None:
        return self.known.get_current_head()

    def current(self) -> str | None:
        """The revision of the database, None for an empty one."""
        with self.database.engine.connect() as connection:
            return self._revision(connection)

    def knows(self, revision: str) -> bool:
        """Whether this release can make and upgrade that schema."""
        return revision in self._revisions()

    def prepare(self, mode: str) -> bool:
        """Make the database fit this release, or with mode `check` only refuse what does not.

        Returns whether it was upgraded. Raises SchemaError.
        """
        current = self.current()
        if current == self.newest:
            self._mend(mode)
            return False
        if current is not None and current not in self._revisions():
            raise SchemaError(
                f"The database has schema {current}, which is newer than this release; "
                "install the newer release again."
            )
        if mode == "check":
            raise SchemaError(
                f"The database has schema {current or '(none)'} and this release needs "
                f"{self.newest}; run `hub-server migrate`, or set HUB_MIGRATE=auto."
            )
        self.upgrade()
        return True

    def upgrade(self, target: str = "head") -> None:
        self._keep_copy()

        def step(connection: Connection) -> None:
            findable.loosen(connection)
            command.upgrade(self.config, target)
            if self._revision(connection) == self.newest:
                findable.make(connection)

        self._run(step)

    def downgrade(self, target: str) -> None:
        self._keep_copy()

        def step(connection: Connection) -> None:
            findable.drop(connection)
            command.downgrade(self.config, target)

        self._run(step)

    def write_revision(self, message: str) -> None:
        """A new migration with the difference between tables and database, for developers."""
        self._run(lambda _: command.revision(self.config, message, autogenerate=True))

    def differences(self) -> list[object]:
        """What the tables in code have that the database has not, or the reverse."""
        with self.database.engine.connect() as connection:
            opts = {"compare_type": True, "include_name": is_ours}
            context = MigrationContext.configure(connection, opts=opts)
            return list(compare_metadata(context, Base.metadata))

    def _revisions(self) -> set[str]:
        return {each.revision for each in self.known.walk_revisions()}

    def _revision(self, connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    def _mend(self, mode: str) -> None:
        """What finds names and texts is missing after a restore."""
        with self.database.engine.connect() as connection:
            if findable.is_whole(connection):
                return
        if mode == "check":
            raise SchemaError(
                "The index of names and texts is not complete; run `hub-server migrate`, or set "
                "HUB_MIGRATE=auto."
            )
        self._run(findable.make)

    def _run(self, step: Callable[[Connection], object]) -> None:
        try:
            with self._locked() as connection:
                self.config.attributes["connection"] = connection
                step(connection)
        except findable.NotFindable as failure:
            raise SchemaError(str(failure)) from failure
        except CommandError as failure:
            raise SchemaError(f"The schema cannot be changed: {failure}.") from failure

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        engine = self.database.engine.execution_options(writer=True)
        with engine.connect() as connection:
            if not self.database.is_sqlite:
                with connection.begin():
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                    yield connection
                return
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - by the URL
            driver.execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():
                    yield connection
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                    if broken:
                        raise SchemaError(f"The migration leaves broken references: {broken[:5]}")
            finally:
                driver.execute("PRAGMA foreign_keys=ON")

    def _keep_copy(self) -> None:
        """A copy of `hub.db` beside it before anything changes; the three newest are kept."""
        if not self.database.is_sqlite or (current := self.current()) is None:
            return
        source = Path(str(self.database.url.database))
        folder = source.parent / "before-upgrade"
        folder.mkdir(exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < source.stat().st_size * 2:
            raise SchemaError(f"Too little disk for a copy of {source} before the upgrade.")
        with (
            sqlite3.connect(source) as live,
            sqlite3.connect(folder / f"{source.name}.{current}") as copy,
        ):
            live.backup(copy)
        live.close()
        copy.close()
        copies = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in copies[COPIES_KEPT:]:
            old.unlink()
