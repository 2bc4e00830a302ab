"""Repositories as names, owners and visibility. Knows nothing of what is in them."""

from hub_server.repos.aliases import add_alias, list_aliases, remove_alias
from hub_server.repos.changes import (
    RepoSettings,
    change_settings,
    create,
    duplicate,
    move,
    set_disabled,
)
from hub_server.repos.deletion import (
    Purged,
    delete,
    find_deleted,
    list_deleted,
    purge_deleted,
    restore,
)
from hub_server.repos.finding import RepoRow, find, locate, readable, readable_row, web_path
from hub_server.repos.listing import Cursor, counts, list_in
from hub_server.repos.namespaces import OwnsRepositories, delete_namespace, rename_namespace
from hub_server.repos.naming import named

__all__ = [
    "Cursor",
    "OwnsRepositories",
    "Purged",
    "RepoRow",
    "RepoSettings",
    "add_alias",
    "change_settings",
    "counts",
    "create",
    "delete",
    "delete_namespace",
    "duplicate",
    "find",
    "find_deleted",
    "list_aliases",
    "list_deleted",
    "list_in",
    "locate",
    "move",
    "named",
    "purge_deleted",
    "readable",
    "readable_row",
    "remove_alias",
    "rename_namespace",
    "restore",
    "set_disabled",
    "web_path",
]
