"""What crashed or lost uploads leave behind, and how it goes: the row first, then the blobs.

So no row ever names bytes that are being removed; a crash in between leaves blobs without a row,
which the room `upkeep` finds. While a backup is at work nothing goes (see `keeping`).
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, delete, or_, select

from hub_server.db import database_clock
from hub_server.db.tables.git import Pack
from hub_server.gitstore.keeping import blobs_are_kept
from hub_server.gitstore.store import GitStore

UPLOADING = timedelta(hours=24)
RETIRED = timedelta(hours=24)
SOME = 200


@dataclass(frozen=True, slots=True)
class Collected:
    packs: int
    bytes: int


def collect(
    store: GitStore, *, uploading: timedelta = UPLOADING, retired: timedelta = RETIRED
) -> Collected:
    """Remove uploads that never became live and packs retired for that long. A job."""
    count = size = 0
    while names := _take(store, uploading, retired):
        for name, stored in names:
            store.forget_blobs(name)
            count, size = count + 1, size + stored
    return Collected(count, size)


def _take(store: GitStore, uploading: timedelta, retired: timedelta) -> list[tuple[str, int]]:
    """Delete some rows of garbage; what they name is nobody's any more."""
    with store.database.write() as session:
        if blobs_are_kept(session):
            return []
        clock = database_clock(session)
        old = or_(
            and_(Pack.state == "uploading", Pack.created_at < clock - uploading),
            and_(Pack.state == "retired", Pack.retired_at < clock - retired),
        )
        some = select(Pack.id).where(old).order_by(Pack.id).limit(SOME)
        rows = session.execute(
            delete(Pack)
            .where(Pack.id.in_(some.scalar_subquery()), old)
            .returning(Pack.name, Pack.size, Pack.index_size)
        ).all()
    return [(row[0], row[1] + row[2]) for row in rows]
