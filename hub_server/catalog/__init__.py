"""What is known of every repository from its card and files, and listings of it."""

from hub_server.catalog.applying import (
    columns,
    handlers,
    mend_head,
    refs_updated,
    reindex,
    replace,
    repos_changed,
)
from hub_server.catalog.asking import SORTS, LinkedKind, Question, Range, Sort, selected
from hub_server.catalog.facets import Facet, Facets, facets
from hub_server.catalog.listing import Listing, listing, shown, total
from hub_server.catalog.replacing import News, follow
from hub_server.catalog.sets import TagSets, View
from hub_server.catalog.tagging import SHOWN
from hub_server.catalog.visibility import visible

__all__ = [
    "SHOWN",
    "SORTS",
    "Facet",
    "Facets",
    "LinkedKind",
    "Listing",
    "News",
    "Question",
    "Range",
    "Sort",
    "TagSets",
    "View",
    "columns",
    "facets",
    "follow",
    "handlers",
    "listing",
    "mend_head",
    "refs_updated",
    "reindex",
    "replace",
    "repos_changed",
    "selected",
    "shown",
    "total",
    "visible",
]
