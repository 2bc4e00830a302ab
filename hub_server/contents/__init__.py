"""What repositories hold: reading revisions, and the one road on which pushes and commits land."""

from hub_server.contents.archiving import Archive, TooLargeForArchive, archive_of
from hub_server.contents.attributes import Attributes, Ignore
from hub_server.contents.blaming import BlamedFile, blame_file
from hub_server.contents.branches import (
    NewBranch,
    RefExists,
    create_branch,
    create_tag,
    delete_branch,
    delete_tag,
    set_default_branch,
    super_squash,
)
from hub_server.contents.cards_of import record_of
from hub_server.contents.committing import BranchMoved, CommitResult, Overtaken, commit
from hub_server.contents.comparing import Comparison, comparison
from hub_server.contents.duplicating import duplicate_repository
from hub_server.contents.files import ResolvedFile, open_file, raw_file, resolve_file
from hub_server.contents.history import (
    Author,
    LogPage,
    RefInfo,
    Refs,
    Window,
    authors_of,
    commit_diff,
    commit_log,
    compare,
    is_reachable,
    list_refs,
    one_commit,
)
from hub_server.contents.hub import Hub
from hub_server.contents.indexing import index_of, record_at
from hub_server.contents.initial import create_repository, first_files, initial_commit
from hub_server.contents.landing import Landing, land, land_in
from hub_server.contents.last_commits import of_path as last_commit
from hub_server.contents.lfs_files import (
    LfsFile,
    delete_lfs_files,
    list_lfs_files,
    present_files,
)
from hub_server.contents.listing import (
    MOST_PATHS,
    TreeEntry,
    TreePage,
    all_files,
    paths_info,
    tree_page,
)
from hub_server.contents.operations import (
    AddFile,
    AddLfs,
    CopyFile,
    Delete,
    DeleteFolder,
    Operation,
    PutBack,
    UnsafePath,
)
from hub_server.contents.packing import count_storage, handlers, prune_rules
from hub_server.contents.preparing import CommitRequest
from hub_server.contents.preupload import Candidate, Decision, Preupload, preupload
from hub_server.contents.pushing import PushResults, accept_push, push_target
from hub_server.contents.rolling_back import NothingToRollBack, Rollback, roll_back, rollback_to
from hub_server.contents.rules import (
    InvalidCard,
    LargeFiles,
    UnknownObjects,
    WrongSizes,
    unknown_names,
)
from hub_server.contents.snapshots import (
    README,
    ContentFacts,
    Snapshot,
    of_commit,
    resolve,
    snapshot,
)
from hub_server.contents.weights import SafetensorsHeaders, safetensors_headers, tensors_in

__all__ = [
    "MOST_PATHS",
    "README",
    "AddFile",
    "AddLfs",
    "Archive",
    "Attributes",
    "Author",
    "BlamedFile",
    "BranchMoved",
    "Candidate",
    "CommitRequest",
    "CommitResult",
    "Comparison",
    "ContentFacts",
    "CopyFile",
    "Decision",
    "Delete",
    "DeleteFolder",
    "Hub",
    "Ignore",
    "InvalidCard",
    "Landing",
    "LargeFiles",
    "LfsFile",
    "LogPage",
    "NewBranch",
    "NothingToRollBack",
    "Operation",
    "Overtaken",
    "Preupload",
    "PushResults",
    "PutBack",
    "RefExists",
    "RefInfo",
    "Refs",
    "ResolvedFile",
    "Rollback",
    "SafetensorsHeaders",
    "Snapshot",
    "TooLargeForArchive",
    "TreeEntry",
    "TreePage",
    "UnknownObjects",
    "UnsafePath",
    "Window",
    "WrongSizes",
    "accept_push",
    "all_files",
    "archive_of",
    "authors_of",
    "blame_file",
    "commit",
    "commit_diff",
    "commit_log",
    "compare",
    "comparison",
    "count_storage",
    "create_branch",
    "create_repository",
    "create_tag",
    "delete_branch",
    "delete_lfs_files",
    "delete_tag",
    "duplicate_repository",
    "first_files",
    "handlers",
    "index_of",
    "initial_commit",
    "is_reachable",
    "land",
    "land_in",
    "last_commit",
    "list_lfs_files",
    "list_refs",
    "of_commit",
    "one_commit",
    "open_file",
    "paths_info",
    "present_files",
    "preupload",
    "prune_rules",
    "push_target",
    "raw_file",
    "record_at",
    "record_of",
    "resolve",
    "resolve_file",
    "roll_back",
    "rollback_to",
    "safetensors_headers",
    "set_default_branch",
    "snapshot",
    "super_squash",
    "tensors_in",
    "tree_page",
    "unknown_names",
]
