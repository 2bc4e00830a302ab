"""What is known of every repository from its card and files, and listings of it."""

from hub_server.catalog.applying import columns, handlers, mend_head, refs_updated, reindex
from hub_server.catalog.listing import Filters, LinkedKind, Listing, Sort, count, listing

__all__ = [
    "Filters",
    "LinkedKind",
    "Listing",
    "Sort",
    "columns",
    "count",
    "handlers",
    "listing",
    "mend_head",
    "refs_updated",
    "reindex",
]
