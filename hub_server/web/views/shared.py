"""Pieces that several pages show."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hub_server.web.views.page import Person

Kind = Literal["model", "dataset", "space"]
Tab = Literal["card", "files", "settings"]


@dataclass(frozen=True)
class Chip:
    """A fact that leads to more of the same. `key` names it where the label alone does not."""

    label: str
    url: str | None = None
    icon: str | None = None
    tone: str = ""
    key: str | None = None
    translated: bool = False


@dataclass(frozen=True)
class RepoHead:
    """The top of every page of a repository. `url` is its card page."""

    kind: Kind
    id: str
    url: str
    files_url: str
    settings_url: str | None = None
    private: bool = False
    gated: bool = False
    disabled: bool = False
    pretty_name: str = ""
    chips: tuple[Chip, ...] = ()


@dataclass(frozen=True)
class RepoRow:
    """A line of a list. `task` is a message id; `language` is a code."""

    kind: Kind
    id: str
    url: str
    updated: datetime
    task: str = ""
    library: str = ""
    language: str = ""
    parameters: int | None = None
    downloads: int = 0
    likes: int = 0
    private: bool = False
    gated: bool = False


@dataclass(frozen=True)
class SpaceTile:
    id: str
    url: str
    title: str
    updated: datetime
    emoji: str = ""
    text: str = ""
    sdk: str = ""
    color_from: str = "gray"
    color_to: str = "gray"
    likes: int = 0
    private: bool = False


@dataclass(frozen=True)
class CommitLine:
    """One commit in a list or above a table of files; `author` is who wrote it."""

    id: str
    url: str
    title: str
    author: Person
    date: datetime
    tree_url: str = ""

    @property
    def short(self) -> str:
        return self.id[:7]


@dataclass(frozen=True)
class Pager:
    """Where one stands in a list. `total` is None where counting would cost too much."""

    first: int
    last: int
    total: int | None = None
    earlier_url: str | None = None
    later_url: str | None = None


@dataclass(frozen=True)
class Choice:
    """One value of a radio group or a select. Label and help are message ids when `translated`."""

    value: str
    label: str
    help: str = ""
    icon: str = ""
    selected: bool = False
    translated: bool = True


@dataclass(frozen=True)
class Revisions:
    """The branch picker: what is shown now, and the same page at the other branches and tags."""

    current: str
    is_branch: bool
    branches: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_tag(self) -> bool:
        return not self.is_branch and any(name == self.current for name, _ in self.tags)


@dataclass(frozen=True)
class Crumb:
    name: str
    url: str
