"""What the search box of every page leads to."""

from dataclasses import dataclass

from hub_server.web.views.page import Person
from hub_server.web.views.shared import Kind


@dataclass(frozen=True)
class FoundRepo:
    id: str
    url: str
    private: bool = False


@dataclass(frozen=True)
class FoundRepos:
    """The first of `total` of a kind; `url` is the list of all of them."""

    kind: Kind
    total: int
    url: str
    repos: tuple[FoundRepo, ...]


@dataclass(frozen=True)
class SearchPage:
    """`nearest` is what may have been meant, where nothing was found for what was typed.
    `in_texts` is the list of models whose cards have the words."""

    typed: str
    groups: tuple[FoundRepos, ...] = ()
    people: tuple[Person, ...] = ()
    nearest: str = ""
    in_texts: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.groups and not self.people
