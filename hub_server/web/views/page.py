"""What every page needs of its request."""

from dataclasses import dataclass, field
from typing import Literal

from hub_server.web.translation import Language, mark

Theme = Literal["system", "light", "dark"]
THEMES: dict[Theme, str] = {
    "system": mark("As the device"),
    "light": mark("Light"),
    "dark": mark("Dark"),
}


@dataclass(frozen=True)
class Person:
    """A user or an organization, as a name to show and a place to go (None: only a name in Git)."""

    name: str
    url: str | None = None
    is_org: bool = False
    full_name: str = ""

    @property
    def tone(self) -> int:
        """One of four inks for the initials, the same for a name everywhere."""
        return sum(self.name.encode()) % 4 + 1


@dataclass(frozen=True)
class Link:
    label: str
    url: str
    current: bool = False
    code: str = ""


@dataclass(frozen=True)
class Page:
    """The frame around a view: language, theme, who is signed in, where one is.

    `here` is the path and query without the hub's prefix; `root` is that prefix ("" or "/hub").
    """

    language: Language
    root: str
    here: str
    base_url: str
    csrf_token: str
    theme: Theme = "system"
    user: Person | None = None
    is_admin: bool = False
    can_sign_up: bool = False
    languages: tuple[Link, ...] = ()
    themes: tuple[Link, ...] = ()
    version: str = field(default="")
