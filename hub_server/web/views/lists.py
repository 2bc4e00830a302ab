"""Lists of repositories of one kind."""

from dataclasses import dataclass

from hub_server.web.views.shared import Kind, Pager, RepoRow, SpaceTile


@dataclass(frozen=True)
class ListPage:
    """`rows` for models and datasets, `tiles` for Spaces. `search` is what was asked for."""

    kind: Kind
    pager: Pager
    rows: tuple[RepoRow, ...] = ()
    tiles: tuple[SpaceTile, ...] = ()
    search: str = ""
    tags: tuple[str, ...] = ()
    can_create: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.rows and not self.tiles
