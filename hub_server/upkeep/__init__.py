"""Looking after a hub: checking it, collecting its garbage, saving it and bringing it back."""

from hub_server.upkeep.checking import Scope, Summary, fsck
from hub_server.upkeep.collecting import GRACE, Doomed, Plan, collect, preview, undo
from hub_server.upkeep.findings import Finding
from hub_server.upkeep.jobs import COLLECT, handlers, plan_build, plan_of
from hub_server.upkeep.meters import shown_size
from hub_server.upkeep.reindexing import Reindexed, reindex_all, reindex_one
from hub_server.upkeep.unnamed import ForeignStore

__all__ = [
    "COLLECT",
    "GRACE",
    "Doomed",
    "Finding",
    "ForeignStore",
    "Plan",
    "Reindexed",
    "Scope",
    "Summary",
    "collect",
    "fsck",
    "handlers",
    "plan_build",
    "plan_of",
    "preview",
    "reindex_all",
    "reindex_one",
    "shown_size",
    "undo",
]
