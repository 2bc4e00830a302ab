"""The side bar of a list: which filters there are, how many each would leave, and what is chosen.

A filter is a parameter of the address named after the type of tag; `at_least` and `at_most` bound
the parameters of models.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from hub_server.cards import vocabulary
from hub_server.catalog import Facet, Question, Sort
from hub_server.db.tables.repos import Kind
from hub_server.web.tasks import task_label
from hub_server.web.translation import mark
from hub_server.web.views.lists import ActiveFilter, Filter, FilterGroup, FilterPart, SizeRange

Pairs = Sequence[tuple[str, str]]

TITLES: Mapping[str, str] = {
    "pipeline_tag": mark("Task"),
    "task_categories": mark("Task"),
    "modality": mark("Modality"),
    "format": mark("Format"),
    "size_categories": mark("Rows"),
    "sdk": mark("Kit"),
    "language": mark("Language"),
    "library": mark("Library"),
    "license": mark("Licence"),
    "dataset": mark("Trained on"),
    "other": mark("Other tags"),
}
GROUPS: Mapping[Kind, tuple[str, ...]] = {
    "model": ("pipeline_tag", "language", "library", "license", "dataset", "other"),
    "dataset": (
        *("task_categories", "modality", "format", "size_categories"),
        *("language", "library", "license", "other"),
    ),
    "space": ("sdk", "other"),
}
OPEN = {"pipeline_tag", "task_categories", "modality", "sdk", "language", "library", "format"}
FOUND_BY_TYPING = {"language", "library", "license", "other", "dataset"}
TASKS = ("pipeline_tag", "task_categories")
DOMAINS: Mapping[str, str] = {
    "multimodal": mark("Several senses"),
    "nlp": mark("Natural language"),
    "cv": mark("Vision"),
    "audio": mark("Audio"),
    "tabular": mark("Tabular"),
    "rl": mark("Acting"),
    "other": mark("Other"),
}
AT_ONCE = 7
"""Entries of a group that show without being asked for."""
IN_ALL = 300
"""Entries of a group that a page holds; rarer ones are told by their number."""
MOST_CHOSEN = 50
LONGEST = 200
"""Letters of a search."""
SORTS: Mapping[str, tuple[Sort, str]] = {
    "trending": ("trending", mark("Trending")),
    "modified": ("modified", mark("Recently updated")),
    "created": ("created", mark("Newest")),
    "downloads": ("downloads", mark("Most downloads")),
    "likes": ("likes", mark("Most likes")),
    "parameters": ("parameters", mark("Most parameters")),
}
BOUNDS = tuple(
    base * 10**power
    for power, bases in ((6, (1, 10, 100, 500)), (9, (1, 3, 6, 12, 24, 64, 128, 500)))
    for base in bases
)
AT_LEAST, AT_MOST = "at_least", "at_most"


@dataclass(frozen=True)
class Chosen:
    """What the address asks for; all else in it is left alone."""

    kind: Kind
    tags: tuple[tuple[str, str], ...]
    search: str
    text: str
    sort: str
    least: int | None = None
    most: int | None = None

    @property
    def question(self) -> Question:
        parameters = (self.least, self.most) if self.least or self.most else None
        return Question(
            self.kind,
            filters=tuple(f"{group}:{name}" for group, name in self.tags),
            search=tuple(self.search.split()),
            text=self.text,
            parameters=parameters,
            sort=SORTS[self.sort][0],
        )

    @property
    def words(self) -> tuple[tuple[str, str], ...]:
        """Of names, and of cards."""
        return ("search", self.search), ("text", self.text)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """As parameters of an address; what is as without asking is left out."""
        found = list(self.tags)
        found += [(AT_LEAST, str(self.least))] if self.least else []
        found += [(AT_MOST, str(self.most))] if self.most else []
        found += [(name, value) for name, value in self.words if value]
        return found + ([("sort", self.sort)] if self.sort != "trending" else [])


def chosen(kind: Kind, query: QueryParams) -> Chosen:
    """Unknown words in the address are passed over: an old link still shows a list."""
    groups = GROUPS[kind]
    tags = dict.fromkeys((name, value) for name, value in query.multi_items() if name in groups)
    sort = query.get("sort", "")
    return Chosen(
        kind,
        tuple((name, value) for name, value in tags if value)[:MOST_CHOSEN],
        _words(query.get("search")),
        _words(query.get("text")),
        sort if sort in sorts_of(kind) else "trending",
        _bound(query.get(AT_LEAST)) if kind == "model" else None,
        _bound(query.get(AT_MOST)) if kind == "model" else None,
    )


def sorts_of(kind: Kind) -> tuple[str, ...]:
    without = {"model": set(), "dataset": {"parameters"}, "space": {"parameters", "downloads"}}
    return tuple(name for name in SORTS if name not in without[kind])


def _words(text: str | None) -> str:
    return (text or "").replace("\0", "")[:LONGEST].strip()


def _bound(text: str | None) -> int | None:
    number = int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None  # noqa: PLR2004
    return number or None


def groups_of(asked: Chosen, facets: Mapping[str, Sequence[Facet]]) -> tuple[FilterGroup, ...]:
    """What is chosen comes first, whatever its count; what would leave nothing is left out."""
    found = (_group(asked, group, facets.get(group, ())) for group in GROUPS[asked.kind])
    return tuple(group for group in found if group.parts)


def _group(asked: Chosen, group: str, facets: Sequence[Facet]) -> FilterGroup:
    counts = {facet.name: facet.n for facet in facets}
    mine = [name for kind, name in asked.tags if kind == group]
    names = [*mine, *(name for name in counts if name not in mine)]
    entries = [
        Filter(group, name, label_of(group, name), counts.get(name, 0), name in mine)
        for name in names[:IN_ALL]
    ]
    at_once = max(AT_ONCE, len(mine))
    shown, rest = entries[:at_once], entries[at_once:]
    return FilterGroup(
        name=group,
        title=TITLES[group],
        parts=tuple(_parts(group, shown)),
        rest=tuple(_parts(group, rest)),
        more=len(rest),
        rarer=len(names) - len(entries),
        is_open=group in OPEN or bool(mine),
        findable=group in FOUND_BY_TYPING and len(entries) > AT_ONCE,
    )


def _parts(group: str, entries: Sequence[Filter]) -> Iterator[FilterPart]:
    """Tasks by domain, anything else in one piece."""
    if not entries:
        return
    if group not in TASKS:
        yield FilterPart("", tuple(entries))
        return
    for domain, title in DOMAINS.items():
        some = tuple(entry for entry in entries if _domain(entry.value) == domain)
        if some:
            yield FilterPart(title, some)


def _domain(task: str) -> str:
    known = vocabulary.tasks().get(task)
    return known.domain if known else "other"


def label_of(group: str, name: str) -> str:
    """What people call it: a message id for tasks, languages by their code (see the template)."""
    if group in TASKS:
        return task_label(name)
    labels: Mapping[str, str] = {}
    if group == "library" and (library := _library(name)):
        return library
    if group == "license" and name in vocabulary.licenses():
        return vocabulary.licenses()[name].name
    if group == "sdk":
        labels = vocabulary.space_sdks()
    if group == "modality":
        labels = vocabulary.dataset_modalities()
    if group == "format":
        labels = vocabulary.dataset_formats()
    return labels.get(name, name)


def _library(name: str) -> str:
    for kind in ("model", "dataset"):
        if name in (known := vocabulary.libraries(kind)):
            return known[name].label
    return ""


def active(asked: Chosen, path: str) -> tuple[ActiveFilter, ...]:
    """Each with the address of the same list without it."""
    pairs = asked.pairs

    def without(pair: tuple[str, str]) -> str:
        return address(path, [each for each in pairs if each != pair])

    found = [
        ActiveFilter(group, name, label_of(group, name), without((group, name)))
        for group, name in asked.tags
    ]
    for key, bound in ((AT_LEAST, asked.least), (AT_MOST, asked.most)):
        if bound:
            found.append(ActiveFilter(key, str(bound), "", without((key, str(bound))), bound))
    found += [
        ActiveFilter(name, words, words, without((name, words)))
        for name, words in asked.words
        if words
    ]
    return tuple(found)


def address(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    found = urlencode(list(pairs))
    return f"{path}?{found}" if found else path


def size_range(asked: Chosen) -> SizeRange | None:
    """For models alone: a bound of an address that is none of ours stays what it is."""
    if asked.kind != "model":
        return None
    bounds = sorted({*BOUNDS, *(bound for bound in (asked.least, asked.most) if bound)})
    return SizeRange(tuple(bounds), asked.least, asked.most)
