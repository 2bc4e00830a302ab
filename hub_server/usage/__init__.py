"""How repositories are used: downloads, likes, and the trending score made of both."""

from collections.abc import Mapping

from hub_server.db import Database
from hub_server.events import AccountRemoved, Events
from hub_server.jobs import Handler
from hub_server.usage.counting import Counter
from hub_server.usage.likes import (
    Place,
    account_removed,
    count_liked,
    is_liked,
    like,
    liked,
    likers,
    may_like,
    unlike,
)
from hub_server.usage.series import MONTH, Day, daily
from hub_server.usage.trending import refresh

__all__ = [
    "MONTH",
    "REFRESH",
    "Counter",
    "Day",
    "Place",
    "account_removed",
    "count_liked",
    "daily",
    "handlers",
    "is_liked",
    "like",
    "liked",
    "likers",
    "may_like",
    "refresh",
    "subscribe",
    "unlike",
]

REFRESH = "usage.refresh"


def subscribe(events: Events) -> None:
    events.on(AccountRemoved, account_removed)


def handlers(database: Database) -> dict[str, Handler]:
    def work(_: Mapping[str, object]) -> None:
        refresh(database)

    return {REFRESH: work}
