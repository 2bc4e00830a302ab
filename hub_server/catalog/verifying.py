"""Whether the index says what the rows say: all tags, all sets, all counts."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.catalog import clock, names, texts
from hub_server.catalog.rebuilding import public_ids, tag_sets
from hub_server.catalog.replacing import steps_of
from hub_server.db.tables.catalog import TagBits, TagRow
from hub_server.db.tables.repos import Repo

AT_ONCE = 1_000
TAGS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Difference:
    """`subject` is a repository or a tag; `by_sets` where `rebuild_sets` mends it."""

    subject: str
    message: str
    by_sets: bool = False


def is_built(session: Session) -> bool:
    """Whether anything was ever indexed."""
    return clock.moment(session) != clock.NEVER


def differences(session: Session) -> Iterator[Difference]:
    """All of one moment: give it a transaction that reads."""
    yield from _of_rows(session)
    yield from _of_sets(session)
    for word in names.wrong(session):
        yield Difference(f"word:{word}", "Another number of names has this word.")


def _of_rows(session: Session) -> Iterator[Difference]:
    after = 0
    while True:
        rows = select(Repo.id).where(Repo.id > after).order_by(Repo.id).limit(AT_ONCE)
        ids = list(session.scalars(rows))
        if not ids:
            return
        for step in steps_of(session, ids):
            if step.gained or step.lost:
                state = step.state
                message = _told("It lacks", step.gained) + _told("It has", step.lost)
                yield Difference(f"{state.kind}/{state.full_name}", message.strip())
        after = ids[-1]


def _told(words: str, pairs: Collection[tuple[str, str]]) -> str:
    shown = ", ".join(f"{kind}:{name}" for kind, name in sorted(pairs)[:3])
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""  # noqa: PLR2004
    return f" {words} {shown}{more}." if pairs else ""


def _of_sets(session: Session) -> Iterator[Difference]:
    shown = public_ids(session)
    after = 0
    while True:
        columns = select(TagRow.id, TagRow.type, TagRow.name, TagRow.n, TagRow.n_public)
        rows = columns.where(TagRow.id > after).order_by(TagRow.id).limit(TAGS_AT_ONCE)
        tags = session.connection().execute(rows).all()
        if not tags:
            return
        wanted = dict(tag_sets(session, tags[0].id, tags[-1].id))
        stored = _stored(session, tags[0].id, tags[-1].id)
        for number, kind, name, n, n_public in tags:
            has, parts = wanted.get(number, BitMap()), stored[number]
            if kind == texts.TYPE:
                has = BitMap.union(BitMap(), *(each for _, each in parts))
                n_public = len(has & shown)
            message = _wrong(has, parts, n) or (
                "" if n_public == len(has & shown) else f"It counts {n_public} public ones."
            )
            if message:
                yield Difference(f"{kind}:{name}", message, by_sets=True)
        after = tags[-1].id


Part = tuple[tuple[int, int], BitMap]
"""Chunk and count of a row, and its set."""


def _stored(session: Session, first: int, last: int) -> dict[int, list[Part]]:
    rows = select(TagBits.tag_id, TagBits.chunk, TagBits.n, TagBits.bits)
    found: dict[int, list[Part]] = defaultdict(list)
    between = rows.where(TagBits.tag_id.between(first, last))
    for tag, chunk, n, data in session.connection().execute(between):
        found[tag].append(((chunk, n), BitMap.deserialize(data)))
    return found


def _wrong(wanted: BitMap, parts: Sequence[Part], n: int) -> str:
    union = BitMap.union(BitMap(), *(each for _, each in parts))
    if union != wanted:
        return f"Its set has {len(union - wanted)} too many and lacks {len(wanted - union)}."
    if any(count != len(each) for (_, count), each in parts) or n != len(wanted):
        return f"It counts {n} instead of {len(wanted)}."
    return ""
