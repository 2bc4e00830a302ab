"""Blobs that no row names: what garbage collection may take, and what a check lists."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.blobs import BlobInfo, BlobMissing, BlobStore
from hub_server.contents import Hub
from hub_server.db import new_public_id
from hub_server.db.facts import claim_fact
from hub_server.db.tables.git import Pack
from hub_server.db.tables.objects import ObjectForm
from hub_server.db.tables.xet import Xorb
from hub_server.errors import Conflict
from hub_server.objects import xorb_key

OWNER = "cache/owner"
"""Names the hub whose blobs these are; a bucket must not be collected by another."""
PREFIXES = ("lfs/", "pack/", "xorb/")
AT_ONCE = 500


class ForeignStore(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "These blobs belong to another hub, whose rows this database has not. If that hub is "
            "gone for good, delete {key} in the store and try again.",
            key=OWNER,
        )


def claim_store(hub: Hub) -> None:
    """Write down, once, whose blobs these are. Raises ForeignStore if they are another hub's."""
    with hub.database.write() as session:
        mine = claim_fact(session, "hub", new_public_id())
    owner = _owner(hub.blobs)
    if owner is None:
        path = hub.spool.folder / f"owner-{new_public_id()}"
        path.write_text(mine)
        hub.blobs.put(OWNER, path)
        path.unlink()
        owner = _owner(hub.blobs)
    if owner != mine:
        raise ForeignStore


def _owner(blobs: BlobStore) -> str | None:
    try:
        with blobs.open(OWNER) as reader:
            return reader.read().decode("ascii", "replace")
    except BlobMissing:
        return None


def unnamed(hub: Hub, *, before: datetime) -> Iterator[list[BlobInfo]]:
    """Finished blobs, last changed before that, which no row names; some at a time."""
    for prefix in PREFIXES:
        old = (info for info in hub.blobs.list(prefix) if info.modified < before)
        while some := list(islice(old, AT_ONCE)):
            with hub.database.read() as session:
                known = named(session, [info.key for info in some])
            if found := [info for info in some if info.key not in known]:
                yield found


def named(session: Session, keys: Sequence[str]) -> set[str]:
    """Those of the keys that a row names, in whatever state that row is.

    The row of a large file names no blob: its forms do, and it may be stored as chunks alone.
    """
    found = set(session.scalars(select(ObjectForm.key).where(ObjectForm.key.in_(keys))))
    sha256s = [key.removeprefix("xorb/") for key in keys if key.startswith("xorb/")]
    rows = session.scalars(select(Xorb.sha256).where(Xorb.sha256.in_(sha256s)))
    found.update(xorb_key(sha256) for sha256 in rows)
    packs = {key: _pack_name(key) for key in keys if key.startswith("pack/")}
    known = set(session.scalars(select(Pack.name).where(Pack.name.in_(set(packs.values())))))
    return found | {key for key, name in packs.items() if name in known}


def _pack_name(key: str) -> str:
    return key.removeprefix("pack/").removesuffix(".pack").removesuffix(".idx")


def leftovers(blobs: BlobStore, *, before: datetime) -> Iterable[BlobInfo]:
    """What lies in `cache/`, which anybody can make again, but the name of its owner."""
    for info in blobs.list("cache/"):
        if info.modified < before and info.key != OWNER:
            yield info
