"""The card page of a repository and the facts beside it."""

from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup

from hub_server.web.views.page import Person
from hub_server.web.views.shared import Chip, RepoHead


@dataclass(frozen=True)
class Heading:
    depth: int
    title: str
    anchor: str


@dataclass(frozen=True)
class CardProblem:
    """Something in the metadata to mend; `said` is English, as the API says it."""

    said: str
    line: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """One figure an author reports. `share` is 0 to 100 where a bar makes sense."""

    metric: str
    value: str
    dataset: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Command:
    """Something to paste, under a title that is a message id."""

    title: str
    text: str


@dataclass(frozen=True)
class LikeButton:
    """`url` takes the form; people who are not signed in are led to do so first."""

    url: str
    likes: int = 0
    liked: bool = False
    signed_in: bool = False


@dataclass(frozen=True)
class Sparkline:
    """Downloads of the last days: `points` of a line in a box of `width` and `height`, and the
    same in words."""

    points: str
    width: int
    height: int
    total: int
    most: int
    most_on: date


@dataclass(frozen=True)
class Relation:
    """Repositories that have to do with this one. `title` is a message id; `total` is 0 where all
    are shown; `url` leads to all of them."""

    title: str
    chips: tuple[Chip, ...]
    total: int = 0
    url: str | None = None
    note: str = ""


@dataclass(frozen=True)
class CardPage:
    """`body` is sanitised HTML, None without a README; `is_empty`: no files of people yet."""

    repo: RepoHead
    body: Markup | None
    readme_size: int = 0
    contents: tuple[Heading, ...] = ()
    broken: tuple[CardProblem, ...] = ()
    advice: tuple[CardProblem, ...] = ()
    can_write: bool = False
    is_empty: bool = False
    readme_url: str = ""
    downloads: int = 0
    downloads_all_time: int = 0
    sparkline: Sparkline | None = None
    like: LikeButton | None = None
    parameters: int | None = None
    tensor_types: tuple[str, ...] = ()
    storage: int = 0
    updated: datetime | None = None
    owner: Person | None = None
    relations: tuple[Relation, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    commands: tuple[Command, ...] = ()
    empty_commands: tuple[Command, ...] = ()
