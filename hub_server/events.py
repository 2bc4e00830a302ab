"""What happened, told to the rooms above that asked to know.

Subscribers run inside the transaction that made it happen and touch rows only; what needs I/O they
write down as a job, in the same transaction. `app.py` connects them.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class RefChange:
    """`old` is None for a new ref, `new` for a deleted one; both are 40 hex characters."""

    name: bytes
    old: str | None
    new: str | None


@dataclass(frozen=True)
class RefsUpdated:
    """The one event of `git push` and of the HTTP commit alike.

    When the default branch moved, `head` is its new commit (None: it is gone) and `record` its
    `cards.IndexRecord`, computed before the transaction; `record` is None if that failed, and the
    catalog writes a job down to try again.
    """

    repo_id: int
    changes: tuple[RefChange, ...]
    user_id: int | None
    moves_head: bool = False
    head: str | None = None
    record: Any = None


@dataclass(frozen=True)
class RepoCreated:
    repo_id: int
    user_id: int | None


@dataclass(frozen=True)
class RepoDeleted:
    repo_id: int
    user_id: int | None


@dataclass(frozen=True)
class AccountRemoved:
    """Of a user or an organization that is about to go; its row may stay, nameless."""

    account_id: int


@dataclass(frozen=True)
class RepoRenamed:
    repo_id: int
    old_name: str
    new_name: str
    user_id: int | None


@dataclass(frozen=True)
class ReposChanged:
    """Rows of repositories were made, or have another name, owner, visibility, gate or fate.

    `old_names` has the full names of those that were renamed. Room `repos` tells it by itself.
    """

    repo_ids: tuple[int, ...]
    old_names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReposPurged:
    """Rows of deleted repositories are about to go for good."""

    repo_ids: tuple[int, ...]


Event = TypeVar("Event")
Subscriber = Callable[[Session, Event], None]


class Events:
    """Subscriptions by type of event, in the order they were made."""

    def __init__(self) -> None:
        self._subscribers: dict[type, list[Subscriber[Any]]] = defaultdict(list)

    def on(self, kind: type[Event], subscriber: Subscriber[Event]) -> None:
        self._subscribers[kind].append(subscriber)

    def announce(self, session: Session, event: object) -> None:
        for subscriber in self._subscribers[type(event)]:
            subscriber(session, event)


HEARING = "events"
"""Under this name a session's `info` has the `Events` of the hub that it belongs to."""


def announce(session: Session, event: object) -> None:
    """For rooms that know no hub: told to those whom the session's hub has subscribed."""
    events = session.info.get(HEARING)
    if isinstance(events, Events):
        events.announce(session, event)
