"""Downloads: each client once per window, whatever threads, nodes and deletions do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import product

import pytest
from sqlalchemy import delete, func, select, update

from hub_server.db import Database
from hub_server.db.tables.repos import Kind, Repo
from hub_server.db.tables.usage import DailyDownloads, RecentDownload
from hub_server.errors import Unavailable
from hub_server.usage import Counter
from tests.support.people import make_repo, make_user

KEY = b"k" * 32
NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())


@pytest.fixture
def counter(database: Database) -> Counter:
    return Counter(database, KEY)


def repo_id(
    database: Database, name: str = "tiny", kind: Kind = "dataset", **columns: object
) -> int:
    with database.write() as session:
        owner = make_user(session, f"u{name.lower()}")
        return make_repo(session, owner, name, kind=kind, **columns).id


def totals(database: Database, repo: int) -> tuple[int, int, int]:
    """Of the month, of all time, and of all days."""
    with database.read() as session:
        row = session.execute(
            select(Repo.downloads, Repo.downloads_all_time).where(Repo.id == repo)
        ).one()
        days = select(func.sum(DailyDownloads.downloads)).where(DailyDownloads.repo_id == repo)
        return row.downloads, row.downloads_all_time, session.scalar(days) or 0


def test_a_client_counts_once_in_a_window(database: Database, counter: Counter) -> None:
    repo = repo_id(database)
    for path in ("a.csv", "b.csv", "README.md"):
        counter.note("dataset", repo, "user 1", path, at=NOON)
    counter.note("dataset", repo, "user 1", "a.csv", at=NOON + 299)
    counter.note("dataset", repo, "10.0.0.1 curl/8", "a.csv", at=NOON)
    counter.note("dataset", repo, "10.0.0.1 wget", "a.csv", at=NOON)
    assert counter.flush() == 3
    counter.note("dataset", repo, "user 1", "a.csv", at=NOON + 299)
    assert counter.flush() == 0
    counter.note("dataset", repo, "user 1", "a.csv", at=NOON + 300)
    assert counter.flush() == 1
    assert totals(database, repo) == (4, 4, 4)


def test_other_repositories_have_windows_of_their_own(database: Database, counter: Counter) -> None:
    first, second = repo_id(database, "a"), repo_id(database, "b")
    for repo in (first, second):
        counter.note("dataset", repo, "user 1", "a.csv", at=NOON)
    assert counter.flush() == 2


def test_days_are_those_of_utc(database: Database, counter: Counter) -> None:
    repo = repo_id(database)
    midnight = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
    counter.note("dataset", repo, "user 1", "a", at=midnight - 1)
    counter.note("dataset", repo, "user 2", "a", at=midnight)
    counter.note("dataset", repo, "user 3", "a", at=midnight)
    counter.flush()
    with database.read() as session:
        days = session.execute(select(DailyDownloads.day, DailyDownloads.downloads)).all()
    assert {tuple(row) for row in days} == {(date(2026, 3, 1), 1), (date(2026, 3, 2), 2)}


def test_two_nodes_count_a_client_once(
    database_url: str, make_database: Callable[..., Database]
) -> None:
    nodes = [Counter(make_database(database_url), KEY) for _ in range(2)]
    repo = repo_id(make_database(database_url))
    for node in nodes:
        node.note("dataset", repo, "user 1", "a", at=NOON)
    assert [node.flush() for node in nodes] == [1, 0]
    nodes[1].note("dataset", repo, "user 1", "a", at=NOON + 300)
    assert nodes[1].flush() == 1, "the window began when the first node counted"


@pytest.mark.parametrize(
    ("columns", "counted"),
    [
        ({}, ["config.json"]),
        ({"library_name": "sklearn"}, ["sklearn_model.joblib"]),
        ({"facts": {"counted_file": "model.joblib"}}, ["config.json", "model.joblib"]),
    ],
)
def test_models_count_by_the_files_of_their_library(
    database: Database, counter: Counter, columns: dict[str, object], counted: list[str]
) -> None:
    repo = repo_id(database, kind="model", **columns)
    files = ["config.json", "model.joblib", "sklearn_model.joblib", "README.md"]
    for known in (False, True):
        for path in files:
            counter.note("model", repo, f"{known} {path}", path, at=NOON)
        assert counter.flush() == len(counted), f"rule known: {known}"
    with database.write() as session:
        session.execute(delete(RecentDownload))
    counter = Counter(database, KEY)
    for path in files:
        counter.note("model", repo, path, path, at=NOON)
    counter.flush()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(RecentDownload)) == len(counted)


def test_whole_repositories_and_spaces(database: Database, counter: Counter) -> None:
    model, space = repo_id(database, "m", "model"), repo_id(database, "s", "space")
    counter.note("model", model, "user 1", at=NOON)
    counter.note("model", model, "user 1", "config.json", at=NOON)
    counter.note("space", space, "user 1", at=NOON)
    counter.note("space", space, "user 1", "app.py", at=NOON)
    assert counter.flush() == 1
    assert totals(database, space) == (0, 0, 0)


def test_a_deleted_repository_in_the_notes_does_no_harm(
    database: Database, counter: Counter
) -> None:
    gone, model, stays = repo_id(database, "a"), repo_id(database, "b", "model"), repo_id(database)
    for repo in (gone, stays):
        counter.note("dataset", repo, "user 1", "a", at=NOON)
    counter.note("model", model, "user 1", "config.json", at=NOON)
    with database.write() as session:
        session.execute(delete(Repo).where(Repo.id.in_([gone, model])))
    assert counter.flush() == 1
    assert counter.flush() == 0, "nothing is kept of the others"
    assert totals(database, stays) == (1, 1, 1)


def test_many_threads_and_two_nodes_lose_nothing(
    database_url: str, make_database: Callable[..., Database]
) -> None:
    """8 threads, 50 clients each, 3 repositories, flushed by both nodes in between."""
    database = make_database(database_url)
    nodes = [Counter(make_database(database_url), KEY, every=0.02) for _ in range(2)]
    repos = [repo_id(database, f"r{number}") for number in range(3)]

    def work(number: int) -> None:  # each client asks both nodes
        for client, node, repo in product(range(50), nodes, repos):
            node.note("dataset", repo, f"user {number}-{client}", "a.csv", at=NOON)

    for node in nodes:
        node.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    for node in nodes:
        node.stop()
    assert [totals(database, repo) for repo in repos] == [(400, 400, 400)] * 3


def test_a_database_that_is_away_costs_nothing(
    database: Database, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = repo_id(database)
    counter.note("dataset", repo, "user 1", "a", at=NOON)

    def away() -> None:
        raise Unavailable("The database does not answer; try again shortly.")

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", away)
        with pytest.raises(Unavailable):
            counter.flush()
        counter.note("dataset", repo, "user 2", "a", at=NOON)
    assert counter.flush() == 2
    assert totals(database, repo) == (2, 2, 2)


def test_memory_is_bounded(sqlite_database: Database) -> None:
    counter = Counter(sqlite_database, KEY, most=100)
    repo = repo_id(sqlite_database)
    for number in range(1000):
        counter.note("dataset", repo, f"user {number}", "a", at=NOON)
    assert counter.flush() == 200
    counter.note("dataset", repo, "user 999", "a", at=NOON)
    assert counter.flush() == 1, "there is room again"


@pytest.mark.postgres
def test_a_repository_that_a_push_holds_is_counted_later(
    postgres_database_url: str, make_database: Callable[..., Database]
) -> None:
    database = make_database(postgres_database_url)
    counter = Counter(database, KEY)
    held, free = repo_id(database, "a"), repo_id(database, "b")
    for repo in (held, free):
        counter.note("dataset", repo, "user 1", "a", at=NOON)
    with database.write() as session:
        session.execute(update(Repo).where(Repo.id == held).values(head="0" * 40))
        assert counter.flush() == 1
    assert counter.flush() == 1
    assert totals(database, held) == totals(database, free) == (1, 1, 1)
