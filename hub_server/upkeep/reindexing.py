"""Reading every card again: rows of the catalog as they would be written today."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sqlalchemy import func, select

from hub_server import catalog, contents
from hub_server.blobs import StoreUnavailable
from hub_server.contents import Hub
from hub_server.db import Database
from hub_server.db.facts import forget_fact, read_fact, write_fact
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import HubError, Unavailable
from hub_server.git import ObjectId
from hub_server.upkeep.meters import Tell
from hub_server.upkeep.repositories import label

PLACE = "reindex-after"
"""The fact that says behind which repository an interrupted run goes on."""
AT_ONCE = 200
READERS = 4
BAD_CARD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a card has been seen to raise."""

Failed = Callable[[str, str], None]
"""Called with the repository and why its card could not be read."""


@dataclass(frozen=True, slots=True)
class Reindexed:
    done: int
    failed: int


def reindex_all(hub: Hub, *, anew: bool, tell: Tell, failed: Failed) -> Reindexed:
    """Every repository, by id; what was interrupted goes on where it was, unless `anew`.

    A repository whose objects are damaged is told and passed over: what is in its row stays.
    Raises StoreUnavailable or Unavailable where nothing can be read at all.
    """
    after = 0 if anew else _place(hub.database)
    if after:
        tell(f"going on behind repository {after} (--anew begins at the first)")
    with hub.database.read() as session:
        left = session.scalar(select(func.count()).where(Repo.id > after)) or 0
    count = lost = 0
    for some in _portions(hub.database, after):
        lost += _portion(hub, some, failed)
        count += len(some)
        after = some[-1].id
        with hub.database.write() as session:
            write_fact(session, PLACE, str(after))
        tell(f"{count} of {left} repositories")
    catalog.finish(hub.database)
    with hub.database.write() as session:
        forget_fact(session, PLACE)
    return Reindexed(count - lost, lost)


def reindex_one(hub: Hub, repo_id: int, name: str, failed: Failed) -> Reindexed:
    lost = _portion(hub, [_Entry(repo_id, name)], failed)
    return Reindexed(1 - lost, lost)


class _Entry(NamedTuple):
    id: int
    name: str


class _Tip(NamedTuple):
    id: int
    kind: Kind
    head: ObjectId


def _portion(hub: Hub, some: Sequence[_Entry], failed: Failed) -> int:
    """Read several at a time, write them at once; how many could not be read."""
    catalog.mend_heads(hub, [entry.id for entry in some])
    tips = _tips(hub.database, some)
    found: dict[int, catalog.Found | None] = {}
    lost = 0
    with ThreadPoolExecutor(READERS, "reindex") as pool:
        for entry, read in zip(some, pool.map(partial(_read, hub), tips), strict=True):
            if isinstance(read, str):
                failed(entry.name, read)
                lost += 1
            found[entry.id] = None if isinstance(read, str) else read
    catalog.write_records(hub.database, found)
    return lost


def _tips(database: Database, some: Sequence[_Entry]) -> list[_Tip | None]:
    """Of each what is to be read: None for those that are deleted or have no commit."""
    with database.read() as session:
        columns = select(Repo.id, Repo.kind, Repo.head).where(
            Repo.id.in_([entry.id for entry in some]), Repo.deleted_at.is_(None)
        )
        rows = {
            number: _Tip(number, kind, head)
            for number, kind, head in session.execute(columns)
            if head is not None
        }
    return [rows.get(entry.id) for entry in some]


def _read(hub: Hub, tip: _Tip | None) -> catalog.Found | str | None:
    """What the card and files say, or why they cannot be read."""
    if tip is None:
        return None
    try:
        return tip.head, contents.record_at(hub, *tip)
    except StoreUnavailable as failure:
        hub.blobs.check()  # one blob, or the whole store?
        return str(failure)
    except Unavailable:
        raise  # the database does not answer
    except (HubError, *BAD_CARD) as failure:
        return str(failure)


def _place(database: Database) -> int:
    with database.read() as session:
        return int(read_fact(session, PLACE) or 0)


def _portions(database: Database, after: int) -> Iterator[list[_Entry]]:
    """Deleted ones too, which are in the index no more."""
    columns = select(Repo.id, Repo.kind, Repo.full_name)
    while True:
        with database.read() as session:
            some = columns.where(Repo.id > after).order_by(Repo.id).limit(AT_ONCE)
            rows = [
                _Entry(number, label(kind, name)) for number, kind, name in session.execute(some)
            ]
        if not rows:
            return
        yield rows
        after = rows[-1].id
