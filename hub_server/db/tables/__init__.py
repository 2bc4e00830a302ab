"""All tables, one file an owning room; any room may join, only the owner writes."""

from hub_server.db.tables import accounts, catalog, git, jobs, objects, repos, upkeep, usage, xet

__all__ = ["accounts", "catalog", "git", "jobs", "objects", "repos", "upkeep", "usage", "xet"]
