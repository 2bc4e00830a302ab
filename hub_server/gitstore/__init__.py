"""Repositories of Git objects on SQL and blobs. Knows no users, no cards, no HTTP."""

from hub_server.gitstore.cache import DamagedPack
from hub_server.gitstore.garbage import Collected, collect, collect_orphans
from hub_server.gitstore.keeping import Heartbeat, blobs_are_kept, keep_blobs, living_nodes
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
    "Heartbeat",
    "Held",
    "LeaseLost",
    "PackGone",
    "RefUpdate",
    "RefsMoved",
    "Repository",
    "ResolvedRevision",
    "StagedPack",
    "acquire",
    "blobs_are_kept",
    "check",
    "collect",
    "collect_orphans",
    "keep_blobs",
    "living_nodes",
    "lock_repository",
    "ref_candidates",
    "release",
    "renew",
]
