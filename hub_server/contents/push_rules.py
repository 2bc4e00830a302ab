"""The rules applied to a push: what its pack brings, and what its tips change."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from hub_server import git
from hub_server.accounts import Caller
from hub_server.contents import rules
from hub_server.contents.hub import Hub
from hub_server.contents.memory import BlobFacts
from hub_server.contents.snapshots import ContentFacts, Snapshot, blob_facts, of_commit, shown
from hub_server.git import (
    BadPath,
    Commit,
    GitError,
    ObjectId,
    PackSet,
    changes,
    check_path,
    commits_ahead,
    read_commit,
)
from hub_server.git.receive import Command, Push, Quarantine
from hub_server.gitstore import Repository

SEARCHED = 2000
"""Commits that are looked through for the name of an offending file."""


@dataclass
class Arrived:
    """A push with its objects beside those of the repository, and what the rules found."""

    hub: Hub
    caller: Caller
    repo: ContentFacts
    push: Push
    view: Repository
    quarantine: Quarantine | None = None
    messages: list[str] = field(default_factory=list)
    oids: set[str] = field(default_factory=set)

    @property
    def objects(self) -> PackSet:
        return self.quarantine.objects if self.quarantine else self.view.objects

    def snapshot(self, object_id: ObjectId | None) -> Snapshot | None:
        """The commit of a tip, None for what is no commit or not here."""
        if object_id is None or object_id not in self.objects:
            return None
        try:
            commit = git.peel(self.objects, object_id)
        except GitError:
            return None
        return of_commit(self.hub, self.repo.id, self.objects, commit)

    def before(self, command: Command) -> Snapshot | None:
        """What the ref stood at; for a new one what the default branch has."""
        return self.base if command.creates else self.snapshot(command.old)

    @cached_property
    def base(self) -> Snapshot | None:
        line = self.view.ref(self.view.head)
        return self.snapshot(line.id) if line else None

    def facts(self, blob: ObjectId) -> BlobFacts:
        return blob_facts(self.objects, self.hub.memory, blob)


def judge(arrived: Arrived, moving: Sequence[Command]) -> dict[bytes, str]:
    """Refusals by ref, told in detail in the messages.

    A bad object concerns every ref of the push: nobody can tell which of them is to blame.
    """
    coming = [command for command in moving if not command.deletes]
    try:
        _check_objects(arrived, coming)
    except rules.RuleBroken as broken:
        _tell(arrived, broken)
        return dict.fromkeys((command.name for command in coming), broken.reason)
    refused: dict[bytes, str] = {}
    for command in coming:
        if command.name == arrived.view.head:
            try:
                _check_card(arrived, command)
            except rules.InvalidCard as broken:
                _tell(arrived, broken)
                refused[command.name] = broken.reason
    return refused


def _tell(arrived: Arrived, broken: rules.RuleBroken) -> None:
    arrived.messages += [f"error: {broken}", *broken.details]


def _check_card(arrived: Arrived, command: Command) -> None:
    new = arrived.snapshot(command.new)
    if new is not None:
        hub, caller, kind = arrived.hub, arrived.caller, arrived.repo.kind
        warnings = rules.check_card(hub, caller, kind, arrived.snapshot(command.old), new)
        arrived.messages += [f"warning: {warning}" for warning in warnings]


def _check_objects(arrived: Arrived, coming: Sequence[Command]) -> None:
    """Sizes and pointers of all new blobs, and of what the new tips have at changed paths."""
    limit = arrived.hub.settings.max_git_file
    facts = {blob: arrived.facts(blob) for blob in _new_blobs(arrived)}
    changed = list(_changed(arrived, coming))
    facts |= {blob: arrived.facts(blob) for _, blob in changed}
    large = [blob for blob, found in facts.items() if found.size > limit]
    if large:
        named = _named(arrived, coming, changed, large)
        rules.check_sizes([(path, facts[blob].size) for blob, path in named.items()], limit)
    pointers = [(blob, found.pointer) for blob, found in facts.items() if found.pointer]
    try:
        arrived.oids |= rules.check_pointers(arrived.hub, arrived.caller, arrived.repo.id, pointers)
    except rules.BadPointers as broken:
        paths = _named(arrived, coming, changed, broken.paths)
        raise type(broken)(sorted(paths.values())) from None


def _new_blobs(arrived: Arrived) -> Iterator[ObjectId]:
    """Every blob that the repository did not have, whatever commit of the push brings it."""
    objects = arrived.objects
    for object_id in arrived.quarantine.new_ids if arrived.quarantine else ():
        if objects.kind(object_id) == "blob":
            yield object_id


def _changed(arrived: Arrived, coming: Sequence[Command]) -> Iterator[tuple[str, ObjectId]]:
    """Paths and blobs that the new tips have and the old ones had not; raises UnsafePaths."""
    compared = set()  # thousands of tags may come with few commits
    for command in coming:
        new = arrived.snapshot(command.new)
        old = arrived.before(command)
        if new is None or (pair := (old and old.tree, new.tree)) in compared:
            continue
        compared.add(pair)
        for change in changes(arrived.objects, old.tree if old else None, new.tree):
            if change.new is None or change.new.is_submodule:
                continue
            if change.old is None:
                _check_path(change.path)
            yield shown(change.path), change.new.id


def _check_path(path: bytes) -> None:
    try:
        check_path(path)
    except BadPath as failure:
        raise rules.UnsafePaths(str(failure)) from failure


def _named(
    arrived: Arrived,
    coming: Sequence[Command],
    changed: Iterable[tuple[str, ObjectId]],
    wanted: Sequence[ObjectId],
) -> dict[ObjectId, str]:
    """A path for each blob: at the new tips, else in some commit of the push, else its id."""
    paths: dict[ObjectId, str] = {}
    left = set(wanted)
    for path, blob in chain(changed, _in_commits(arrived, coming)):
        if blob in left:
            paths[blob] = path
            left.discard(blob)
        if not left:
            break
    return {blob: paths.get(blob, blob) for blob in wanted}


def _in_commits(arrived: Arrived, coming: Sequence[Command]) -> Iterator[tuple[str, ObjectId]]:
    objects = arrived.objects
    for command in coming:
        for commit in _commits(arrived, command):
            parent = read_commit(objects, commit.parents[0]).tree if commit.parents else None
            for change in changes(objects, parent, commit.tree):
                if change.new is not None:
                    yield shown(change.path), change.new.id


def _commits(arrived: Arrived, command: Command) -> list[Commit]:
    new, old = arrived.snapshot(command.new), arrived.before(command)
    if new is None:
        return []
    if old is None:
        return git.log(arrived.objects, new.commit, limit=SEARCHED)
    return commits_ahead(arrived.objects, old.commit, new.commit, limit=SEARCHED)
