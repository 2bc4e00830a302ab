"""Rows of `tag_bits`: which repositories have a tag, as compressed sets of ids.

A tag with few repositories has one row (chunk -1), so that side bars read one row a tag. Above
`SMALL` it has one for each 65,536 ids, so that no push writes more than about 8 kB for it, and
stays so. Rows are emptied and not deleted: readers ask for rows that are newer than what they know.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pyroaring import BitMap
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub_server.catalog import batches
from hub_server.catalog.rows import among
from hub_server.db.tables.catalog import TagBits

WHOLE = -1
SMALL = 4096
SHIFT = 16


@dataclass(slots=True)
class Delta:
    """Ids that a tag gains and loses; no id is in both."""

    gained: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


Changes = Mapping[int, Delta]
Place = tuple[int, int]
"""Tag and chunk."""


def change(session: Session, version: int, changes: Changes) -> None:
    """Let the sets follow, under the clock, whose version this is."""
    if not changes:
        return
    chunks = {number >> SHIFT for delta in changes.values()
              for number in (*delta.gained, *delta.lost)}  # fmt: skip
    known = _read(session, changes, chunks | {WHOLE})
    chunked = _chunked(session, changes.keys() - {tag for tag, chunk in known if chunk == WHOLE})
    written: dict[Place, BitMap] = {}
    outgrown: list[int] = []
    for tag, delta in changes.items():
        if tag in chunked:
            written |= _in_chunks(tag, delta, known)
            continue
        whole = _applied(known.get((tag, WHOLE)), delta.gained, delta.lost)
        if len(whole) < SMALL:
            written[tag, WHOLE] = whole
        else:
            outgrown.append(tag)
            written |= divided(tag, whole)
    if outgrown:
        gone = among(session, TagBits.tag_id, outgrown) & (TagBits.chunk == WHOLE)
        session.connection().execute(delete(TagBits).where(gone))
    write(session, version, written)


def divided(tag: int, bits: BitMap) -> dict[Place, BitMap]:
    """A set as the rows that a tag is stored in when it is written at once."""
    if len(bits) < SMALL:
        return {(tag, WHOLE): bits}
    found: dict[Place, BitMap] = {}
    chunk = bits.min() >> SHIFT
    while chunk <= bits.max() >> SHIFT:
        some = bits & BitMap(range(chunk << SHIFT, (chunk + 1) << SHIFT))
        if some:
            found[tag, chunk] = some
        chunk += 1
    return found


def write(session: Session, version: int, sets: Mapping[Place, BitMap]) -> None:
    """Rows as they are to be, in one batch."""
    ordered = sorted(sets.items(), key=lambda item: item[0])
    rows = [(tag, chunk, len(each), each.serialize()) for (tag, chunk), each in ordered]
    batches.put_sets(session, version, rows)


def _read(session: Session, tags: Iterable[int], chunks: Collection[int]) -> dict[Place, BitMap]:
    statement = select(TagBits.tag_id, TagBits.chunk, TagBits.bits).where(
        among(session, TagBits.tag_id, tags), among(session, TagBits.chunk, chunks)
    )
    rows = session.connection().execute(statement)
    return {(tag, chunk): BitMap.deserialize(bits) for tag, chunk, bits in rows}


def _chunked(session: Session, tags: Collection[int]) -> frozenset[int]:
    """Those among tags without a row for the whole that have rows at all."""
    if not tags:
        return frozenset()
    statement = select(TagBits.tag_id).where(among(session, TagBits.tag_id, tags)).distinct()
    return frozenset(session.connection().execute(statement).scalars())


def _in_chunks(tag: int, delta: Delta, known: Mapping[Place, BitMap]) -> dict[Place, BitMap]:
    parts: dict[int, Delta] = defaultdict(Delta)
    for number in delta.gained:
        parts[number >> SHIFT].gained.append(number)
    for number in delta.lost:
        parts[number >> SHIFT].lost.append(number)
    return {
        (tag, chunk): _applied(known.get((tag, chunk)), part.gained, part.lost)
        for chunk, part in parts.items()
    }


def _applied(bits: BitMap | None, gained: Iterable[int], lost: Iterable[int]) -> BitMap:
    return ((bits or BitMap()) | BitMap(gained)) - BitMap(lost)
