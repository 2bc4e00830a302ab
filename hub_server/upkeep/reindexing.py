"""Reading every card again: rows of the catalog as they would be written today."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from hub_server import catalog
from hub_server.blobs import StoreUnavailable
from hub_server.contents import Hub
from hub_server.db import Database
from hub_server.db.facts import forget_fact, read_fact, write_fact
from hub_server.db.tables.repos import Repo
from hub_server.errors import HubError, Unavailable
from hub_server.upkeep.meters import Tell
from hub_server.upkeep.repositories import label

PLACE = "reindex-after"
"""The fact that says behind which repository an interrupted run goes on."""
AT_ONCE = 100
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

    A repository whose objects are damaged is told and passed over. Raises StoreUnavailable or
    Unavailable where nothing can be read at all.
    """
    after = 0 if anew else _place(hub.database)
    if after:
        tell(f"going on behind repository {after} (--anew begins at the first)")
    with hub.database.read() as session:
        left = session.scalar(select(func.count()).where(Repo.id > after)) or 0
    count = lost = 0
    for some in _portions(hub.database, after):
        for repo_id, name in some:
            count += 1
            lost += not _one(hub, repo_id, name, failed)
        with hub.database.write() as session:
            write_fact(session, PLACE, str(some[-1][0]))
        tell(f"{count} of {left} repositories")
    with hub.database.write() as session:
        forget_fact(session, PLACE)
    return Reindexed(count - lost, lost)


def reindex_one(hub: Hub, repo_id: int, name: str, failed: Failed) -> Reindexed:
    done = _one(hub, repo_id, name, failed)
    return Reindexed(int(done), int(not done))


def _one(hub: Hub, repo_id: int, name: str, failed: Failed) -> bool:
    try:
        catalog.mend_head(hub, repo_id)
        catalog.reindex(hub, repo_id)
    except StoreUnavailable as failure:
        hub.blobs.check()  # one blob, or the whole store?
        failed(name, str(failure))
    except Unavailable:
        raise  # the database does not answer
    except (HubError, *BAD_CARD) as failure:
        failed(name, str(failure))
    else:
        return True
    return False


def _place(database: Database) -> int:
    with database.read() as session:
        return int(read_fact(session, PLACE) or 0)


def _portions(database: Database, after: int) -> Iterator[list[tuple[int, str]]]:
    columns = select(Repo.id, Repo.kind, Repo.full_name).where(Repo.deleted_at.is_(None))
    while True:
        with database.read() as session:
            some = columns.where(Repo.id > after).order_by(Repo.id).limit(AT_ONCE)
            rows = [(number, label(kind, name)) for number, kind, name in session.execute(some)]
        if not rows:
            return
        yield rows
        after = rows[-1][0]
