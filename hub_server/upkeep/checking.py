"""Whether everything that was promised is there and right; looks only, changes nothing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, or_, select

from hub_server import objects
from hub_server.contents import Hub
from hub_server.db import database_clock, now
from hub_server.db.tables.git import Pack
from hub_server.db.tables.objects import Upload
from hub_server.db.tables.repos import Repo
from hub_server.upkeep.catalog_rows import check_catalog
from hub_server.upkeep.findings import Finding, Found, confirmed
from hub_server.upkeep.large_files import check_large_files
from hub_server.upkeep.looking import Look
from hub_server.upkeep.meters import Meter, Tell, shown_size
from hub_server.upkeep.repositories import check_repository
from hub_server.upkeep.rows import check_rows
from hub_server.upkeep.unnamed import unnamed
from hub_server.upkeep.xorbs import check_xorbs

OLD = timedelta(hours=24)
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Summary:
    """`words`: what has been looked at."""

    errors: int
    notes: int
    words: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: everything, or one repository; `fast` reads no blob to its end.

    `kinds` are the jobs that somebody works. What is younger than `old` may be in the making.
    """

    repo_id: int | None = None
    fast: bool = False
    old: timedelta = OLD
    kinds: Collection[str] = ()


def fsck(hub: Hub, scope: Scope, found: Found, tell: Tell) -> Summary:
    """Hand every finding to `found` as soon as a second look has confirmed it.

    Works while the hub serves. A damaged repository or file does not keep others from being
    looked at; raises StoreUnavailable or Unavailable where store or database do not answer at all.
    """
    look = Look(hub, Meter(tell), scope.fast)
    counts = {"error": 0, "note": 0}
    for finding in _everything(look, scope):
        counts[finding.level] += 1
        found(finding)
    return Summary(counts["error"], counts["note"], look.meter.words)


def _everything(look: Look, scope: Scope) -> Iterator[Finding]:
    if scope.repo_id is not None:
        yield from _repository(look, scope.repo_id)
        yield from check_large_files(look, scope.repo_id)
        yield from check_xorbs(look, scope.repo_id)
        return
    yield from confirmed(lambda: check_rows(look, scope.kinds))
    yield from confirmed(lambda: check_catalog(look))
    for repo_id in _repositories(look):
        yield from _repository(look, repo_id)
    yield from check_large_files(look)
    yield from check_xorbs(look)
    yield from _orphans(look, scope.old)


def _repository(look: Look, repo_id: int) -> Iterator[Finding]:
    yield from confirmed(lambda: check_repository(look, repo_id))
    look.meter.add(repos=1)


def _repositories(look: Look) -> Iterator[int]:
    """All of them, also those that were deleted and can be brought back."""
    after = 0
    while True:
        with look.hub.database.read() as session:
            some = select(Repo.id).where(Repo.id > after).order_by(Repo.id).limit(AT_ONCE)
            ids = session.scalars(some).all()
        if not ids:
            return
        yield from ids
        after = ids[-1]


def _orphans(look: Look, old: timedelta) -> Iterator[Finding]:
    """What nobody needs and garbage collection will take: no damage."""
    before = now() - old
    for some in unnamed(look.hub, before=before):
        for info in some:
            message = f"No row names these {shown_size(info.size)}."
            yield Finding("note", "orphan", info.key, message)
    for found in objects.stray(look.hub.database, look.hub.blobs, before=before):
        message = f"An upload that came to no end left {shown_size(found.size)}."
        yield Finding("note", "orphan-upload", found.key, message)
    yield from _ended(look, old)


def _ended(look: Look, old: timedelta) -> Iterator[Finding]:
    """Rows that are over and wait for the next job."""
    with look.hub.database.read() as session:
        clock = database_clock(session)
        late = and_(Pack.state == "uploading", Pack.created_at < clock - old)
        columns = select(Pack.name, Pack.size, Pack.state).where(or_(late, Pack.state == "retired"))
        for name, size, state in session.execute(columns.order_by(Pack.id)):
            message = f"{shown_size(size)} of a pack that is {state}."
            yield Finding("note", f"pack-{state}", f"pack/{name}.pack", message)
        ended = select(Upload.id, Upload.key, Upload.size).where(Upload.expires_at < clock)
        for number, key, size in session.execute(ended.order_by(Upload.id)):
            message = f"Upload {number} of {shown_size(size)} was never finished."
            yield Finding("note", "upload-expired", key, message)
