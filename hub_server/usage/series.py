"""Downloads day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.db import now
from hub_server.db.tables.usage import DailyDownloads

MONTH = 30
"""Days that `repo.downloads` sums up, today among them."""


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    downloads: int


def first_day(today: date) -> date:
    """The oldest day that still counts."""
    return today - timedelta(days=MONTH - 1)


def daily(session: Session, repo_id: int) -> Sequence[Day]:
    """The last `MONTH` days (UTC), the oldest first, none left out."""
    first = first_day(now().date())
    rows = session.execute(
        select(DailyDownloads.day, DailyDownloads.downloads).where(
            DailyDownloads.repo_id == repo_id, DailyDownloads.day >= first
        )
    )
    known = {day: count for day, count in rows}  # noqa: C416 - typed keys
    days = (first + timedelta(days=number) for number in range(MONTH))
    return [Day(day, known.get(day, 0)) for day in days]
