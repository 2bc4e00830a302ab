"""Putting a branch back to the files of another commit, by a commit on top: nothing is lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub_server.accounts import Caller
from hub_server.contents.committing import CommitResult, branch_name, commit
from hub_server.contents.hub import Hub
from hub_server.contents.operations import Delete, Operation, PutBack
from hub_server.contents.preparing import CommitRequest
from hub_server.contents.snapshots import ContentFacts
from hub_server.errors import Conflict, RevisionNotFound
from hub_server.git import Change, ObjectId, changes, read_commit


class NothingToRollBack(Conflict):
    def __init__(self, branch: str) -> None:
        super().__init__("{branch} has the files of this commit already.", branch=branch)


@dataclass(frozen=True, slots=True)
class Rollback:
    """What it takes to give `branch`, which is at `head`, the files of `commit`."""

    branch: str
    head: ObjectId
    commit: ObjectId
    changes: Sequence[Change]


def rollback_to(hub: Hub, repo: ContentFacts, branch: str, commit_id: ObjectId) -> Rollback:
    """Raises RevisionNotFound for what is no branch."""
    view = hub.git.open(repo.id, default_branch=repo.default_branch)
    line = view.ref(branch_name(repo, branch))
    if line is None:
        raise RevisionNotFound(branch)
    old = read_commit(view.objects, line.id).tree
    new = read_commit(view.objects, commit_id).tree
    return Rollback(branch, line.id, commit_id, list(changes(view.objects, old, new)))


def roll_back(
    hub: Hub, caller: Caller, repo: ContentFacts, wanted: Rollback, message: str
) -> CommitResult:
    """Raises NothingToRollBack, BranchMoved if the branch is elsewhere by now, and what `commit`
    raises: UnknownObjects for large files that were removed meanwhile.
    """
    if not wanted.changes:
        raise NothingToRollBack(wanted.branch)
    gone = [change for change in wanted.changes if change.new is None]
    operations: list[Operation] = [Delete(_path(change)) for change in gone]
    operations += [
        PutBack(_path(change), change.new.id, change.new.mode)
        for change in wanted.changes
        if change.new is not None
    ]
    return commit(
        hub, caller, repo, CommitRequest(wanted.branch, operations, message, parent=wanted.head)
    )


def _path(change: Change) -> str:
    return change.path.decode("utf-8", "surrogateescape")
