"""The score that lists are ordered by, and the sums that grow old by themselves.

score = Σ over the last 30 days of 2^(-age / 7) · (3 · likes + log2(1 + downloads)) of that day

A like is a person's word; downloads count by their magnitude, so that one machine in a loop moves
little; each loses half of its weight in a week. Ages are whole days (UTC): a repository whose use
does not change is written once a day, and not at all when nobody uses it any more.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from hub_server.db import Database, now
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.usage import DailyDownloads, Like, RecentDownload
from hub_server.usage.recording import hold
from hub_server.usage.series import first_day

HALF_LIFE = 7.0
"""Days."""
LIKE_WEIGHT = 3.0
COLUMNS = ("downloads", "likes", "trending")
BATCH = 5000
KEPT_DAYS = 400
"""Older days are in `repo.downloads_all_time` alone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The columns of a repository that follow from its use."""

    downloads: int
    likes: int
    trending: float


@dataclass
class Use:
    """Of one repository: by day of the last month, and all who like it."""

    downloads: dict[date, int] = field(default_factory=dict)
    likes: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    likers: int = 0

    def standing(self, today: date) -> Standing:
        return Standing(
            sum(self.downloads.values()), self.likers, score(self.downloads, self.likes, today)
        )


def score(downloads: Mapping[date, int], likes: Mapping[date, int], today: date) -> float:
    """Rounded, so that equal use gives equal numbers."""
    first, total = first_day(today), 0.0
    for day in sorted({*downloads, *likes}):
        if day >= first:
            worth = LIKE_WEIGHT * likes.get(day, 0) + math.log2(1 + downloads.get(day, 0))
            total += worth * 2 ** (-max(0, (today - day).days) / HALF_LIFE)
    return round(total, 3)


def refresh(database: Database, *, today: date | None = None, batch: int = BATCH) -> int:
    """Bring the standing of all repositories up to date; how many rows changed.

    Rows that a push holds at the moment keep what they have until the next time.
    """
    day = today or now().date()
    changed = 0
    for standings in _standings(database, batch):
        ids = list(standings)
        with database.read() as session:
            wanted = _wanted(session, ids, day)
        stale = [id_ for id_ in ids if wanted[id_] != standings[id_]]
        changed += _write(database, stale, day) if stale else 0
    _clean(database, day)
    return changed


def _standings(database: Database, batch: int) -> Iterator[dict[int, Standing]]:
    """Of repositories that somebody uses or used, batch after batch."""
    used = or_(Repo.downloads > 0, Repo.likes > 0, Repo.trending > 0)
    columns = select(Repo.id, Repo.downloads, Repo.likes, Repo.trending).where(used)
    last = 0
    while True:
        with database.read() as session:
            rows = session.execute(
                columns.where(Repo.id > last).order_by(Repo.id).limit(batch)
            ).all()
        if not rows:
            return
        yield {row.id: Standing(row.downloads, row.likes, row.trending) for row in rows}
        last = rows[-1].id


def _wanted(session: Session, ids: Sequence[int], today: date) -> dict[int, Standing]:
    """What the rows of days and likes say; `ids` are in order and few are left out between."""
    uses: dict[int, Use] = {id_: Use() for id_ in ids}
    first = first_day(today)
    days = select(DailyDownloads.repo_id, DailyDownloads.day, DailyDownloads.downloads).where(
        DailyDownloads.repo_id.between(ids[0], ids[-1]), DailyDownloads.day >= first
    )
    for repo_id, day, count in session.execute(days):
        if repo_id in uses:
            uses[repo_id].downloads[day] = count
    likes = Like.repo_id.between(ids[0], ids[-1])
    totals = select(Like.repo_id, func.count()).where(likes).group_by(Like.repo_id)
    for repo_id, count in session.execute(totals):
        if repo_id in uses:
            uses[repo_id].likers = count
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    recent = select(Like.repo_id, Like.created_at).where(likes, Like.created_at >= since)
    for repo_id, moment in session.execute(recent):
        if repo_id in uses:
            uses[repo_id].likes[moment.date()] += 1
    return {repo_id: use.standing(today) for repo_id, use in uses.items()}


def _write(database: Database, ids: Sequence[int], today: date) -> int:
    """Computed once more under the rows' locks: downloads and likes go on meanwhile."""
    with database.write() as session:
        held = sorted(hold(session, ids))
        if not held:
            return 0
        wanted = _wanted(session, held, today)
        session.connection().execute(
            update(Repo)
            .where(Repo.id == bindparam("repo"))
            .values({name: bindparam(f"new_{name}") for name in COLUMNS}),
            [
                {"repo": id_, **{f"new_{name}": getattr(each, name) for name in COLUMNS}}
                for id_, each in wanted.items()
            ],
        )
    return len(held)


def _clean(database: Database, today: date) -> None:
    with database.write() as session:
        session.execute(delete(RecentDownload).where(RecentDownload.window_ends < time.time()))
        old = today - timedelta(days=KEPT_DAYS)
        session.execute(delete(DailyDownloads).where(DailyDownloads.day < old))
