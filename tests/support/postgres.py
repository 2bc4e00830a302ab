"""A throw-away PostgreSQL for each test process, and a database of its own for each test."""

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.processes import answers, await_ready, free_port, start, stop, unprivileged

# Nobody misses these bytes after a crash, so nothing waits for the disk.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200",
        "shared_buffers=64MB", "autovacuum=off", "timezone=UTC")  # fmt: skip


def _binary(name: str) -> str:
    """PostgreSQL's own programs are not on the path in Debian."""
    if found := shutil.which(name):
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not versions:
        raise FileNotFoundError(f"{name} is not installed; run scripts/packages.sh --tests")
    return str(versions[-1])


@dataclass(frozen=True)
class Cluster:
    """A running server that trusts everyone on the loopback interface."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://hub@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str) -> None:
        """Outside a transaction, as CREATE DATABASE wants it."""
        where = f"postgresql://hub@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def create(self, *, template: str = "template1") -> str:
        """The name of a new database, a copy of `template`, which nobody may be connected to."""
        name = f"hub_{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def drop(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """Started once per test process, in about two seconds."""
    with cluster(FAST) as running:
        yield running


@contextmanager
def cluster(settings: Sequence[str]) -> Iterator[Cluster]:
    """A new one with these lines of configuration, until the block ends."""
    # Below /tmp and not below pytest's folder, which other accounts may not enter.
    folder = Path(tempfile.mkdtemp(prefix="hub-postgres-"))
    folder.chmod(0o755)
    home, log, port = folder / "data", folder / "log", free_port()
    home.mkdir()
    rank = unprivileged()
    if rank:
        shutil.chown(home, "nobody")
    try:
        subprocess.run(
            [*rank, _binary("initdb"), "--pgdata", str(home), "--username=hub", "--auth=trust",
             "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip
        lines = [word for setting in settings for word in ("-c", setting)]
        server = start(
            [*rank, _binary("postgres"), "-D", str(home), "-p", str(port), *lines,
             "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
            log=log, folder=Path("/"),
        )  # fmt: skip
        try:
            await_ready(server, lambda: answers(port) and _accepts(port), log=log)
            yield Cluster(port)
        finally:
            stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _accepts(port: int) -> bool:
    """The port opens a moment before the server is done with recovery."""
    try:
        psycopg.connect(f"postgresql://hub@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """An empty database for one test, as a SQLAlchemy URL."""
    name = postgres_cluster.create()
    yield postgres_cluster.url(name)
    postgres_cluster.drop(name)
