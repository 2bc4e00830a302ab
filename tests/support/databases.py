"""Databases with the hub's schema: made once per test process, copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_server.db import Database
from tests.support.postgres import Cluster
from tests.support.schema import create_schema

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed SQLite file with the schema and no rows."""
    path = tmp_path_factory.mktemp("template") / "hub.db"
    create_schema(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: Cluster) -> Iterator[str]:
    """The name of a database with the schema and no rows."""
    name = postgres_cluster.create()
    create_schema(postgres_cluster.url(name))
    yield name
    postgres_cluster.drop(name)


@pytest.fixture
def sqlite_database_url(sqlite_template: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'hub.db')}"


@pytest.fixture
def postgres_database_url(postgres_cluster: Cluster, postgres_template: str) -> Iterator[str]:
    name = postgres_cluster.create(template=postgres_template)
    yield postgres_cluster.url(name)
    postgres_cluster.drop(name)


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """A database with the schema and no rows, once on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_database_url")
    return url


@pytest.fixture
def make_database() -> Iterator[Callable[..., Database]]:
    """`make_database(url, pool_size=10)`; closed at the end of the test."""
    made: list[Database] = []

    def make(url: str, **options: int) -> Database:
        made.append(Database(url, **options))
        return made[-1]

    yield make
    for database in made:
        database.dispose()


@pytest.fixture
def database(database_url: str, make_database: Callable[..., Database]) -> Database:
    """The `Database` of `database_url`, so each test that asks for it runs on both engines."""
    return make_database(database_url)


@pytest.fixture
def sqlite_database(sqlite_database_url: str, make_database: Callable[..., Database]) -> Database:
    """For tests to which the engine does not matter."""
    return make_database(sqlite_database_url)
