"""The public page of a user or an organization."""

from dataclasses import dataclass
from datetime import datetime

from hub_server.web.views.page import Person
from hub_server.web.views.shared import RepoRow, SpaceTile


@dataclass(frozen=True)
class ProfilePage:
    """`people` are the members of an organization, or the organizations of a user.

    `deleted` is the repository that was deleted just now, and `keep_days` how long it is kept.
    """

    person: Person
    about: str
    since: datetime
    models: tuple[RepoRow, ...] = ()
    datasets: tuple[RepoRow, ...] = ()
    spaces: tuple[SpaceTile, ...] = ()
    people: tuple[Person, ...] = ()
    is_you: bool = False
    can_create: bool = False
    can_manage: bool = False
    deleted: str = ""
    keep_days: int = 0
