"""The first unit of a commit: what is asked, the blobs it adds, and the large files it may name.

Nothing here depends on where the branch stands, so it is done once, outside the queue of writers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub_server.accounts import Caller
from hub_server.contents import rules
from hub_server.contents.attributes import LARGEST
from hub_server.contents.hub import Hub
from hub_server.contents.operations import (
    AddFile,
    AddLfs,
    CopyFile,
    Operation,
    PutBack,
    blob_of,
    checked_path,
)
from hub_server.contents.snapshots import ContentFacts, blob_facts, of_commit
from hub_server.errors import EntryNotFound
from hub_server.git import SUBMODULE, NewObject, ObjectId, new_blob, write_pack
from hub_server.gitstore import StagedPack
from hub_server.lfs import Pointer, format_pointer, parse_pointer

STAGED_APART = 8_000_000
"""Commits with more bytes than this send their files to the store before they take their turn."""


@dataclass(frozen=True)
class CommitRequest:
    """`revision` is a branch, or `refs/pr/N`. `parent`: the head the caller saw, if it matters."""

    revision: str
    operations: Sequence[Operation]
    message: str
    description: str = ""
    parent: str | None = None

    @property
    def full_message(self) -> str:
        title = self.message.strip() or "commit"
        return f"{title}\n\n{self.description.strip()}" if self.description.strip() else title


@dataclass(frozen=True)
class Prepared:
    """What does not depend on where the branch stands: a blob for each operation that adds one."""

    hub: Hub
    caller: Caller
    repo: ContentFacts
    request: CommitRequest
    blobs: dict[ObjectId, NewObject]
    ids: list[ObjectId | None]
    oids: set[str]
    tracked: list[str]
    staged: list[StagedPack]
    prunes: int
    """The repository's number before it was looked at."""


def stage(hub: Hub, repo_id: int, objects: Iterable[NewObject]) -> StagedPack:
    """Write objects as one pack and store it; the store sees to it that they last."""
    with hub.git.work_folder() as folder:
        return hub.git.stage(repo_id, write_pack(objects, folder, durable=False))


def prepare(
    hub: Hub,
    caller: Caller,
    repo: ContentFacts,
    request: CommitRequest,
    *,
    prunes: int | None = None,
) -> Prepared:
    """`prunes` as in Landing, by default what the facts say."""
    for operation in request.operations:
        checked_path(operation.path.rstrip("/"))
    sizes = _large_files(hub, caller, repo, request.operations)
    blobs: dict[ObjectId, NewObject] = {}
    ids: list[ObjectId | None] = []
    pointers: list[tuple[str, Pointer]] = []
    tracked = [each.path for each in request.operations if isinstance(each, AddLfs)]
    for operation in request.operations:
        blob = None
        if isinstance(operation, AddFile):
            blob = blob_of(operation, hub.settings.max_git_file)
            pointers += _pointer_in(operation)
        elif isinstance(operation, AddLfs):
            pointer = Pointer(operation.sha256, sizes[operation.sha256])
            blob = new_blob(format_pointer(pointer))
        if blob is not None:
            blobs[blob.id] = blob
        ids.append(blob.id if blob else None)
    for number, operation in enumerate(request.operations):
        if isinstance(operation, CopyFile):
            ids[number], copied = _copied(hub, repo, request, operation)
            pointers += [(operation.path, copied)] if copied else []
            tracked += [operation.path] if copied else []
    pointers += _put_back(hub, repo, request, ids)
    oids = set(sizes) | rules.check_pointers(hub, caller, repo.id, pointers)
    staged = _stage_apart(hub, repo.id, request, blobs)
    prunes = repo.prunes if prunes is None else prunes
    return Prepared(hub, caller, repo, request, blobs, ids, oids, tracked, staged, prunes)


def _large_files(
    hub: Hub, caller: Caller, repo: ContentFacts, operations: Sequence[Operation]
) -> dict[str, int]:
    """Real sizes of the large files that are named; raises UnknownObjects or WrongSizes."""
    named = [operation for operation in operations if isinstance(operation, AddLfs)]
    if not named:
        return {}
    oids = {operation.sha256 for operation in named}
    sizes = rules.usable_objects(hub, caller, repo.id, oids)
    if unknown := [each.path for each in named if each.sha256 not in sizes]:
        raise rules.UnknownObjects(unknown)
    if wrong := [e.path for e in named if e.size is not None and e.size != sizes[e.sha256]]:
        raise rules.WrongSizes(wrong)
    return sizes


def _pointer_in(operation: AddFile) -> list[tuple[str, Pointer]]:
    content = operation.content
    data = content if isinstance(content, bytes) else b""
    if not isinstance(content, bytes) and content.stat().st_size <= LARGEST:
        data = content.read_bytes()
    pointer = parse_pointer(data)
    return [(operation.path, pointer)] if pointer else []


def _copied(
    hub: Hub, repo: ContentFacts, request: CommitRequest, operation: CopyFile
) -> tuple[ObjectId, Pointer | None]:
    repository = hub.git.open(repo.id, default_branch=repo.default_branch)
    source = repository.resolve(operation.revision or request.revision)
    view = of_commit(hub, repo.id, repository.objects, source.commit)
    entry = view.entry(operation.source)
    if entry is None or not entry.is_file:
        raise EntryNotFound(f"A file with this name doesn't exist: {operation.source[:200]}")
    return entry.id, view.facts(entry.id).pointer


def _put_back(
    hub: Hub, repo: ContentFacts, request: CommitRequest, ids: list[ObjectId | None]
) -> list[tuple[str, Pointer]]:
    """Fill in the ids of what comes back; the large files among it."""
    objects = hub.git.open(repo.id, default_branch=repo.default_branch).objects
    pointers = []
    for number, operation in enumerate(request.operations):
        if not isinstance(operation, PutBack):
            continue
        ids[number] = operation.id
        if operation.mode == SUBMODULE:
            continue
        if operation.id not in objects:
            raise EntryNotFound(f"A file with this name doesn't exist: {operation.path[:200]}")
        pointer = blob_facts(objects, hub.memory, operation.id).pointer
        pointers += [(operation.path, pointer)] if pointer else []
    return pointers


def _stage_apart(
    hub: Hub, repo_id: int, request: CommitRequest, blobs: dict[ObjectId, NewObject]
) -> list[StagedPack]:
    total = sum(
        len(each.content) if isinstance(each.content, bytes) else each.content.stat().st_size
        for each in request.operations
        if isinstance(each, AddFile)
    )
    return [stage(hub, repo_id, blobs.values())] if total > STAGED_APART else []
