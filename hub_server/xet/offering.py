"""Answers to "do you have this chunk?": xorbs to build on instead of sending the same again.

Only what the caller could build on anyway is offered. A chunk outside that stands in the answer
as a random hash of usual length, because the others must keep their numbers.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, visible_clause
from hub_server.chunks import Offer, dedup_shard, from_text, keyed_hash
from hub_server.db.tables.objects import ObjectLink
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.xet import XetTerm, Xorb
from hub_server.errors import NotFound
from hub_server.objects import HubParts, StoredXorb
from hub_server.xet.tokens import Grant

DAY = 86400
OFFER_SECONDS = 7 * DAY
"""Clients use an answer so long; what is offered stays usable so long."""
MOST_XORBS = 32
"""Together 2 GiB of a file: the next eligible chunks of a longer one ask for more."""
MOST_NEIGHBOURS = 4
FILLER_LENGTH = 65536
Ranges = tuple[tuple[int, int], ...]


def offer(hub: HubParts, grant: Grant, chunk: str) -> bytes:
    """A shard with the xorb that holds the chunk and those that follow it in files.

    Raises NotFound if there is none that the caller can build on, BadHash.
    """
    raw = from_text(chunk)
    user = grant.claim.user_id
    with hub.database.read() as session:
        found = [] if user is None else _found(hub, session, grant.caller, raw, chunk)
    if user is None or not found:
        raise NotFound("There is no such chunk.")
    created = int(time.time())
    expires = created - created % DAY + OFFER_SECONDS
    with hub.database.write() as session:
        until = datetime.fromtimestamp(expires + DAY, UTC)  # uploads that use it may take hours
        for xorb, ranges in sorted(found, key=lambda each: each[0].id):  # rows are held
            hub.objects.xorbs.offer(session, user, xorb.id, ranges, until)
    key = secrets.token_bytes(32)
    offers = [_offer(xorb, ranges, key) for xorb, ranges in found]
    return dedup_shard(offers, key=key, created=created, expires=expires)


def _found(
    hub: HubParts, session: Session, caller: Caller, raw: bytes, chunk: str
) -> list[tuple[StoredXorb, Ranges]]:
    xorbs = hub.objects.xorbs
    holding = xorbs.holding(session, chunk)
    usable = xorbs.usable(session, caller, [xorb.hash for xorb in holding], offered=False)
    for xorb in holding:
        ranges = usable.get(xorb.hash, ())
        if any(_has(xorb, raw, first, end) for first, end in ranges):
            return [(xorb, ranges), *_after(hub, session, caller, xorb)]
    return []


def _has(xorb: StoredXorb, raw: bytes, first: int, end: int) -> bool:
    return raw in (xorb.index.hash_at(number) for number in range(first, end))


def _after(
    hub: HubParts, session: Session, caller: Caller, xorb: StoredXorb
) -> list[tuple[StoredXorb, Ranges]]:
    """Those that follow the xorb in the newest files that the caller may see."""
    files = (
        select(XetTerm.object_id)
        .join(ObjectLink, ObjectLink.object_id == XetTerm.object_id)
        .join(Repo, Repo.id == ObjectLink.repo_id)
        .where(XetTerm.xorb_id == xorb.id, visible_clause(caller))
        .order_by(XetTerm.object_id.desc())
        .distinct()
        .limit(MOST_NEIGHBOURS)
    )
    names: dict[str, None] = {}
    for object_id in session.scalars(files).all():
        names |= dict.fromkeys(_following(session, object_id, xorb.id))
    wanted = [name for name in names if name != xorb.hash][: MOST_XORBS - 1]
    stored = hub.objects.xorbs.find(session, wanted)
    usable = hub.objects.xorbs.usable(session, caller, wanted, offered=False)
    return [(stored[name], usable[name]) for name in wanted if name in stored and usable.get(name)]


def _following(session: Session, object_id: int, xorb_id: int) -> Sequence[str]:
    """Hashes of the xorbs of a file, from the first use of this one on."""
    mine = XetTerm.object_id == object_id
    begin = (
        select(XetTerm.position)
        .where(mine, XetTerm.xorb_id == xorb_id)
        .order_by(XetTerm.position)
        .limit(1)
        .scalar_subquery()
    )
    return session.scalars(
        select(Xorb.hash)
        .join(XetTerm, XetTerm.xorb_id == Xorb.id)
        .where(mine, XetTerm.position > begin)
        .order_by(XetTerm.position)
        .limit(4 * MOST_XORBS)
    ).all()


def _offer(xorb: StoredXorb, ranges: Ranges, key: bytes) -> Offer:
    """Chunks after the last usable one are left out."""
    index = xorb.index
    chunks: list[tuple[bytes, int]] = []
    for first, end in ranges:
        missing = first - len(chunks)
        chunks += [(secrets.token_bytes(32), FILLER_LENGTH) for _ in range(missing)]
        chunks += [(keyed_hash(hash, key), length) for hash, length in index.leaves(first, end)]
    whole = ranges == ((0, index.count),)
    return Offer(from_text(xorb.hash), chunks, index.size if whole else 0)
