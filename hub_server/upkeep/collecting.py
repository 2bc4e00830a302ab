"""Garbage collection: blobs that no row names are marked, and days later removed for good.

1. Rows that are over (expired uploads, retired packs, objects without links) go, by the jobs that
   also run by themselves.
2. Finished blobs that no row names and that are older than the grace period get a mark, which is a
   row. Nothing moves: whoever names one of them again, or restores a database that does, finds it
   where it was. `undo` takes the marks away.
3. Marks whose blob is named again go.
4. What has been marked for some days is asked about once more, and removed under a lock that keeps
   everybody from naming it meanwhile; an upload that comes at that moment is asked to come again.
5. Unfinished uploads and caches go without a mark: nobody was promised any of that.

Every step may be cut off and done again, and several processes may be at it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub_server import gitstore, objects
from hub_server.blobs import BlobInfo
from hub_server.contents import Hub
from hub_server.db import database_clock, insert_ignore, now
from hub_server.db.tables.objects import LargeObject
from hub_server.db.tables.upkeep import DoomedBlob
from hub_server.db.tables.xet import Xorb
from hub_server.faults import point
from hub_server.gitstore import blobs_are_kept
from hub_server.upkeep.unnamed import claim_store, leftovers, named, unnamed

GRACE = timedelta(hours=24)
LEAST_FOR_UNFINISHED = timedelta(hours=1)
"""Whatever the grace: a body that is arriving has no row that names its file."""
AT_ONCE = 500

_NAMED_BY: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "lfs": (LargeObject, {"size": 0}),
    "xorb": (Xorb, {"size": 0, "chunks": 0, "index": b""}),
}
"""Tables whose rows are held while a blob of that class goes, and what a row made for it says."""

Fate = Literal["marked", "waits", "removed", "kept"]


@dataclass(frozen=True, slots=True)
class Doomed:
    """A blob, what happened to it or would happen, and when it goes for good."""

    key: str
    size: int
    fate: Fate
    goes_at: datetime | None = None


Told = Callable[[Doomed], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """`grace`: younger blobs are left alone. `window`: how long marked ones can be brought back."""

    grace: timedelta
    window: timedelta


def preview(hub: Hub, plan: Plan) -> Iterator[Doomed]:
    """What `collect` would do now; changes nothing. Rows that are over count as still there."""
    claim_store(hub)
    clock = _clock(hub)
    for some in unnamed(hub, before=now() - plan.grace):
        with hub.database.read() as session:
            marks = _marks(session, [info.key for info in some])
        for info in some:
            at = marks.get(info.key, clock) + plan.window
            fate: Fate = "removed" if at <= clock else "waits" if info.key in marks else "marked"
            yield Doomed(info.key, info.size, fate, at)
    before = _unfinished_before(plan)
    for found in objects.stray(hub.database, hub.blobs, before=before):
        yield Doomed(found.key, found.size, "removed")
    for info in leftovers(hub.blobs, before=now() - plan.grace):
        yield Doomed(info.key, info.size, "removed")


def collect(hub: Hub, plan: Plan, told: Told = lambda _: None) -> None:
    """All five steps. Raises ForeignStore; StoreUnavailable where the store fails in the middle."""
    claim_store(hub)
    objects.expire(hub.objects)
    gitstore.collect(hub.git, retired=timedelta(seconds=hub.settings.pack_grace))
    _mend_clock(hub)
    for some in unnamed(hub, before=now() - plan.grace):
        _mark(hub, plan, some, told)
    point("gc.marked")
    _forget_named(hub, told)
    point("gc.checked")
    for key, size in _due(hub, plan.window):
        fate = _remove(hub, key, plan.window)
        if fate is not None:
            told(Doomed(key, size, fate))
    point("gc.removed")
    for found in objects.sweep_stray(hub.database, hub.blobs, before=_unfinished_before(plan)):
        told(Doomed(found.key, found.size, "removed"))
    for info in leftovers(hub.blobs, before=now() - plan.grace):
        hub.blobs.delete(info.key)
        told(Doomed(info.key, info.size, "removed"))


def undo(hub: Hub) -> tuple[int, int]:
    """Take all marks away; how many they were and of how many bytes. The next `collect` begins
    their days anew, unless a row names them by then."""
    with hub.database.write() as session:
        counted = select(func.count(), func.coalesce(func.sum(DoomedBlob.size), 0))
        count, size = session.execute(counted.select_from(DoomedBlob)).one()
        session.execute(delete(DoomedBlob))
    return int(count), int(size)


def _unfinished_before(plan: Plan) -> datetime:
    return now() - max(plan.grace, LEAST_FOR_UNFINISHED)


def _mark(hub: Hub, plan: Plan, some: Sequence[BlobInfo], told: Told) -> None:
    with hub.database.write() as session:
        clock = database_clock(session)
        known = _marks(session, [info.key for info in some])
        rows = [
            {"key": info.key, "size": info.size, "marked_at": clock}
            for info in some
            if info.key not in known
        ]
        insert_ignore(session, DoomedBlob, rows)
    for info in some:
        at = known.get(info.key, clock) + plan.window
        if at > clock:  # the others are told when they are removed
            told(Doomed(info.key, info.size, "waits" if info.key in known else "marked", at))


def _marks(session: Session, keys: Sequence[str]) -> dict[str, datetime]:
    columns = select(DoomedBlob.key, DoomedBlob.marked_at).where(DoomedBlob.key.in_(keys))
    return dict(session.execute(columns).all())


def _forget_named(hub: Hub, told: Told) -> None:
    after = ""
    while True:
        with hub.database.write() as session:
            columns = select(DoomedBlob.key, DoomedBlob.size).where(DoomedBlob.key > after)
            rows = session.execute(columns.order_by(DoomedBlob.key).limit(AT_ONCE)).all()
            again = named(session, [key for key, _ in rows])
            session.execute(delete(DoomedBlob).where(DoomedBlob.key.in_(again)))
        for key, size in rows:
            if key in again:
                told(Doomed(key, size, "kept"))
        if not rows:
            return
        after = rows[-1][0]


def _due(hub: Hub, window: timedelta) -> Iterator[tuple[str, int]]:
    """Marks that are old enough, by the database's clock, some at a time."""
    after = ""
    while True:
        with hub.database.read() as session:
            old = DoomedBlob.marked_at <= database_clock(session) - window
            columns = select(DoomedBlob.key, DoomedBlob.size).where(old, DoomedBlob.key > after)
            rows = session.execute(columns.order_by(DoomedBlob.key).limit(AT_ONCE)).all()
        if not rows:
            return
        yield from ((key, size) for key, size in rows)
        after = rows[-1][0]


def _remove(hub: Hub, key: str, window: timedelta) -> Fate | None:
    """Remove one blob unless something names it now; None where somebody else has, `waits` while
    a backup is at work. The mark goes in the same transaction: a crash in between leaves it."""
    with hub.database.write() as session:
        if blobs_are_kept(session):
            return "waits"
        old = DoomedBlob.marked_at <= database_clock(session) - window
        taken: Any = session.execute(delete(DoomedBlob).where(DoomedBlob.key == key, old))
        if not taken.rowcount:
            return None
        with _unnamed_still(session, key) as free:
            if not free:
                return "kept"
            point("gc.removing")
            hub.blobs.delete(key)
            point("gc.blob_gone")
    return "removed"


@contextmanager
def _unnamed_still(session: Session, key: str) -> Iterator[bool]:
    """Whether no row names the blob, nor will while this transaction lasts.

    Names of packs are never used twice. The row of a large file or of a xorb is held here, or made
    for as long, so that whoever records the same bytes waits for our end and then looks whether
    they are still there.
    """
    kind, _, sha256 = key.partition("/")
    if kind not in _NAMED_BY:
        yield not named(session, [key])
        return
    table, row = _NAMED_BY[kind]
    made, held = _held(session, table, {**row, "sha256": sha256, "created_at": now()})
    yield held and (made or not named(session, [key]))
    if made:
        session.execute(delete(table).where(table.sha256 == sha256))


def _held(session: Session, table: Any, row: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the row was made, and whether it is held; somebody may take it away in between."""
    values = {"hash": f"~{row['sha256'][1:]}", **row} if table is Xorb else row
    for _ in range(3):
        made = insert_ignore(session, table, values) > 0
        mine = select(table.id).where(table.sha256 == row["sha256"])
        if session.scalar(mine.with_for_update()) is not None:
            return made, True
    return False, False


def _mend_clock(hub: Hub) -> None:
    """Marks that were made by a clock that was ahead count from now."""
    with hub.database.write() as session:
        clock = database_clock(session)
        ahead = update(DoomedBlob).where(DoomedBlob.marked_at > clock)
        session.execute(ahead.values(marked_at=clock))


def _clock(hub: Hub) -> datetime:
    with hub.database.read() as session:
        return database_clock(session)
