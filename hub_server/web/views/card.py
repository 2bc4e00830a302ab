"""The card page of a repository and the facts beside it."""

from dataclasses import dataclass
from datetime import datetime

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
    likes: int = 0
    parameters: int | None = None
    tensor_types: tuple[str, ...] = ()
    storage: int = 0
    updated: datetime | None = None
    owner: Person | None = None
    base_models: tuple[Chip, ...] = ()
    datasets: tuple[Chip, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    commands: tuple[Command, ...] = ()
    empty_commands: tuple[Command, ...] = ()
