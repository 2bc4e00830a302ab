"""Which chunks a caller may build files on: those they sent, were offered, or can read now.

Knowing the hash of a xorb gives nothing, as knowing an oid gives nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.accounts import Caller
from hub_server.db import insert_ignore, now, upsert
from hub_server.db.tables.objects import LargeObject
from hub_server.db.tables.xet import XetTerm, Xorb, XorbRight
from hub_server.objects.links import is_narrow, portions, provable
from hub_server.objects.ranges import Ranges, covers, from_text, merged, to_text

LIFETIME = timedelta(days=30)
"""Clients remember for three weeks what they sent, and build on it without asking."""
MANY = 500


def usable(
    session: Session, caller: Caller, hashes: Collection[str], *, offered: bool = True
) -> dict[str, Ranges]:
    """By hash of a xorb, the chunks the caller may build on now; xorbs without any are left out.

    With `offered` False, what dedup answers offered does not count: an answer that counted it
    would renew itself for ever. Nor does what was sent with greater rights than a fine-grained
    token has; to build on that, a client must know the hashes of its chunks.
    """
    found: dict[str, Ranges] = {}
    user_id = None if not offered and is_narrow(caller) else caller.user_id
    for some in portions(sorted(set(hashes))):
        columns = select(Xorb.id, Xorb.hash, Xorb.chunks).where(Xorb.hash.in_(some))
        rows = session.execute(columns).all()
        counts = {row.id: row.chunks for row in rows}
        spans = _by_rights(session, user_id, counts, offered=offered)
        rest = [xorb for xorb, count in counts.items() if not _whole(spans[xorb], count)]
        for xorb, span in _by_reading(session, caller, rest):
            spans[xorb].append(span)
        found |= {row.hash: merged(spans[row.id]) for row in rows if spans[row.id]}
    return found


def _whole(spans: Iterable[tuple[int, int]], count: int) -> bool:
    return covers(merged(spans), 0, count)


def _by_rights(
    session: Session, user_id: int | None, counts: Mapping[int, int], *, offered: bool
) -> dict[int, list[tuple[int, int]]]:
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if user_id is None:
        return spans
    mine = select(XorbRight.xorb_id, XorbRight.ranges).where(
        XorbRight.user_id == user_id,
        XorbRight.xorb_id.in_(counts),
        XorbRight.expires_at > now(),
    )
    for xorb, ranges in session.execute(mine):
        if ranges is None:
            spans[xorb].append((0, counts[xorb]))
        elif offered:
            spans[xorb].extend(from_text(ranges))
    return spans


def _by_reading(
    session: Session, caller: Caller, xorbs: Sequence[int]
) -> Iterable[tuple[int, tuple[int, int]]]:
    """Spans that files use which the caller can read now, or has brought here themselves."""
    for some in portions(xorbs, MANY):
        spans: dict[str, list[tuple[int, tuple[int, int]]]] = defaultdict(list)
        terms = (
            select(LargeObject.sha256, XetTerm.xorb_id, XetTerm.first_chunk, XetTerm.end_chunk)
            .distinct()
            .join(LargeObject, LargeObject.id == XetTerm.object_id)
            .where(XetTerm.xorb_id.in_(some))
        )
        for sha256, xorb, first, end in session.execute(terms):
            spans[sha256].append((xorb, (first, end)))
        for sha256 in provable(session, caller, spans):
            yield from spans[sha256]


def has_whole_right(session: Session, user_id: int | None, xorb_hash: str) -> bool:
    """Whether the user sent all of the xorb within the last 30 days."""
    if user_id is None:
        return False
    mine = (
        select(XorbRight.user_id)
        .join(Xorb, Xorb.id == XorbRight.xorb_id)
        .where(Xorb.hash == xorb_hash, XorbRight.user_id == user_id)
        .where(XorbRight.ranges.is_(None), XorbRight.expires_at > now())
    )
    return session.scalar(mine) is not None


def grant(session: Session, user_id: int, xorb_id: int) -> None:
    """They sent all of it: 30 days from now. The caller holds the xorb's row."""
    row = {"user_id": user_id, "xorb_id": xorb_id, "ranges": None, "expires_at": now() + LIFETIME}
    key, changes = ("user_id", "xorb_id"), ("ranges", "expires_at")
    upsert(session, XorbRight, row, key=key, update=changes)


def offer(
    session: Session, user_id: int, xorb_id: int, ranges: Ranges, expires_at: datetime
) -> bool:
    """Remember what a dedup answer told the user; False if the xorb is not stored any more."""
    kept = select(Xorb.id).where(Xorb.id == xorb_id).with_for_update(read=True, key_share=True)
    if session.scalar(kept) is None:
        return False
    row = {"user_id": user_id, "xorb_id": xorb_id, "expires_at": expires_at}
    insert_ignore(session, XorbRight, {**row, "ranges": to_text(merged(ranges))})
    mine = select(XorbRight).where(XorbRight.user_id == user_id, XorbRight.xorb_id == xorb_id)
    right = session.scalars(mine.with_for_update()).one()
    if right.expires_at <= now():
        right.ranges, right.expires_at = to_text(merged(ranges)), expires_at
    else:
        if right.ranges is not None:
            right.ranges = to_text(merged([*from_text(right.ranges), *ranges]))
        right.expires_at = max(right.expires_at, expires_at)
    session.flush()
    return True
