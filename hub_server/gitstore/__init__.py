"""Repositories of Git objects on SQL and blobs. Knows no users, no cards, no HTTP."""

from hub_server.gitstore.cache import DamagedPack
from hub_server.gitstore.garbage import Collected, collect
from hub_server.gitstore.keeping import Heartbeat, blobs_are_kept, keep_blobs, living_nodes
from hub_server.gitstore.leases import Held, LeaseLost, acquire, check, hold, release, renew
from hub_server.gitstore.ownership import CacheFarAway, CacheTaken, held_cache
from hub_server.gitstore.pruning import (
    Found,
    RefsBusy,
    Rules,
    delete_marked,
    mark,
    marked_until,
    prune_now,
    unreachable,
)
from hub_server.gitstore.publishing import (
    PackGone,
    Pruned,
    RefsMoved,
    RefUpdate,
    StagedPack,
    lock_repository,
)
from hub_server.gitstore.repacking import Repacked, choose, repack, with_many_packs
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
    "CacheFarAway",
    "CacheTaken",
    "Collected",
    "DamagedPack",
    "Found",
    "GitStore",
    "Heartbeat",
    "Held",
    "LeaseLost",
    "PackGone",
    "Pruned",
    "RefUpdate",
    "RefsBusy",
    "RefsMoved",
    "Repacked",
    "Repository",
    "ResolvedRevision",
    "Rules",
    "StagedPack",
    "acquire",
    "blobs_are_kept",
    "check",
    "choose",
    "collect",
    "delete_marked",
    "held_cache",
    "hold",
    "keep_blobs",
    "living_nodes",
    "lock_repository",
    "mark",
    "marked_until",
    "prune_now",
    "ref_candidates",
    "release",
    "renew",
    "repack",
    "unreachable",
    "with_many_packs",
]
