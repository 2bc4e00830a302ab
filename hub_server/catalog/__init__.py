"""What is known of every repository from its card and files, and listings of it."""

from hub_server.catalog.applying import handlers, refs_updated, reindex
from hub_server.catalog.listing import Filters, Listing, listing

__all__ = ["Filters", "Listing", "handlers", "listing", "refs_updated", "reindex"]
