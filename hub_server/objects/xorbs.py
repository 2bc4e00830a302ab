"""Xorbs: compressed chunks in one blob each, stored once under the sha256 of these very bytes.

Two clients may send one xorb in different compressions. The first that is recorded stays, with its
index; what the other one sent is dropped, or left in the store, where no row names it.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.blobs import BlobMissing, BlobReader, BlobStore, Received
from hub_server.chunks import BadXorb, XorbIndex, to_text
from hub_server.db import Database, insert_ignore, now
from hub_server.db.tables.xet import XetChunk, XetTerm, Xorb
from hub_server.errors import Lost, Unavailable
from hub_server.objects import rights
from hub_server.objects.links import portions

AT_ONCE = 8
MOST_HOLDERS = 8
LINK_SECONDS = 900
_COLUMNS = (Xorb.id, Xorb.hash, Xorb.sha256, Xorb.size, Xorb.index)


@dataclass(frozen=True, slots=True)
class StoredXorb:
    """A recorded xorb. `hash` is its Merkle hash in text form; `sha256` and `size` are those of
    the stored bytes, to which `index` belongs."""

    id: int
    hash: str
    sha256: str
    size: int
    index: XorbIndex

    @property
    def key(self) -> str:
        return xorb_key(self.sha256)


def xorb_key(sha256: str) -> str:
    """Where the bytes lie in the blob store."""
    return f"xorb/{sha256}"


def find(session: Session, hashes: Collection[str]) -> dict[str, StoredXorb]:
    """Those that are recorded, by hash; says nothing of permission."""
    found = {}
    for some in portions(sorted(set(hashes))):
        for row in session.execute(select(*_COLUMNS).where(Xorb.hash.in_(some))):
            found[row.hash] = _stored(row)
    return found


def by_id(session: Session, ids: Iterable[int]) -> dict[int, StoredXorb]:
    """Those of the ids that are recorded."""
    found = {}
    for some in portions(sorted(set(ids))):
        for row in session.execute(select(*_COLUMNS).where(Xorb.id.in_(some))):
            found[row.id] = _stored(row)
    return found


def holding(session: Session, chunk_hash: str) -> list[StoredXorb]:
    """Xorbs in which clients may be told that chunk is, newest first, at most 8."""
    rows = session.execute(
        select(*_COLUMNS)
        .join(XetChunk, XetChunk.xorb_id == Xorb.id)
        .where(XetChunk.hash == chunk_hash)
        .order_by(Xorb.id.desc())
        .limit(MOST_HOLDERS)
    )
    return [_stored(row) for row in rows]


def _stored(row: Any) -> StoredXorb:
    try:
        index = XorbIndex.from_bytes(row.index)
    except BadXorb as failure:
        raise Lost(xorb_key(row.sha256)) from failure
    return StoredXorb(row.id, row.hash, row.sha256, row.size, index)


class Xorbs:
    """The xorbs of a hub; questions about them take the caller's session."""

    find = staticmethod(find)
    holding = staticmethod(holding)
    usable = staticmethod(rights.usable)
    offer = staticmethod(rights.offer)
    has_whole_right = staticmethod(rights.has_whole_right)

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self.database = database
        self.blobs = blobs

    def keep(self, received: Received, index: XorbIndex, user_id: int | None) -> StoredXorb:
        """Store a xorb that has arrived whole, of which `index` is true; the file is gone
        afterwards, also where the xorb was stored before. The user may build on it for 30 days.

        What follows the chunks in the file is left out. Raises Unavailable where the same bytes
        were just being removed.
        """
        faults.point("xorb.received")
        name = to_text(index.xorb_hash())
        try:
            body = _chunks_alone(received, index.size)
            lost = self._bring(name, body)
        finally:
            received.discard()
        faults.point("xorb.adopted")
        with self.database.write() as session:
            stored = _record(session, StoredXorb(0, name, body.digest, body.size, index), lost)
            if user_id is not None:
                rights.grant(session, user_id, stored.id)
        faults.point("xorb.kept")
        if self.blobs.size(stored.key) is None and self._gone(stored):
            raise Unavailable("The xorb was being removed; send it again.", retry_after=1)
        return stored

    def _bring(self, name: str, body: Received) -> str | None:
        """Have the bytes in the store, unless others of the same xorb are. Answers the sha256 of
        recorded ones that are lost."""
        with self.database.read() as session:
            known = find(session, [name]).get(name)
        whole = known is not None and self.blobs.size(known.key) == known.size
        if known and known.sha256 != body.digest and whole:
            return None
        key = xorb_key(body.digest)
        if self.blobs.local_path(key) is not None or self.blobs.size(key) != body.size:
            self.blobs.adopt(key, body.path)
        return known.sha256 if known and not whole else None

    def _gone(self, stored: StoredXorb) -> bool:
        """Forget a xorb whose bytes were collected just before it was recorded, unless somebody
        has brought them again since: under the row's lock, nobody else can record it meanwhile."""
        with self.database.write() as session:
            held = select(Xorb.id).where(Xorb.id == stored.id).with_for_update()
            if session.scalar(held) is not None:
                if self.blobs.size(stored.key) is not None:
                    return False
                used = exists().where(XetTerm.xorb_id == stored.id)
                session.execute(delete(Xorb).where(Xorb.id == stored.id, ~used))
        return True

    def whole(self, xorb: StoredXorb) -> bool:
        """Whether its bytes are there, and as many as there should be."""
        return self.blobs.size(xorb.key) == xorb.size

    def all_whole(self, sizes: Mapping[str, int]) -> bool:
        """Whether the store has all these keys, with these sizes."""
        with ThreadPoolExecutor(AT_ONCE, "xorbs") as pool:
            return all(pool.map(lambda key: self.blobs.size(key) == sizes[key], sizes))

    def open(self, xorb: StoredXorb, start: int = 0, length: int | None = None) -> BlobReader:
        """Stream packed bytes in constant memory. Raises Lost where they are not all there."""
        left = max(0, xorb.size - start)
        wanted = left if length is None else min(length, left)
        try:
            reader = self.blobs.open(xorb.key, start, length)
        except BlobMissing:
            raise Lost(xorb.key) from None
        if reader.length != wanted:
            reader.close()
            raise Lost(xorb.key)
        return reader

    def url(
        self, xorb: StoredXorb, start: int, length: int, *, seconds: int = LINK_SECONDS
    ) -> str | None:
        """A link to the store itself that is good for these packed bytes alone, or None."""
        return self.blobs.url(xorb.key, seconds=seconds, start=start, length=length)

    def local_path(self, xorb: StoredXorb) -> Path | None:
        """The file itself, where the store is a directory and it has its size."""
        path = self.blobs.local_path(xorb.key)
        return path if path is not None and self.whole(xorb) else None


def _chunks_alone(received: Received, size: int) -> Received:
    """The same file without what follows the chunks, which alone are stored."""
    if received.size == size:
        return received
    os.truncate(received.path, size)
    with received.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Received(received.path, digest, size)


def _record(session: Session, fresh: StoredXorb, lost: str | None) -> StoredXorb:
    """The row of this xorb, made if there is none. Held until the transaction ends, so that it is
    not collected before somebody has a right to it."""
    values = {"sha256": fresh.sha256, "size": fresh.size, "index": fresh.index.to_bytes()}
    row = {**values, "hash": fresh.hash, "chunks": fresh.index.count, "created_at": now()}
    for _ in range(3):
        insert_ignore(session, Xorb, row)
        held = select(*_COLUMNS).where(Xorb.hash == fresh.hash).with_for_update()
        found = session.execute(held).first()
        if found is not None:
            break
    else:
        raise Unavailable("The xorb is being removed; send it again.", retry_after=1)
    if found.sha256 == lost != fresh.sha256:  # nobody can read by the old index any more
        session.execute(update(Xorb).where(Xorb.id == found.id).values(values))
        return StoredXorb(found.id, fresh.hash, fresh.sha256, fresh.size, fresh.index)
    return _stored(found)
