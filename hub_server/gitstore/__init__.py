"""Repositories of Git objects on SQL and blobs. Knows no users, no cards, no HTTP."""

from hub_server.gitstore.cache import DamagedPack
from hub_server.gitstore.garbage import Collected, collect, collect_orphans
from hub_server.gitstore.leases import Held, LeaseLost, acquire, check, release, renew
from hub_server.gitstore.publishing import (
    PackGone,
    RefsMoved,
    RefUpdate,
    StagedPack,
    lock_repository,
)
from hub_server.gitstore.repository import (
    CONVERTS,
    HEADS,
    PULLS,
    TAGS,
    Repository,
    ResolvedRevision,
    ref_candidates,
)
from hub_server.gitstore.store import GitStore

__all__ = [
    "CONVERTS",
    "HEADS",
    "PULLS",
    "TAGS",
    "Collected",
    "DamagedPack",
    "GitStore",
    "Held",
    "LeaseLost",
    "PackGone",
    "RefUpdate",
    "RefsMoved",
    "Repository",
    "ResolvedRevision",
    "StagedPack",
    "acquire",
    "check",
    "collect",
    "collect_orphans",
    "lock_repository",
    "ref_candidates",
    "release",
    "renew",
]
