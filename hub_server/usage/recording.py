"""Notes of downloads to rows: each client once per window, whichever node it asked."""

from collections import Counter as Tally
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import BigInteger, bindparam, select, update
from sqlalchemy.orm import Session

from hub_server.db import insert_into
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.usage import DailyDownloads, RecentDownload

WINDOW = 300
"""Seconds in which what a client takes from a repository is one download."""


@dataclass(frozen=True, slots=True)
class Note:
    """Somebody took something from a repository, at a moment in seconds since 1970."""

    repo_id: int
    moment: int

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.moment, UTC).date()


Notes = Mapping[bytes, Note]
"""By client and repository, in a keyed hash from which neither can be told."""


@dataclass(frozen=True)
class Recorded:
    """`counted` are downloads now, `busy` belong to repositories that somebody else holds at the
    moment. The rest were counted before, or their repository is gone."""

    counted: frozenset[bytes]
    busy: frozenset[bytes]


def record(session: Session, notes: Notes) -> Recorded:
    """In a write unit, for as many notes as fit into one statement (hundreds)."""
    ids = sorted({note.repo_id for note in notes.values()})
    held = hold(session, ids)
    there = set(session.scalars(select(Repo.id).where(Repo.id.in_(ids))))
    counted = _first_of_window(session, {d: n for d, n in notes.items() if n.repo_id in held})
    _add(session, [notes[digest] for digest in counted])
    busy = frozenset(d for d, note in notes.items() if note.repo_id in there - held)
    return Recorded(frozenset(counted), busy)


def hold(session: Session, ids: Collection[int]) -> set[int]:
    """Rows of repositories that are ours until the end of the unit.

    Nobody is waited for: a push holds a row while it waits for the catalog's clock, and two that
    wait for each other would both fail.
    """
    rows = select(Repo.id).where(Repo.id.in_(ids)).order_by(Repo.id)
    return set(session.scalars(rows.with_for_update(key_share=True, skip_locked=True)))


def _first_of_window(session: Session, notes: Notes) -> list[bytes]:
    if not notes:
        return []
    rows = [{"client": d, "window_ends": note.moment + WINDOW} for d, note in notes.items()]
    statement = insert_into(session, RecentDownload, rows)
    new = statement.excluded.window_ends
    statement = statement.on_conflict_do_update(
        index_elements=["client"],
        set_={"window_ends": new},
        where=RecentDownload.window_ends <= new - WINDOW,
    )
    return [bytes(client) for client in session.scalars(statement.returning(RecentDownload.client))]


def _add(session: Session, notes: Sequence[Note]) -> None:
    if not notes:
        return
    days = Tally((note.repo_id, note.day) for note in notes)
    rows = [{"repo_id": repo, "day": day, "downloads": n} for (repo, day), n in days.items()]
    statement = insert_into(session, DailyDownloads, rows)
    sums = {"downloads": DailyDownloads.downloads + statement.excluded.downloads}
    key = ["repo_id", "day"]
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=sums))
    more = bindparam("more", type_=BigInteger)
    session.connection().execute(
        update(Repo)
        .where(Repo.id == bindparam("repo"))
        .values(downloads=Repo.downloads + more, downloads_all_time=Repo.downloads_all_time + more),
        [{"repo": id_, "more": n} for id_, n in Tally(note.repo_id for note in notes).items()],
    )
