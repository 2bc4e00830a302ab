"""Lists of repositories of one kind."""

from dataclasses import dataclass

from hub_server.web.views.shared import Choice, Kind, Pager, RepoRow, SpaceTile


@dataclass(frozen=True)
class Filter:
    """A box to tick: `count` of the list have it. `label` is a message id for tasks."""

    name: str
    value: str
    label: str
    count: int
    checked: bool = False


@dataclass(frozen=True)
class FilterPart:
    """`title` is a message id, "" for none."""

    title: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class FilterGroup:
    """`rest` has `more` filters that are folded away; `rarer` ones more are not on the page.
    `findable`: one can type to find some."""

    name: str
    title: str
    parts: tuple[FilterPart, ...]
    rest: tuple[FilterPart, ...] = ()
    more: int = 0
    rarer: int = 0
    is_open: bool = True
    findable: bool = False


@dataclass(frozen=True)
class SizeRange:
    """Bounds of the number of parameters to choose from, and those that are chosen."""

    bounds: tuple[int, ...]
    least: int | None = None
    most: int | None = None

    @property
    def is_open(self) -> bool:
        return bool(self.least or self.most)


@dataclass(frozen=True)
class ActiveFilter:
    """`url` is the list without it; `number` is the bound of a range."""

    name: str
    value: str
    label: str
    url: str
    number: int = 0


@dataclass(frozen=True)
class ListPage:
    """`rows` for models and datasets, `tiles` for Spaces.

    `search` is what was asked for of names, `text` of cards. Where no name has it, `nearest` is
    what may have been meant, and `in_texts_url` asks the cards for it.
    """

    kind: Kind
    pager: Pager
    sorts: tuple[Choice, ...]
    rows: tuple[RepoRow, ...] = ()
    tiles: tuple[SpaceTile, ...] = ()
    search: str = ""
    text: str = ""
    in_texts_url: str = ""
    groups: tuple[FilterGroup, ...] = ()
    size: SizeRange | None = None
    active: tuple[ActiveFilter, ...] = ()
    nearest: str = ""
    nearest_url: str = ""
    can_create: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.rows and not self.tiles
