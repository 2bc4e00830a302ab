"""All tables, one file an owning room; any room may join, only the owner writes."""

from hub_server.db.tables import accounts, git, jobs, objects, repos, upkeep, xet

__all__ = ["accounts", "git", "jobs", "objects", "repos", "upkeep", "xet"]
