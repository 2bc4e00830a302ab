"""What is known of every repository from its card and files, and listings of it."""

from hub_server.catalog import names, texts
from hub_server.catalog.applying import (
    columns,
    handlers,
    mend_head,
    refs_updated,
    reindex,
    replace,
    repos_changed,
    repos_purged,
)
from hub_server.catalog.asking import selected
from hub_server.catalog.facets import Facet, Facets, facets
from hub_server.catalog.leaderboards import Entry, leaderboard
from hub_server.catalog.listing import Listing, listing, shown, total
from hub_server.catalog.question import SORTS, LinkedKind, Question, Range, Sort
from hub_server.catalog.rebuilding import (
    Found,
    finish,
    follow_all,
    mend_heads,
    rebuild_sets,
    write_records,
)
from hub_server.catalog.relations import (
    RELATIONS,
    Group,
    Named,
    Related,
    children_counts,
    related,
    spaces_using,
)
from hub_server.catalog.replacing import News, follow, forget
from hub_server.catalog.sets import TagSets, View
from hub_server.catalog.tagging import SHOWN
from hub_server.catalog.verifying import Difference, differences, is_built
from hub_server.catalog.visibility import visible

__all__ = [
    "RELATIONS",
    "SHOWN",
    "SORTS",
    "Difference",
    "Entry",
    "Facet",
    "Facets",
    "Found",
    "Group",
    "LinkedKind",
    "Listing",
    "Named",
    "News",
    "Question",
    "Range",
    "Related",
    "Sort",
    "TagSets",
    "View",
    "children_counts",
    "columns",
    "differences",
    "facets",
    "finish",
    "follow",
    "follow_all",
    "forget",
    "handlers",
    "is_built",
    "leaderboard",
    "listing",
    "mend_head",
    "mend_heads",
    "names",
    "rebuild_sets",
    "refs_updated",
    "reindex",
    "related",
    "replace",
    "repos_changed",
    "repos_purged",
    "selected",
    "shown",
    "spaces_using",
    "texts",
    "total",
    "visible",
    "write_records",
]
