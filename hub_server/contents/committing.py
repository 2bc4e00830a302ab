"""The HTTP commit: operations on top of a branch, redone when somebody else was faster.

Three units of work: what is asked and what large files it may name; objects to the store, with no
connection held; then `land`. Writers of one repository take turns, so nobody is overtaken for ever.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from hub_server import faults
from hub_server.accounts import Caller
from hub_server.contents import last_commits, rules
from hub_server.contents.attributes import FILE_NAME, LARGEST, with_tracked
from hub_server.contents.cards_of import record_or_none
from hub_server.contents.history import NOREPLY
from hub_server.contents.hub import Hub
from hub_server.contents.landing import Landing, land
from hub_server.contents.operations import edits
from hub_server.contents.preparing import CommitRequest, Prepared, prepare, stage
from hub_server.contents.snapshots import ContentFacts, Snapshot, of_commit, shown
from hub_server.errors import (
    Conflict,
    Forbidden,
    HubError,
    PreconditionFailed,
    RevisionNotFound,
    Unprocessable,
)
from hub_server.git import (
    Edit,
    NewObject,
    ObjectId,
    PackSet,
    PathConflict,
    Put,
    Signature,
    Spliced,
    new_blob,
    new_commit,
    splice,
)
from hub_server.gitstore import (
    HEADS,
    PULLS,
    Pruned,
    RefUpdate,
    Repository,
)
from hub_server.gitstore.publishing import EXISTS, MISSING, STALE

PATIENCE = 30.0
LOST = (STALE, EXISTS, MISSING)
MOVED = "The branch was updated since you opened this page. Please refresh and try again."


class BranchMoved(PreconditionFailed):
    """The branch is not at the parent that the caller named; clients compare these words."""

    def __init__(self) -> None:
        super().__init__(MOVED)


class Overtaken(Conflict):
    """Other nodes were faster every time; trying again helps."""

    def __init__(self) -> None:
        super().__init__("Too many commits to this branch at the same moment; try again.")


@dataclass(frozen=True)
class CommitResult:
    """`ref` is the full name of what moved; `warnings` are sentences for the client."""

    commit: ObjectId
    ref: str
    warnings: list[str]


@dataclass(frozen=True)
class _Built:
    commit: ObjectId
    before: Snapshot | None
    snapshot: Snapshot
    objects: list[NewObject]
    warnings: list[str]


def commit(hub: Hub, caller: Caller, repo: ContentFacts, request: CommitRequest) -> CommitResult:
    """Make one commit; that the caller may write has been checked, and is checked again.

    Raises RevisionNotFound for what is no branch, BranchMoved, UnsafePath, EntryNotFound for a
    deletion of nothing, the errors of `rules`, Unavailable when 30 s were not enough.
    """
    name = branch_name(repo, request.revision)
    faults.point("commit.spooled")
    prepared = prepare(hub, caller, repo, request)
    faults.point("commit.prepared")
    deadline = time.monotonic() + PATIENCE
    with hub.git.queue(repo.id):
        while True:
            view = hub.git.open(repo.id, default_branch=repo.default_branch)
            head = _head(view, name, repo, request)
            built = _build(prepared, view, name, head)
            faults.point("commit.built")
            try:
                results = _land(prepared, built, RefUpdate(name, head, built.commit))
            except Pruned as gone:  # perhaps what a copy was made from: look again
                prepared = prepare(hub, caller, repo, request, prunes=gone.prunes)
                continue
            if results is None:
                if built.before is not None:
                    last_commits.carry_forward(built.before, built.snapshot)
                return CommitResult(built.commit, shown(name), built.warnings)
            if results not in LOST:
                raise Forbidden(results[0].upper() + results[1:])
            if request.parent:
                raise BranchMoved
            if time.monotonic() > deadline:
                raise Overtaken


def branch_name(repo: ContentFacts, revision: str) -> bytes:
    """The ref a commit to this revision moves. Raises RevisionNotFound for tags and commits."""
    name = revision.encode("utf-8", "surrogateescape")
    if revision == "HEAD":
        return HEADS + repo.default_branch.encode("utf-8", "surrogateescape")
    if name.startswith((HEADS, PULLS)):
        return name
    if name.startswith(b"refs/") and not name.startswith(b"refs/convert/"):
        raise RevisionNotFound(revision)
    return name if name.startswith(b"refs/") else HEADS + name


def signature(caller: Caller, seconds: float | None = None) -> Signature:
    """Author of what is done over HTTP; the address is made up, so that nobody's is published."""
    name = caller.name or "hub"
    moment = int(time.time() if seconds is None else seconds)
    return Signature(caller.full_name or name, f"{name}{NOREPLY}", moment)


def _head(
    view: Repository, name: bytes, repo: ContentFacts, request: CommitRequest
) -> ObjectId | None:
    line = view.ref(name)
    if line is None:
        unborn = name == view.head and not view.branches()
        if not unborn or request.parent:
            raise RevisionNotFound(request.revision)
        return None
    if request.parent and request.parent != line.id and not _abbreviates(request.parent, line.id):
        raise BranchMoved
    return line.id


def _abbreviates(parent: str, head: ObjectId) -> bool:
    return len(parent) >= 7 and head.startswith(parent.lower())  # noqa: PLR2004


def _build(prepared: Prepared, view: Repository, name: bytes, head: ObjectId | None) -> _Built:
    hub, repo, request = prepared.hub, prepared.repo, prepared.request
    objects = view.objects.with_extra(prepared.blobs)
    old = of_commit(hub, repo.id, objects, head) if head else None
    spliced, extra = _spliced(prepared, objects, old)
    who = signature(prepared.caller)
    commit = new_commit(spliced.tree, [head] if head else [], who, who, request.full_message)
    made = {**extra, **spliced.objects, commit.id: commit}
    objects = objects.with_extra(made)
    new = Snapshot(repo.id, commit.id, spliced.tree, shown(name), objects, hub.memory, hub.objects)
    warnings = []
    if name == view.head:
        warnings = rules.check_card(hub, prepared.caller, repo.kind, old, new)
    blobs = {} if prepared.staged else prepared.blobs
    return _Built(commit.id, old, new, [*({**blobs, **made}).values()], warnings)


def _spliced(
    prepared: Prepared, objects: PackSet, old: Snapshot | None
) -> tuple[Spliced, dict[ObjectId, NewObject]]:
    """The new tree, in which `.gitattributes` names every large file."""
    tree = old.tree if old else None
    wanted = edits(old, prepared.request.operations, prepared.ids)
    spliced = _splice(objects, tree, wanted)
    if not prepared.tracked:
        return spliced, {}
    hub, repo = prepared.hub, prepared.repo
    fresh = objects.with_extra(spliced.objects)
    seen = Snapshot(repo.id, "", spliced.tree, None, fresh, hub.memory)
    text = seen.text(FILE_NAME, limit=LARGEST) or ""
    more = with_tracked(text, prepared.tracked)
    if more == text:
        return spliced, {}
    blob = new_blob(more.encode("utf-8", "surrogateescape"))
    edited = [*wanted, Put(FILE_NAME.encode(), blob.id)]
    return _splice(objects.with_extra({blob.id: blob}), tree, edited), {blob.id: blob}


def _splice(objects: PackSet, tree: ObjectId | None, wanted: Sequence[Edit]) -> Spliced:
    try:
        return splice(objects, tree, wanted)
    except PathConflict as failure:
        raise Unprocessable(str(failure)) from failure


def _land(prepared: Prepared, built: _Built, change: RefUpdate) -> str | None:
    """None when the branch moved, else why not; what was stored in vain is forgotten."""
    hub, repo = prepared.hub, prepared.repo
    default = HEADS + repo.default_branch.encode("utf-8", "surrogateescape")
    is_default = change.name == default
    record = record_or_none(built.snapshot, repo.kind, hub.settings.region) if is_default else None
    staged = stage(hub, repo.id, built.objects)
    faults.point("commit.staged")
    landing = Landing(
        repo.id,
        prepared.caller,
        [change],
        prepared.prunes,
        staged=[*prepared.staged, staged],
        oids=prepared.oids,
        record=record,
    )
    try:
        reason = land(hub, landing)[change.name]
        faults.point("commit.landed")
    except HubError:
        hub.git.discard(staged)
        raise
    if reason is not None:
        hub.git.discard(staged)
    return reason
