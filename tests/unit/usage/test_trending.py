"""The trending score: its order, its decay, and that only rows that change are written."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, func, select, update

from hub_server import usage
from hub_server.db import Database, now
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.usage import DailyDownloads, Like, RecentDownload
from hub_server.usage import Counter
from hub_server.usage.trending import score
from tests.support.people import make_repo, make_user

TODAY = date(2026, 3, 30)


def test_what_a_day_is_worth() -> None:
    assert score({}, {}, TODAY) == 0
    assert score({TODAY: 7}, {}, TODAY) == 3
    assert score({}, {TODAY: 2}, TODAY) == 6
    assert score({TODAY: 1_000_000}, {}, TODAY) < score({TODAY: 1}, {TODAY: 7}, TODAY)


def test_half_is_left_after_a_week_and_nothing_after_a_month() -> None:
    days = {TODAY: 7}
    left = [score(days, {}, TODAY + timedelta(days=age)) for age in range(31)]
    assert left == sorted(left, reverse=True)
    assert (left[7], left[14]) == (1.5, 0.75)
    assert left[29] > 0
    assert left[30] == 0


def test_use_of_many_days_beats_the_same_in_one() -> None:
    steady = {TODAY - timedelta(days=age): 10 for age in range(5)}
    assert score(steady, {}, TODAY) > score({TODAY: 50}, {}, TODAY)


class Used:
    """Repositories `a` … with downloads and likes on chosen days before `TODAY`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.write() as session:
            self.owner = make_user(session)
            self.fans = [make_user(session, f"fan{n}").id for n in range(4)]
        self.ids: dict[str, int] = {}

    def repo(self, name: str, downloads: dict[int, int], likes: tuple[int, ...] = ()) -> None:
        with self.database.write() as session:
            owner = session.merge(self.owner, load=False)
            repo = make_repo(session, owner, name, likes=len(likes))
            repo.downloads = repo.downloads_all_time = sum(downloads.values())
            self.ids[name] = repo.id
            for age, count in downloads.items():
                day = TODAY - timedelta(days=age)
                session.add(DailyDownloads(repo_id=repo.id, day=day, downloads=count))
            for fan, age in zip(self.fans, likes, strict=False):
                moment = datetime(2026, 3, 30, 12, tzinfo=UTC) - timedelta(days=age)
                session.add(Like(repo_id=repo.id, user_id=fan, created_at=moment))

    def order(self) -> list[str]:
        with self.database.read() as session:
            rows = session.scalars(select(Repo.full_name).order_by(Repo.trending.desc(), Repo.id))
            return [name.removeprefix("ada/") for name in rows]

    def row(self, name: str) -> Repo:
        with self.database.read() as session:
            return session.scalars(select(Repo).where(Repo.id == self.ids[name])).one()


@pytest.fixture
def used(database: Database) -> Used:
    return Used(database)


def test_order_and_decay(used: Used) -> None:
    used.repo("quiet", {})
    used.repo("old-star", {29: 100_000}, (29, 28, 60))
    used.repo("downloaded", {0: 40, 1: 40, 2: 40})
    used.repo("liked-today", {0: 40}, (0, 0, 1, 1))
    assert usage.refresh(used.database, today=TODAY) == 3
    assert used.order() == ["liked-today", "downloaded", "old-star", "quiet"]
    before = used.row("downloaded").trending
    assert usage.refresh(used.database, today=TODAY + timedelta(days=7)) == 3
    assert 0 < used.row("downloaded").trending == pytest.approx(before / 2, abs=0.01)
    assert used.row("old-star").trending == 0


def test_days_fall_out_of_the_window(used: Used) -> None:
    used.repo("a", {0: 5, 29: 7})
    usage.refresh(used.database, today=TODAY)
    assert used.row("a").downloads == 12
    usage.refresh(used.database, today=TODAY + timedelta(days=1))
    assert (used.row("a").downloads, used.row("a").downloads_all_time) == (5, 12)
    usage.refresh(used.database, today=TODAY + timedelta(days=40))
    assert (used.row("a").downloads, used.row("a").downloads_all_time) == (0, 12)
    assert used.row("a").trending == 0


def test_only_rows_that_change_are_written(used: Used) -> None:
    for number in range(7):
        used.repo(f"r{number}", {number: 3})
    assert usage.refresh(used.database, today=TODAY, batch=3) == 7
    written: list[str] = []

    def note(*told: object) -> None:
        if str(told[2]).startswith("UPDATE"):
            written.append(str(told[2]))

    event.listen(used.database.engine, "before_cursor_execute", note)
    assert usage.refresh(used.database, today=TODAY, batch=3) == 0
    assert written == []
    with used.database.write() as session:
        session.add(DailyDownloads(repo_id=used.ids["r4"], day=TODAY, downloads=1))
    assert usage.refresh(used.database, today=TODAY, batch=3) == 1


def test_what_somebody_broke_is_mended(used: Used) -> None:
    used.repo("a", {1: 4}, (0, 1))
    with used.database.write() as session:
        session.execute(update(Repo).values(downloads=99, likes=77))
    usage.refresh(used.database, today=TODAY)
    assert (used.row("a").downloads, used.row("a").likes) == (4, 2)


def test_old_days_and_windows_go(used: Used) -> None:
    used.repo("a", {0: 1, 399: 1, 401: 1})
    with used.database.write() as session:
        session.add(RecentDownload(client=b"x" * 16, window_ends=1))
        session.add(RecentDownload(client=b"y" * 16, window_ends=2**40))
    usage.refresh(used.database, today=TODAY)
    with used.database.read() as session:
        assert session.scalar(select(func.count()).select_from(DailyDownloads)) == 2
        assert session.scalars(select(RecentDownload.client)).all() == [b"y" * 16]


def test_downloads_and_likes_go_on_meanwhile(
    used: Used, database_url: str, make_database: Callable[..., Database]
) -> None:
    """Forty clients and four likes beside thirty refreshes: nothing is lost."""
    used.repo("a", {})
    repo, kind = used.row("a"), "dataset"
    counter = Counter(make_database(database_url), b"k" * 32)

    def download(number: int) -> None:
        counter.note(kind, repo.id, f"user {number}")  # type: ignore[arg-type]
        counter.flush()

    def refresh(_: int) -> None:
        usage.refresh(used.database)

    with ThreadPoolExecutor(4) as pool:
        turns = [pool.submit(refresh, number) for number in range(30)]
        turns += [pool.submit(download, number) for number in range(40)]
    for turn in turns:
        turn.result()
    counter.stop()
    usage.refresh(used.database)
    assert (used.row("a").downloads, used.row("a").downloads_all_time) == (40, 40)


def test_the_last_thirty_days_have_no_gaps(database: Database) -> None:
    today = now().date()
    with database.write() as session:
        repo = make_repo(session, make_user(session))
        for age, count in ((0, 5), (29, 2), (30, 9)):
            day = today - timedelta(days=age)
            session.add(DailyDownloads(repo_id=repo.id, day=day, downloads=count))
    with database.read() as session:
        days = usage.daily(session, repo.id)
    assert [day.date for day in days] == [today - timedelta(days=age) for age in range(29, -1, -1)]
    assert [day.downloads for day in days] == [2, *[0] * 28, 5]
