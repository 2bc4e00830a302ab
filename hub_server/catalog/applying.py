"""What the index does when something happens to repositories, and the jobs it writes down."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from hub_server import contents, jobs
from hub_server.cards import IndexRecord
from hub_server.catalog.replacing import News, follow, forget
from hub_server.contents import Hub
from hub_server.db import now
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.repos import Repo
from hub_server.events import RefsUpdated, ReposChanged, ReposPurged
from hub_server.gitstore import HEADS, lock_repository

log = structlog.get_logger("hub.catalog")

REINDEX = "catalog.reindex"
OWN_COLUMNS = ("card_data", "tags", "pipeline_tag", "library_name")
AT_ONCE = 500
_REPO: Any = Repo.__table__
_FACTS = tuple(each.name for each in fields(IndexRecord) if each.name not in (*OWN_COLUMNS, "text"))


def refs_updated(session: Session, event: RefsUpdated) -> None:
    """Subscriber: row and index follow the default branch, in the push's transaction."""
    values: dict[str, Any] = {"updated_at": now()}
    if event.moves_head:
        values["head"] = event.head
    session.execute(update(Repo).where(Repo.id == event.repo_id).values(values))
    if not event.moves_head or event.head is None:
        return
    if event.record is None or not _kept(session, event.repo_id, event.record):
        jobs.enqueue(session, REINDEX, {"repo_id": event.repo_id}, key=str(event.repo_id))


def _kept(session: Session, repo_id: int, record: IndexRecord) -> bool:
    """No push fails because of what its card says."""
    try:
        with session.begin_nested():
            replace(session, {repo_id: record})
    except (StatementError, LookupError, TypeError, ValueError) as failure:
        if isinstance(failure, DBAPIError) and not isinstance(failure, DataError | IntegrityError):
            raise  # the database itself fails
        log.exception("record not kept", repo=repo_id)
        return False
    return True


def repos_changed(session: Session, event: ReposChanged) -> None:
    """Subscriber: the index follows the rows."""
    ids = sorted(event.repo_ids)
    for start in range(0, len(ids), AT_ONCE):
        follow(session, ids[start : start + AT_ONCE], News(names=event.old_names))


def repos_purged(session: Session, event: ReposPurged) -> None:
    """Subscriber: nothing of them is left in the index."""
    forget(session, event.repo_ids)


def replace(session: Session, records: Mapping[int, IndexRecord]) -> None:
    """Write what cards and files say, by the ids of repositories, into rows and index."""
    if not records:
        return
    rows = [{"of": number, **columns(record)} for number, record in sorted(records.items())]
    names = [name for name in rows[0] if name != "of"]
    statement = update(_REPO).where(_REPO.c.id == bindparam("of"))
    session.connection().execute(
        statement.values({name: bindparam(name, type_=_REPO.c[name].type) for name in names}), rows
    )
    follow(session, records.keys(), News({n: record.text for n, record in records.items()}))


def columns(record: IndexRecord) -> dict[str, Any]:
    """An index record as values for the columns of `repo`, which share its lists and maps."""
    facts = {name: getattr(record, name) for name in _FACTS}
    facts["typed_tags"] = [{"type": tag.type, "name": tag.name} for tag in record.typed_tags]
    return {
        **{name: getattr(record, name) for name in OWN_COLUMNS},
        "tags": list(record.tags),
        "parameters": parameters_of(record),
        "facts": facts,
    }


def parameters_of(record: IndexRecord) -> int:
    """As headers of weights tell; 0 where nothing does."""
    totals = ((known or {}).get("total") for known in (record.safetensors, record.gguf))
    found = next((total for total in totals if isinstance(total, int)), 0)
    return min(max(found, 0), 2**63 - 1)


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
        if session.scalar(select(Repo.id).where(Repo.id == repo_id, Repo.head == head)):
            replace(session, {repo_id: record})


def handlers(hub: Hub) -> dict[str, jobs.Handler]:
    def work(payload: Mapping[str, object]) -> None:
        reindex(hub, int(str(payload["repo_id"])))

    return {REINDEX: work}
