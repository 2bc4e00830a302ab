"""How many of what answers a question have each tag: exact, for the side bar of a list.

Of closed types (tasks, libraries, languages …) every tag is counted. Of others only the most
frequent ones are shown; they are found by going through tags from the most frequent one down, until
no further tag has as many repositories in all as the last one shown has here. Where that takes
longer than counting the tags of what answers the question, these are counted.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from pyroaring import BitMap
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub_server.accounts import Caller
from hub_server.catalog.asking import selected
from hub_server.catalog.question import Question
from hub_server.catalog.rows import among
from hub_server.catalog.sets import TagSets, View
from hub_server.catalog.tagging import CLOSED, SHOWN
from hub_server.db.tables.catalog import RepoTag, TagRow

BLOCK = 500
"""Tags that are gone through at a time."""
ITS_OWN = 150
"""Counting the tags of so many repositories takes as long as going through a block."""
TOP = 30


class Facet(NamedTuple):
    """`n` of the repositories have the tag of this name."""

    name: str
    n: int


Facets = dict[str, list[Facet]]


def facets(
    session: Session,
    sets: TagSets,
    question: Question,
    caller: Caller,
    types: Collection[str],
    *,
    top: int = TOP,
) -> Facets:
    """For each type the tags that occur, most frequent first; of open types the `top` ones.

    Tags of the catalog's own types are none.
    """
    view = sets.at(session)
    return counted(view, selected(view, question, caller), types, top=top)


def counted(view: View, bits: BitMap, types: Collection[str], *, top: int = TOP) -> Facets:
    """The same for a set of repositories."""
    found: Facets = {kind: [] for kind in types}
    if not bits:
        return found
    found |= _closed(view, bits, [kind for kind in types if kind in CLOSED])
    rest = [kind for kind in types if kind in SHOWN and kind not in CLOSED]
    for kind in tuple(rest):
        if (best := _from_the_top(view, bits, kind, top)) is not None:
            found[kind] = best
            rest.remove(kind)
    if rest:
        found |= _one_by_one(view.session, bits, rest, top)
    return found


def _closed(view: View, bits: BitMap, types: Collection[str]) -> Facets:
    words = view.words() if types else {}
    held = view.load([number for kind in types for number, _ in words.get(kind, ())])
    return {kind: _ordered(_counts(bits, words.get(kind, ()), held)) for kind in types}


def _counts(
    bits: BitMap, words: Iterable[tuple[int, str]], held: Mapping[int, BitMap]
) -> Iterable[Facet]:
    common = bits.intersection_cardinality
    for number, name in words:
        tagged = held.get(number)
        if tagged is not None and (count := common(tagged)):
            yield Facet(name, count)


def _ordered(found: Iterable[Facet]) -> list[Facet]:
    return sorted(found, key=_rank)


def _rank(facet: Facet) -> tuple[int, str]:
    return -facet.n, facet.name


def _from_the_top(view: View, bits: BitMap, kind: str, top: int) -> list[Facet] | None:
    """None where counting the tags of the set itself is quicker."""
    best: list[Facet] = []
    most = len(bits) // ITS_OWN
    for block in range(most):
        rows = _tags_of(view.session, kind, block * BLOCK, BLOCK)
        if rows:
            held = view.load([number for number, _, _ in rows])
            some = _counts(bits, ((number, name) for number, name, _ in rows), held)
            best = heapq.nsmallest(top, [*best, *some], key=_rank)
        bound = best[-1].n if len(best) == top else 0
        if len(rows) < BLOCK or rows[-1][2] < bound:
            return best
        if block == 0 and any(n > bound for *_, n in _tags_of(view.session, kind, most * BLOCK, 1)):
            return None  # the end is too far down
    return None


def _tags_of(session: Session, kind: str, place: int, count: int) -> Sequence[tuple[int, str, int]]:
    """Id, name and number of those behind so many more frequent ones."""
    statement = (
        select(TagRow.id, TagRow.name, TagRow.n)
        .where(TagRow.type == kind, TagRow.n > 0)
        .order_by(TagRow.n.desc(), TagRow.id.desc())
        .limit(count)
        .offset(place)
    )
    return [(row[0], row[1], row[2]) for row in session.connection().execute(statement).all()]


def _one_by_one(session: Session, bits: BitMap, types: Collection[str], top: int) -> Facets:
    own = (
        select(RepoTag.tag_id, func.count().label("n"))
        .where(among(session, RepoTag.repo_id, bits))
        .group_by(RepoTag.tag_id)
        .subquery()
    )
    statement = (
        select(TagRow.type, TagRow.name, own.c.n)
        .join(own, own.c.tag_id == TagRow.id)
        .where(TagRow.type.in_(sorted(types)))
    )
    found: dict[str, list[Facet]] = defaultdict(list)
    for kind, name, count in session.connection().execute(statement).all():
        found[kind].append(Facet(name, count))
    return {kind: heapq.nsmallest(top, found[kind], key=_rank) for kind in types}
