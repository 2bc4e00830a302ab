"""Questions to the catalog, and the set of repositories that answers one."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal, get_args

from pyroaring import BitMap
from sqlalchemy import and_, or_, select

from hub_server.accounts import Caller, names
from hub_server.catalog import tagging, visibility
from hub_server.catalog.sets import EMPTY, View, union
from hub_server.catalog.tagging import STEPS, Pair, meanings
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import BadRequest

Sort = Literal["trending", "downloads", "likes", "created", "modified", "parameters", "id"]
SORTS: tuple[Sort, ...] = get_args(Sort)
LinkedKind = Literal["models", "datasets"]
MOST_FILTERS = 1_000
Range = tuple[int | None, int | None]


@dataclass(frozen=True)
class Question:
    """All given conditions must hold, and each of `filters`, which are tags: plain, or with their
    type before them.

    `search`: each occurs in the name. `text`: its words are in the card or the name. `links`:
    models and datasets that a Space uses. `parameters`: least and most of them, both included.
    """

    kind: Kind
    filters: tuple[str, ...] = ()
    author: str | None = None
    search: tuple[str, ...] = ()
    text: str = ""
    pipeline_tag: str | None = None
    gated: bool | None = None
    links: tuple[tuple[LinkedKind, str], ...] = ()
    parameters: Range | None = None
    sort: Sort = "trending"

    def __post_init__(self) -> None:
        if len(self.filters) + len(self.links) + len(self.search) > MOST_FILTERS:
            raise BadRequest("A list takes at most {most} filters.", most=MOST_FILTERS)

    @property
    def digest(self) -> str:
        """Tells it from other questions."""
        return hashlib.blake2b(
            repr(asdict(self)).encode("utf-8", "replace"), digest_size=9
        ).hexdigest()


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
        yield _called(view, question.kind, question.search)
    if question.parameters:
        yield _sized(view, question.kind, *question.parameters)


def _owned(view: View, kind: Kind, author: str) -> BitMap:
    owner = select(Account.id).where(Account.name_key == names.key(author)).scalar_subquery()
    statement = select(Repo.id).where(Repo.namespace_id == owner, Repo.kind == kind)
    return BitMap(view.session.connection().execute(statement).scalars())


def _called(view: View, kind: Kind, words: Iterable[str]) -> BitMap:
    parts = (Repo.name_key.contains(names.key(word), autoescape=True) for word in words)
    statement = select(Repo.id).where(Repo.kind == kind, *parts)
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
