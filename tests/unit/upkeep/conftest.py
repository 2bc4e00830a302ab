"""`place`: a hub on SQLite and a directory, then on PostgreSQL and S3 (Ceph in `make soak`);
`lite`: the first alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_server.blobs.s3 import S3Store
from hub_server.blobs.s3client import S3Place
from hub_server.db import Database
from tests.support.people import caller, make_user
from tests.unit.upkeep.hubs import Place, file_store, make_place


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    made: list[Place] = []

    def make(database: Database, blobs: object = None) -> Place:
        place = make_place(database, blobs or file_store(tmp_path), tmp_path)  # type: ignore[arg-type]
        with database.write() as session:
            make_user(session, "ada", full_name="Ada Lovelace")
        place.ada = caller(database, "ada")
        made.append(place)
        return place

    yield make
    for place in made:
        place.hub.incoming.close()
        place.hub.spool.close()


@pytest.fixture(
    params=[
        "sqlite, directory",
        pytest.param("postgres, s3", marks=pytest.mark.postgres),
        pytest.param(
            "postgres, ceph", marks=[pytest.mark.postgres, pytest.mark.s3, pytest.mark.soak]
        ),
    ]
)
def place(
    request: pytest.FixtureRequest,
    build: Callable[..., Place],
    make_database: Callable[..., Database],
) -> Place:
    if request.param == "sqlite, directory":
        return build(make_database(request.getfixturevalue("sqlite_database_url")))
    service = "ceph" if "ceph" in request.param else "moto"
    bucket: S3Place = request.getfixturevalue(f"{service}_place")
    return build(make_database(request.getfixturevalue("postgres_database_url")), S3Store(bucket))


@pytest.fixture
def lite(sqlite_database: Database, build: Callable[..., Place]) -> Place:
    return build(sqlite_database)
