"""The catalog's record of a repository on request, and this room's jobs."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select

from hub_server.cards import IndexRecord
from hub_server.contents.cards_of import record_of
from hub_server.contents.hub import Hub
from hub_server.contents.snapshots import of_commit
from hub_server.db.tables.repos import Repo
from hub_server.git import ObjectId
from hub_server.gitstore import acquire, collect, collect_orphans
from hub_server.jobs import Handler

SWEEP = "gitstore.sweep"
DAY = timedelta(days=1)


def index_of(hub: Hub, repo_id: int) -> tuple[ObjectId, IndexRecord] | None:
    """The commit of the default branch and what its card and files say; None without a commit."""
    with hub.database.read() as session:
        row = session.execute(
            select(Repo.kind, Repo.head).where(Repo.id == repo_id, Repo.deleted_at.is_(None))
        ).one_or_none()
    if row is None or row.head is None:
        return None
    objects = hub.git.open(repo_id).objects
    seen = of_commit(hub, repo_id, objects, row.head)
    return row.head, record_of(seen, row.kind, hub.settings.region)


def handlers(hub: Hub) -> dict[str, Handler]:
    """Jobs by kind; `gitstore.sweep` is to run every hour or so."""

    def sweep(_payload: Mapping[str, object]) -> None:
        collect(hub.git)
        with hub.database.write() as session:  # never given back: so it is once a day
            today = acquire(session, "gitstore.orphans", DAY.total_seconds())
        if today is not None:
            collect_orphans(hub.git, older_than=2 * DAY)
        hub.git.cache.make_room()

    return {SWEEP: sweep}
