"""One engine and two units of work: `read()` and `write()`.

SQLite: a transaction that may write begins IMMEDIATE, because one that reads first and then wants
to write fails at once when another wrote in between, whatever the busy timeout.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from hub_server.errors import StorageFull, Unavailable

log = structlog.get_logger("hub.db")

BUSY_SECONDS = 30
LIVELY = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""A server that went away without a word is noticed within a minute."""
NOTICED = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""And the server notices that of us, and gives back the locks a lost node held."""
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "afs"}


class NetworkFileSystem(Exception):
    """SQLite's locks do not hold on network file systems; the start is refused."""


class Database:
    """`url` is SQLite or PostgreSQL; at most `pool_size` connections, nobody waits over 30 s.

    Every session has what is put into `session_info` in its `info`.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = self._sqlite(pool_size) if self.is_sqlite else self._postgres(pool_size)
        moment = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        readers = self.engine.execution_options(**moment)
        self.session_info: dict[str, Any] = {}
        options: dict[str, Any] = {"expire_on_commit": False, "info": self.session_info}
        self._read = sessionmaker(readers, autoflush=True, **options)
        writers = self.engine.execution_options(writer=True)
        self._write = sessionmaker(writers, autoflush=True, **options)

    def _sqlite(self, pool_size: int) -> Engine:
        path = Path(str(self.url.database))
        path.parent.mkdir(parents=True, exist_ok=True)
        if (kind := file_system(path.parent)) in NETWORK_FILE_SYSTEMS:
            raise NetworkFileSystem(
                f"HUB_DATABASE_URL: {path} lies on a network file system ({kind}), where SQLite "
                "loses data; use a local directory or PostgreSQL."
            )
        path.touch(mode=0o600)  # others on this machine read neither it nor its journal
        engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            hide_parameters=True,  # they would stand in logged errors: hashes of tokens, addresses
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _postgres(self, pool_size: int) -> Engine:
        return create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=LIVELY | {"connect_timeout": 10, "options": f"-c timezone=utc {NOTICED}"},
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; nothing that is written here is kept."""
        with _translated(), self._read() as session:
            try:
                yield session
            finally:
                session.expunge_all()  # a rollback would empty what was read and is used outside
                session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Committed when the block ends, rolled back when it raises."""
        with _translated(), self._write() as session, session.begin():
            yield session

    def ping(self) -> None:
        """Raise Unavailable unless the database answers."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def dispose(self) -> None:
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    """What the database says about its health, in words for clients; never a 500."""
    try:
        yield
    except PoolTimeout as failure:
        raise Unavailable("The hub is busy; try again in a few seconds.") from failure
    except OperationalError as failure:
        if "database or disk is full" in str(failure.orig) or "No space left" in str(failure.orig):
            raise StorageFull("The disk of the hub is full; nothing was saved.") from failure
        log.warning("the database fails", error=str(failure.orig))
        raise Unavailable("The database does not answer; try again shortly.") from failure
    except DBAPIError as failure:
        if not failure.connection_invalidated:
            raise
        log.warning("the database fails", error=str(failure.orig))
        raise Unavailable("The database does not answer; try again shortly.") from failure


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; see _begin_sqlite
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "temp_store=MEMORY",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writer = connection.get_execution_options().get("writer")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The type of the file system that `folder` lies on, or "" where the system does not say."""
    best, kind = -1, ""
    if not mounts.exists():
        return kind
    resolved = folder.resolve()
    for line in mounts.read_text().splitlines():
        point, found = line.split()[1:3]
        place = Path(point.replace("\\040", " "))
        if resolved.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), found
    return kind


def database_clock(session: Session) -> datetime:
    """The time by the database, which all nodes share; leases live by it."""
    if session.get_bind().dialect.name == "sqlite":
        value: Any = session.scalar(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"))
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    stamp: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return stamp.astimezone(UTC)
