"""The derived columns of a repository: written with the push that changes them, or by a job."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub_server import contents, jobs
from hub_server.cards import IndexRecord
from hub_server.contents import Hub
from hub_server.db import now
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.repos import Repo
from hub_server.events import RefsUpdated
from hub_server.gitstore import HEADS, lock_repository

REINDEX = "catalog.reindex"
OWN_COLUMNS = ("card_data", "tags", "pipeline_tag", "library_name")


def refs_updated(session: Session, event: RefsUpdated) -> None:
    """Subscriber: the repository's row follows its default branch, in the push's transaction."""
    values: dict[str, Any] = {"updated_at": now()}
    if event.moves_head:
        values["head"] = event.head
        if event.record is not None:
            values |= columns(event.record)
        elif event.head is not None:
            jobs.enqueue(session, REINDEX, {"repo_id": event.repo_id}, key=str(event.repo_id))
    session.execute(update(Repo).where(Repo.id == event.repo_id).values(values))


def columns(record: IndexRecord) -> dict[str, Any]:
    """An index record as values for the columns of `repo`."""
    everything = asdict(record)
    own = {name: everything.pop(name) for name in OWN_COLUMNS}
    return {**own, "tags": list(own["tags"]), "facts": everything}


def mend_head(hub: Hub, repo_id: int) -> None:
    """The row names the commit of the default branch, whatever it named before."""
    with hub.database.write() as session:
        lock_repository(session, repo_id)
        row = session.execute(
            select(Repo.default_branch, Repo.head).where(Repo.id == repo_id)
        ).one_or_none()
        if row is None:
            return
        main = HEADS + row.default_branch.encode("utf-8", "surrogateescape")
        ref = select(GitRef.value).where(GitRef.repo_id == repo_id, GitRef.name == main)
        head = session.scalar(ref)
        if head != row.head:
            session.execute(update(Repo).where(Repo.id == repo_id).values(head=head))


def reindex(hub: Hub, repo_id: int) -> None:
    """Read the card and files of the default branch again and write what they say."""
    computed = contents.index_of(hub, repo_id)
    if computed is None:
        return
    head, record = computed
    with hub.database.write() as session:
        session.execute(
            update(Repo).where(Repo.id == repo_id, Repo.head == head).values(columns(record))
        )


def handlers(hub: Hub) -> dict[str, jobs.Handler]:
    def work(payload: Mapping[str, object]) -> None:
        reindex(hub, int(str(payload["repo_id"])))

    return {REINDEX: work}
