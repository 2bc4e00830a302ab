"""Branches and tags made, moved and removed over the API; each is one landing."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub_server import repos
from hub_server.accounts import Access, Caller
from hub_server.contents.cards_of import record_or_none
from hub_server.contents.committing import Overtaken, signature
from hub_server.contents.hub import Hub
from hub_server.contents.landing import Landing, authorize_again, land
from hub_server.contents.preparing import stage
from hub_server.contents.snapshots import ContentFacts, of_commit, shown
from hub_server.db.tables.repos import Repo
from hub_server.errors import AlreadyExists, BadRequest, Conflict, Forbidden, RevisionNotFound
from hub_server.events import RefChange, RefsUpdated
from hub_server.git import (
    BadRefName,
    NewObject,
    ObjectId,
    branch_ref,
    new_commit,
    new_tag,
    read_commit,
    splice,
    tag_ref,
)
from hub_server.gitstore import HEADS, TAGS, RefUpdate, ResolvedRevision, StagedPack
from hub_server.gitstore.publishing import EXISTS, MISSING, STALE


class RefExists(AlreadyExists):
    """Clients look for these words when they create what may be there."""

    def __init__(self, name: bytes) -> None:
        super().__init__("Reference {ref} already exists", ref=shown(name))


@dataclass(frozen=True)
class NewBranch:
    """`start`: any revision, by default the default branch. `empty`: no files and no history."""

    name: str
    start: str | None = None
    empty: bool = False
    overwrite: bool = False


def create_branch(hub: Hub, caller: Caller, repo: ContentFacts, new: NewBranch) -> ObjectId:
    """The commit it stands at. Raises RefExists, RevisionNotFound, BadRequest for a bad name."""
    name = _branch_name(new.name)
    commit, staged = _start(hub, caller, repo, new)
    current = hub.git.open(repo.id).ref(name)
    if current is not None and not new.overwrite:
        raise RefExists(name)
    _move(hub, caller, repo, RefUpdate(name, current.id if current else None, commit), staged)
    return commit


def delete_branch(hub: Hub, caller: Caller, repo: ContentFacts, branch: str) -> None:
    """Raises Forbidden for the default branch, RevisionNotFound for what is no branch."""
    name = HEADS + branch.removeprefix("refs/heads/").encode("utf-8", "surrogateescape")
    view = hub.git.open(repo.id, default_branch=repo.default_branch)
    line = view.ref(name)
    if name == view.head:
        raise Forbidden("Cannot delete {ref}", ref=shown(name))
    if line is None:
        raise RevisionNotFound(branch)
    _move(hub, caller, repo, RefUpdate(name, line.id, None))


def create_tag(
    hub: Hub, caller: Caller, repo: ContentFacts, revision: str, tag: str, message: str = ""
) -> ObjectId:
    """Tag the commit of `revision`, annotated if there is a message. Raises RefExists,
    RevisionNotFound, BadRequest for a bad name.
    """
    name = _tag_name(tag)
    commit = _resolved(hub, repo, revision).commit
    if hub.git.open(repo.id).ref(name):
        raise RefExists(name)
    if not message.strip():
        _move(hub, caller, repo, RefUpdate(name, None, commit))
        return commit
    annotated = new_tag(commit, name.removeprefix(TAGS), signature(caller), message)
    staged = stage(hub, repo.id, [annotated])
    _move(hub, caller, repo, RefUpdate(name, None, annotated.id, peeled=commit), staged)
    return commit


def delete_tag(hub: Hub, caller: Caller, repo: ContentFacts, tag: str) -> None:
    """Raises RevisionNotFound for what is no tag."""
    name = TAGS + tag.removeprefix("refs/tags/").encode("utf-8", "surrogateescape")
    line = hub.git.open(repo.id).ref(name)
    if line is None:
        raise RevisionNotFound(tag)
    _move(hub, caller, repo, RefUpdate(name, line.id, None))


def super_squash(
    hub: Hub, caller: Caller, repo: ContentFacts, revision: str, message: str = ""
) -> ObjectId:
    """One commit without parents takes the place of a ref's history; its files stay as they are."""
    resolved = _resolved(hub, repo, revision)
    if resolved.ref is None or resolved.ref.startswith("refs/tags/"):
        raise RevisionNotFound(revision)
    name = resolved.ref.encode("utf-8", "surrogateescape")
    objects = hub.git.open(repo.id).objects
    who = signature(caller)
    title = message.strip() or f"Super-squash branch '{revision}' using the hub"
    commit = new_commit(read_commit(objects, resolved.commit).tree, [], who, who, title)
    staged = stage(hub, repo.id, [commit])
    _move(hub, caller, repo, RefUpdate(name, resolved.commit, commit.id), staged)
    return commit.id


def set_default_branch(hub: Hub, caller: Caller, repo: ContentFacts, branch: str) -> None:
    """HEAD follows at once, and so do the card and everything derived from it."""
    commit = _resolved(hub, repo, f"refs/heads/{branch}").commit
    seen = of_commit(hub, repo.id, hub.git.open(repo.id).objects, commit)
    record = record_or_none(seen, repo.kind, hub.settings.region)
    with hub.database.write() as session:
        authorize_again(session, caller, repo.id, Access.ADMIN)
        _point(session, repo.id, branch)
        name = HEADS + branch.encode("utf-8", "surrogateescape")
        change = RefChange(name, commit, commit)
        event = RefsUpdated(
            repo.id, (change,), caller.user_id, moves_head=True, head=commit, record=record
        )
        hub.events.announce(session, event)


def _point(session: Session, repo_id: int, branch: str) -> None:
    row = session.get_one(Repo, repo_id)
    repos.change_settings(session, row, repos.RepoSettings(default_branch=branch))


def _resolved(hub: Hub, repo: ContentFacts, revision: str) -> ResolvedRevision:
    """What the revision names now, which may be newer than the row of the repository."""
    return hub.git.open(repo.id, default_branch=repo.default_branch).resolve(revision)


def _start(
    hub: Hub, caller: Caller, repo: ContentFacts, new: NewBranch
) -> tuple[ObjectId, StagedPack | None]:
    if not new.empty:
        return _resolved(hub, repo, new.start or repo.default_branch).commit, None
    who = signature(caller)
    nothing = splice(hub.git.open(repo.id).objects, None, [])
    commit = new_commit(nothing.tree, [], who, who, "initial commit")
    made: list[NewObject] = [*nothing.objects.values(), commit]
    return commit.id, stage(hub, repo.id, made)


def _move(
    hub: Hub,
    caller: Caller,
    repo: ContentFacts,
    change: RefUpdate,
    staged: StagedPack | None = None,
) -> None:
    default = HEADS + repo.default_branch.encode("utf-8", "surrogateescape")
    record = None
    if change.name == default and change.new:
        objects = hub.git.open(repo.id).objects if staged is None else None
        if objects is not None:
            seen = of_commit(hub, repo.id, objects, change.new)
            record = record_or_none(seen, repo.kind, hub.settings.region)
    packs = [staged] if staged else []
    with hub.git.queue(repo.id):
        landing = Landing(
            repo.id,
            caller,
            [change],
            repo.prunes,
            staged=packs,
            record=record,
            leaves_behind=change.old is not None,
        )
        reason = land(hub, landing)[change.name]
    if reason is None:
        return
    if reason == EXISTS:
        raise RefExists(change.name)
    if reason in (STALE, MISSING):
        raise Overtaken
    raise Conflict("{ref}: {reason}", ref=shown(change.name), reason=reason)


def _branch_name(branch: str) -> bytes:
    if branch.startswith("refs/") and not branch.startswith("refs/heads/"):
        raise BadRequest("Invalid reference for a branch: {name}", name=branch[:200])
    try:
        return branch_ref(branch.removeprefix("refs/heads/"))
    except BadRefName as failure:
        raise BadRequest(
            "Invalid reference for a branch: {name}. {why}", name=branch[:200], why=str(failure)
        ) from failure


def _tag_name(tag: str) -> bytes:
    try:
        return tag_ref(tag.removeprefix("refs/tags/"))
    except BadRefName as failure:
        raise BadRequest("Invalid name for a tag: {why}", why=str(failure)) from failure
