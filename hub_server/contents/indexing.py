"""The catalog's record of a repository, computed on request."""

from sqlalchemy import select

from hub_server.cards import IndexRecord
from hub_server.contents.cards_of import record_of
from hub_server.contents.hub import Hub
from hub_server.contents.snapshots import of_commit
from hub_server.db.tables.repos import Kind, Repo
from hub_server.git import ObjectId


def index_of(hub: Hub, repo_id: int) -> tuple[ObjectId, IndexRecord] | None:
    """The commit of the default branch and what its card and files say; None without a commit."""
    with hub.database.read() as session:
        row = session.execute(
            select(Repo.kind, Repo.head).where(Repo.id == repo_id, Repo.deleted_at.is_(None))
        ).one_or_none()
    if row is None or row.head is None:
        return None
    return row.head, record_at(hub, repo_id, row.kind, row.head)


def record_at(hub: Hub, repo_id: int, kind: Kind, commit: ObjectId) -> IndexRecord:
    """What card and files of a commit say."""
    seen = of_commit(hub, repo_id, hub.git.open(repo_id).objects, commit)
    return record_of(seen, kind, hub.settings.region)
