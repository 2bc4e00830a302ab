"""The set of repositories that answers a question."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from pyroaring import BitMap
from sqlalchemy import and_, or_, select

from hub_server.accounts import Caller
from hub_server.accounts import names as account_names
from hub_server.catalog import names, tagging, texts, visibility
from hub_server.catalog.question import Question
from hub_server.catalog.sets import EMPTY, View, union
from hub_server.catalog.tagging import STEPS, Pair, meanings
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Kind, Repo


def selected(view: View, question: Question, caller: Caller) -> BitMap:
    """The ids of all that the caller may see and that meet the conditions."""
    kind = question.kind
    groups = list(_groups(question))
    shown = visibility.visible_pairs(caller, kind)
    closed = tagging.gated(kind)
    wanted = view.ids([*(pair for group in groups for pair in group), *shown, closed])
    held = view.load(list(wanted.values()))

    def having(pairs: Iterable[Pair]) -> BitMap:
        return union(held.get(wanted.get(pair, 0), EMPTY) for pair in pairs)

    parts = [having(group) for group in groups]
    parts.append(union([having(shown), visibility.named(view, caller, kind)]))
    if question.gated:
        parts.append(having([closed]))
    found = _all_of([*parts, *_by_rows(view, question)])
    return found - having([closed]) if question.gated is False else found


def _groups(question: Question) -> Iterable[list[Pair]]:
    """Tags, of each group of which one is needed."""
    for word in dict.fromkeys(question.filters):
        yield meanings(word)
    for field, name in question.links:
        yield [tagging.link(field, tagging.clean(name))]
    if question.pipeline_tag:
        yield [tagging.pipeline(tagging.clean(question.pipeline_tag))]


def _all_of(parts: Sequence[BitMap]) -> BitMap:
    first, *others = sorted(parts, key=len)
    for other in others:
        if not first:
            return EMPTY
        first = first & other
    return first


def _by_rows(view: View, question: Question) -> Iterable[BitMap]:
    """Conditions that no set is kept for."""
    if question.author:
        yield _owned(view, question.kind, question.author)
    if question.search:
        yield names.matching_all(view.session, dict.fromkeys(question.search))
    if question.text:
        yield texts.matching(view.session, view.sets, question.text)
    if question.parameters:
        yield _sized(view, question.kind, *question.parameters)


def _owned(view: View, kind: Kind, author: str) -> BitMap:
    owner = (
        select(Account.id).where(Account.name_key == account_names.key(author)).scalar_subquery()
    )
    statement = select(Repo.id).where(Repo.namespace_id == owner, Repo.kind == kind)
    return BitMap(view.session.connection().execute(statement).scalars())


def _sized(view: View, kind: Kind, least: int | None, most: int | None) -> BitMap:
    """Whole steps by their sets, what is left at both ends by the index."""
    low, high = max(least or 1, 1), most if most is not None else 2**63 - 1
    bounds = [(0, STEPS[0] - 1), *((a, b - 1) for a, b in pairwise(STEPS))]
    bounds.append((STEPS[-1], 2**63 - 1))
    inside = [start for start, end in bounds if low <= max(start, 1) and end <= high]
    cut = [(max(start, low), min(end, high)) for start, end in bounds
           if start not in inside and start <= high and end >= low]  # fmt: skip
    found = view.tagged([tagging.step(start) for start in inside])
    if cut:
        ends = or_(*(Repo.parameters.between(*each) for each in cut))
        rows = select(Repo.id).where(and_(Repo.kind == kind, ends))
        found = found | BitMap(view.session.connection().execute(rows).scalars())
    return found
