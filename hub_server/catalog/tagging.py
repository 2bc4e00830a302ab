"""Which tags a repository has in the index, and which tags a word of a question may mean.

Beside the tags of cards there are types of the catalog's own, which are never shown: they are the
other things that questions cut by, so that each of those is one set as well.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from hub_server.cards.tags import TagType
from hub_server.db.tables.repos import Kind

Pair = tuple[str, str]
"""Type and name of a tag."""

SHOWN: tuple[str, ...] = get_args(TagType)
CLOSED = (
    *("pipeline_tag", "library", "format", "sdk", "task_categories", "task_ids", "modality"),
    *("language", "size_categories", "multilinguality", "license", "region", "benchmark"),
)
"""Types with so few names that all of them are counted; of others only the most frequent ones."""
LONGEST = 300
_MILLION, _BILLION = 10**6, 10**9
STEPS = (
    *(base * _MILLION for base in (1, 2, 5, 10, 20, 50, 100, 200, 350, 500, 700)),
    *(
        base * _BILLION
        for base in (1, 2, 3, 4, 6, 8, 9, 12, 16, 24, 32, 48, 64, 100, 128, 256, 500)
    ),
)
"""Numbers of parameters at which a step begins; those below the first have one of their own."""


def public(kind: Kind) -> Pair:
    """Who is not private."""
    return "public", kind


def hidden(kind: Kind) -> Pair:
    """Who is private."""
    return "hidden", kind


def private(namespace_id: int, kind: Kind) -> Pair:
    """Who is private in a namespace."""
    return "private", f"{namespace_id}:{kind}"


def gated(kind: Kind) -> Pair:
    return "gated", kind


def pipeline(name: str) -> Pair:
    """The one task of a repository, where `pipeline_tag` names all that its card mentions."""
    return "pipeline", name


def step(start: int) -> Pair:
    """Whose number of parameters lies between this bound of a step and the next."""
    return "step", str(start)


def link(field_name: str, name: str) -> Pair:
    """Spaces that use a repository; `field_name` is `models` or `datasets`."""
    return f"space_{field_name.removesuffix('s')}", name


@dataclass(frozen=True, slots=True)
class State:
    """What a row of `repo` says about its place in the index."""

    id: int
    kind: Kind
    namespace_id: int
    full_name: str
    private: bool
    deleted: bool
    gated: bool
    pipeline_tag: str | None = None
    parameters: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_public(self) -> bool:
        return not (self.private or self.deleted)


def tags_of(state: State) -> frozenset[Pair]:
    """All tags that the index is to have for it, none for a deleted one."""
    if state.deleted:
        return frozenset()
    found = set(_own(state))
    for tag in state.facts.get("typed_tags") or ():
        found.add((tag["type"], tag["name"]))
    return frozenset((kind, clean(name)) for kind, name in found)


def _own(state: State) -> Iterable[Pair]:
    kind = state.kind
    if state.private:
        yield hidden(kind)
        yield private(state.namespace_id, kind)
    else:
        yield public(kind)
    if state.gated:
        yield gated(kind)
    if state.pipeline_tag:
        yield pipeline(state.pipeline_tag)
    if state.parameters > 0:
        yield step(step_of(state.parameters))
    if kind == "space":
        for name in ("models", "datasets"):
            yield from (link(name, target) for target in state.facts.get(name) or ())


def clean(name: str) -> str:
    """As a column of either database takes it."""
    return (
        name[:LONGEST]
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
        .encode("utf-8", "replace")
        .decode()
    )


def step_of(parameters: int) -> int:
    """The bound that its step begins with; 0 below the first."""
    at = bisect_right(STEPS, parameters)
    return STEPS[at - 1] if at else 0


def meanings(word: str) -> list[Pair]:
    """The tags that a word of a filter may stand for: plain, or with its type before it."""
    name = clean(word)
    found = [(kind, name) for kind in SHOWN]
    kind, colon, rest = name.partition(":")
    if colon and rest and kind in SHOWN:
        found.append((kind, rest))
    return found
