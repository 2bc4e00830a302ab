"""Accepting `git push`: quarantine, the rules, the store, then the landing that commits share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import structlog
from sqlalchemy import select

from hub_server import faults
from hub_server.accounts import Access, Caller, can_write, require
from hub_server.cards import IndexRecord
from hub_server.contents.cards_of import record_or_none
from hub_server.contents.hub import Hub
from hub_server.contents.landing import Landing, land
from hub_server.contents.push_rules import Arrived, judge
from hub_server.contents.snapshots import ContentFacts
from hub_server.db.tables.git import RefLog
from hub_server.db.tables.repos import Repo
from hub_server.errors import HubError
from hub_server.git import (
    BadRefName,
    GitError,
    NotACommit,
    ObjectId,
    PackSet,
    check_connected,
    check_ref_name,
    is_ancestor,
    peel,
)
from hub_server.git.receive import Command, Push, ReceiveLimits, quarantine, verdicts
from hub_server.gitstore import PULLS, Pruned, RefUpdate, Repository

log = structlog.get_logger("hub.push")

DEFAULT_GONE = "the default branch cannot be deleted"
CONVERTS_ARE_OURS = "refs/convert is written by the hub"
LONG = 5000
"""Objects of a push above which it is not asked whether it goes on from where the ref stood."""
PUSH_AGAIN = "objects it builds upon were removed at this moment; push again"


@dataclass(frozen=True)
class PushResults:
    """What `git.report` needs: None for each ref that moved, else why it did not."""

    refs: dict[bytes, str | None] = field(default_factory=dict)
    unpack: str | None = None
    messages: list[str] = field(default_factory=list)


def push_target(hub: Hub, caller: Caller, repo: Repo) -> Repo:
    """The repository if the caller may push anything to it, else the error that says no.

    Who opened a pull request may push to it without being a writer.
    """
    if not can_write(caller, repo) and not _has_pull(hub, caller, repo.id):
        require(caller, repo, Access.WRITE)
    return repo


def accept_push(
    hub: Hub, caller: Caller, repo: ContentFacts, push: Push, body: BinaryIO
) -> PushResults:
    """Take in what the client sends after its commands; what is wrong is told, not raised.

    Raises only what concerns the request as a whole: permission lost meanwhile, storage full or
    not answering. Until the landing nothing that a reader can see has changed.
    """
    idle = [command for command in push.commands if command.is_idle]
    rest = replace(push, commands=tuple(each for each in push.commands if not each.is_idle))
    results = _taken_in(hub, caller, repo, rest, body) if rest.commands else PushResults()
    return _with_idle(results, idle) if idle else results


def _with_idle(results: PushResults, idle: Sequence[Command]) -> PushResults:
    """Deleting what is not there succeeds with a warning, as at a repository of Git's own: it is
    also what a client sends whose first try was cut off."""
    names = [command.name for command in idle]
    told = [f"warning: there is no {name.decode(errors='replace')} to delete" for name in names]
    return PushResults(
        results.refs | dict.fromkeys(names), results.unpack, [*results.messages, *told]
    )


def _taken_in(
    hub: Hub, caller: Caller, repo: ContentFacts, push: Push, body: BinaryIO
) -> PushResults:
    view = hub.git.open(repo.id, default_branch=repo.default_branch)
    refused = dict(_refused_names(push, view))
    faults.point("push.read")
    if not push.has_pack:
        return _landed(Arrived(hub, caller, repo, push, view), refused)
    with hub.git.work_folder() as folder:
        if repo.prunes:  # the folder that all views share may show what is gone
            view = view.apart(folder / "known")
        try:
            arrived = quarantine(
                push,
                body,
                source=view,
                folder=folder,
                limits=_limits(hub),
                git=hub.git_program,
            )
        except GitError as failure:
            log.info("push refused", repo=repo.full_name, reason=str(failure))
            return PushResults(dict.fromkeys(_names(push), "unpacker error"), str(failure))
        faults.point("push.quarantined")
        refused = arrived.refused | refused
        return _landed(Arrived(hub, caller, repo, push, view, arrived), refused)


def _landed(arrived: Arrived, refused: dict[bytes, str]) -> PushResults:
    push, hub, repo = arrived.push, arrived.hub, arrived.repo
    moving = [command for command in push.commands if command.name not in refused]
    if moving and not (push.atomic and refused):
        refused = refused | judge(arrived, moving)
    faults.point("push.judged")
    verdict = verdicts(push, refused)
    accepted = [command for command in push.commands if verdict[command.name] is None]
    if not accepted:
        return PushResults(verdict, None, arrived.messages)
    pack = arrived.quarantine.pack if arrived.quarantine else None
    staged = [hub.git.stage(repo.id, pack)] if pack else []
    faults.point("push.staged")
    landing = Landing(
        repo.id,
        arrived.caller,
        [_update(arrived, command) for command in accepted],
        repo.prunes,
        staged=staged,
        atomic=push.atomic,
        oids=arrived.oids,
        record=_record(arrived, accepted),
        leaves_behind=any(_leaves_behind(arrived, command) for command in accepted),
    )
    try:
        results = _moved(arrived, landing)
        faults.point("push.landed")
    except HubError:
        for each in staged:
            hub.git.discard(each)
        raise
    if all(results.values()):
        for each in staged:
            hub.git.discard(each)
    return PushResults(verdict | results, None, arrived.messages)


def _leaves_behind(arrived: Arrived, command: Command) -> bool:
    """Whether the ref may lose commits; not looked for in a push that brings a long history."""
    if command.creates or command.deletes:
        return command.deletes
    brought = len(arrived.quarantine.new_ids) if arrived.quarantine else 0
    try:
        return brought > LONG or not is_ancestor(arrived.objects, command.old, command.new)
    except GitError:  # a tag of something else than a commit
        return True


def _moved(arrived: Arrived, landing: Landing) -> dict[bytes, str | None]:
    """Land; where objects were pruned since they were looked at, look again first."""
    hub = arrived.hub
    while True:
        try:
            with hub.git.queue(landing.repo_id):
                return land(hub, landing)
        except Pruned as gone:
            refused = landing.refused | _incomplete(arrived, landing)
            landing = replace(landing, prunes=gone.prunes, refused=refused)


def _incomplete(arrived: Arrived, landing: Landing) -> dict[bytes, str]:
    """Refs that would lead to what is gone. Sent again, the push brings it along."""
    view = arrived.hub.git.open(landing.repo_id)
    known = {line.id for line in view.refs([b"refs/"])}
    objects = view.objects
    if arrived.quarantine and arrived.quarantine.pack:
        objects = objects.with_packs(arrived.quarantine.objects.packs[:1])
    refused = {}
    for change in landing.updates:
        try:
            check_connected(objects, [change.new] if change.new else [], known)
        except GitError:
            refused[change.name] = PUSH_AGAIN
    return refused


def _refused_names(push: Push, view: Repository) -> Iterator[tuple[bytes, str]]:
    for command in push.commands:
        if command.name == view.head and command.deletes:
            yield command.name, DEFAULT_GONE
        elif command.name.startswith(b"refs/convert/"):
            yield command.name, CONVERTS_ARE_OURS
        elif not command.deletes:
            try:
                check_ref_name(command.name)
            except BadRefName as failure:
                yield command.name, str(failure)


def _update(arrived: Arrived, command: Command) -> RefUpdate:
    old = None if command.creates else command.old
    if command.deletes:
        return RefUpdate(command.name, old, None)
    return RefUpdate(command.name, old, command.new, _peeled(arrived.objects, command.new))


def _peeled(objects: PackSet, object_id: ObjectId) -> ObjectId | None:
    if objects.kind(object_id) != "tag":
        return None
    try:
        return peel(objects, object_id)
    except NotACommit:
        return None


def _record(arrived: Arrived, accepted: Sequence[Command]) -> IndexRecord | None:
    for command in accepted:
        if command.name == arrived.view.head and not command.deletes:
            region = arrived.hub.settings.region
            new = arrived.snapshot(command.new)
            return record_or_none(new, arrived.repo.kind, region) if new else None
    return None


def _limits(hub: Hub) -> ReceiveLimits:
    settings = hub.settings
    return ReceiveLimits(object_size=settings.max_git_object, body=settings.max_push)


def _names(push: Push) -> list[bytes]:
    return [command.name for command in push.commands]


def _has_pull(hub: Hub, caller: Caller, repo_id: int) -> bool:
    if caller.user_id is None:
        return False
    opened = select(RefLog.id).where(
        RefLog.repo_id == repo_id,
        RefLog.user_id == caller.user_id,
        RefLog.old.is_(None),
        RefLog.name >= PULLS,
        RefLog.name < PULLS[:-1] + b"0",
    )
    with hub.database.read() as session:
        return session.scalar(opened.limit(1)) is not None
