"""The front page, empty and filled."""

from dataclasses import dataclass

from hub_server.web.views.page import Person
from hub_server.web.views.shared import Kind, RepoRow, SpaceTile


@dataclass(frozen=True)
class Home:
    """`endpoint` goes into HF_ENDPOINT. `yours` is empty for callers without an account."""

    endpoint: str
    counts: dict[Kind, int]
    models: tuple[RepoRow, ...] = ()
    datasets: tuple[RepoRow, ...] = ()
    spaces: tuple[SpaceTile, ...] = ()
    yours: tuple[RepoRow, ...] = ()
    organizations: tuple[Person, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not any(self.counts.values())
