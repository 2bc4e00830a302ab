"""Questions to the catalog."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from hub_server.db.tables.repos import Kind
from hub_server.errors import BadRequest

Sort = Literal[
    "trending", "downloads", "likes", "created", "modified", "parameters", "id", "relevance"
]
SORTS: tuple[Sort, ...] = tuple(sort for sort in get_args(Sort) if sort != "relevance")
"""Those of a column."""
LinkedKind = Literal["models", "datasets"]
MOST_FILTERS = 1_000
MOST_WORDS = 50
Range = tuple[int | None, int | None]


@dataclass(frozen=True)
class Question:
    """All given conditions must hold, and each of `filters`, which are tags: plain, or with their
    type before them.

    `search`: each occurs in the name. `text`: its words are in the card or the name. `links`:
    models and datasets that a Space uses. `parameters`: least and most of them, both included.
    `relevance` is an order of what a `text` finds, and only there.
    """

    kind: Kind
    filters: tuple[str, ...] = ()
    author: str | None = None
    search: tuple[str, ...] = ()
    text: str = ""
    pipeline_tag: str | None = None
    gated: bool | None = None
    links: tuple[tuple[LinkedKind, str], ...] = ()
    parameters: Range | None = None
    sort: Sort = "trending"

    def __post_init__(self) -> None:
        if len(self.filters) + len(self.links) > MOST_FILTERS:
            raise BadRequest("A list takes at most {most} filters.", most=MOST_FILTERS)
        if len(self.search) > MOST_WORDS:
            raise BadRequest("A search takes at most {most} words.", most=MOST_WORDS)
        if self.sort == "relevance" and not self.text:
            raise BadRequest("Only what a text finds can be sorted by relevance.")

    @property
    def digest(self) -> str:
        """Tells it from other questions."""
        return hashlib.blake2b(
            repr(asdict(self)).encode("utf-8", "replace"), digest_size=9
        ).hexdigest()
