"""Listings: a page of what answers a question, how many there are in all, counts beside it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, visible_clause
from hub_server.catalog import pages, texts
from hub_server.catalog.asking import selected
from hub_server.catalog.facets import Facets, counted
from hub_server.catalog.pages import Place
from hub_server.catalog.question import Question
from hub_server.catalog.sets import TagSets, View
from hub_server.catalog.tagging import public
from hub_server.db.tables.repos import Repo

MOST_RANKED = 1_000


@dataclass(frozen=True)
class Listing:
    """One page of `total`; `after` is what the next page begins behind, None on the last."""

    repos: Sequence[Repo]
    after: list[Any] | None
    total: int


def listing(
    session: Session,
    sets: TagSets,
    question: Question,
    caller: Caller,
    *,
    after: object = None,
    limit: int = 100,
) -> Listing:
    """What the caller may see, most or newest first. Raises BadRequest for a strange `after`.

    Sets tell what is on the page; of its rows the permissions are asked all the same.
    """
    place = pages.read(question, after)
    view = sets.at(session)
    return _page(view, question, caller, selected(view, question, caller), (place, limit))


def shown(  # noqa: PLR0913 - the last two by name
    session: Session,
    sets: TagSets,
    question: Question,
    caller: Caller,
    types: Collection[str],
    *,
    after: object = None,
    limit: int = 100,
) -> tuple[Listing, Facets]:
    """A page and the counts of its side bar, of one moment."""
    place = pages.read(question, after)
    view = sets.at(session)
    bits = selected(view, question, caller)
    return _page(view, question, caller, bits, (place, limit)), counted(view, bits, types)


def _page(
    view: View, question: Question, caller: Caller, bits: BitMap, cut: tuple[Place | None, int]
) -> Listing:
    """The part of `cut`: behind a place, so many."""
    if question.sort == "relevance":
        return _ranked(view, question, caller, bits, cut)
    place, limit = cut
    size = len(view.tagged([public(question.kind)]))
    order = pages.Order(question.kind, pages.COLUMNS[question.sort], size)
    places = pages.page(view.session, order, bits, place, limit + 1)
    ids = [each.id for each in places[:limit]]
    repos = pages.rows_of(view.session, ids, visible_clause(caller))
    more = len(places) > limit
    return Listing(repos, pages.written(question, places[limit - 1]) if more else None, len(bits))


def _ranked(
    view: View, question: Question, caller: Caller, bits: BitMap, cut: tuple[Place | None, int]
) -> Listing:
    """The same of the best; the list ends where nobody reads on."""
    place, limit = cut
    start = place.value if place else 0
    found = texts.ranked(view.session, view.sets, question.kind, bits, question.text, MOST_RANKED)
    ids = found[start : start + limit]
    repos = pages.rows_of(view.session, ids, visible_clause(caller))
    more = len(found) > start + limit
    end = Place(start + limit, ids[-1]) if more else None
    return Listing(repos, pages.written(question, end) if end else None, len(bits))


def total(session: Session, sets: TagSets, question: Question, caller: Caller) -> int:
    """How many there are in all."""
    return len(selected(sets.at(session), question, caller))
