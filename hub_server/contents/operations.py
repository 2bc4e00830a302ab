"""What an HTTP commit asks for, one value for each line of its body."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub_server.contents.snapshots import Snapshot
from hub_server.errors import EntryNotFound, TooLarge, Unprocessable
from hub_server.git import (
    FILE,
    BadPath,
    Edit,
    Entry,
    NewObject,
    ObjectId,
    PathConflict,
    Put,
    Remove,
    RemoveTree,
    check_path,
    new_blob,
)

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class AddFile:
    """A regular file: its bytes, or a spooled file that holds them until the commit is done."""

    path: str
    content: bytes | Path


@dataclass(frozen=True, slots=True)
class AddLfs:
    """A large file that was uploaded before; `size` None where the client does not know it."""

    path: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class CopyFile:
    """The file at `source` of `revision` (None: the branch's head), regular or large."""

    path: str
    source: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """A file, or a folder with all that is in it."""

    path: str


@dataclass(frozen=True, slots=True)
class DeleteFolder:
    """With or without a slash at the end of `path`."""

    path: str


@dataclass(frozen=True, slots=True)
class PutBack:
    """A file, link or submodule as a commit of the repository has it, with its mode."""

    path: str
    id: ObjectId
    mode: int


Operation = AddFile | AddLfs | CopyFile | Delete | DeleteFolder | PutBack


class UnsafePath(Unprocessable):
    """A path that not every client could check out."""


class SpooledBlob(NewObject):
    """A blob that stays on disk until it is written into a pack."""

    def __init__(self, path: Path) -> None:
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        self.__dict__.update(kind="blob", path=path, id=digest.hexdigest())

    @property
    def data(self) -> bytes:
        path: Path = self.__dict__["path"]
        return path.read_bytes()


def blob_of(operation: AddFile, limit: int) -> NewObject:
    """Raises TooLarge, with advice, for a file that belongs in LFS."""
    content = operation.content
    size = content.stat().st_size if isinstance(content, Path) else len(content)
    if size > limit:
        raise TooLarge(
            "The file {path} has {size} bytes; regular files may have {limit}. "
            "Upload it as a large file (LFS).",
            path=operation.path,
            size=size,
            limit=limit,
        )
    return SpooledBlob(content) if isinstance(content, Path) else new_blob(content)


def checked_path(path: str) -> bytes:
    """The path as Git has it; raises UnsafePath with the reason."""
    raw = path.encode("utf-8", "surrogateescape")
    try:
        check_path(raw)
    except BadPath as failure:
        raise UnsafePath(str(failure)) from None
    return raw


@dataclass(frozen=True, slots=True)
class Added:
    """A blob that an operation puts at a path, whatever sort of file it is."""

    path: bytes
    id: ObjectId


def edits(
    base: Snapshot | None,
    operations: Sequence[Operation],
    blobs: Sequence[ObjectId | None],
) -> list[Edit]:
    """Operations as edits of `base`, in order; `blobs` has the blob of each that adds a file.

    Raises UnsafePath, and EntryNotFound for a deletion of what is neither there nor added before.
    """
    made: list[Edit] = []
    added: set[bytes] = set()
    for operation, blob in zip(operations, blobs, strict=True):
        path = checked_path(operation.path.rstrip("/") if _removes(operation) else operation.path)
        if blob is not None:
            made.append(Put(path, blob, _mode(base, operation)))
            added.add(path)
        else:
            stood = base.entry(operation.path.rstrip("/")) if base else None
            made.extend(_removal(operation, path, stood, added))
    return made


def _mode(base: Snapshot | None, operation: Operation) -> int:
    """A file that is written again stays executable if it was."""
    if isinstance(operation, PutBack):
        return operation.mode
    stood = base.entry(operation.path) if base else None
    return stood.mode if stood and stood.is_file else FILE


def _removes(operation: Operation) -> bool:
    return isinstance(operation, Delete | DeleteFolder)


def _removal(
    operation: Operation, path: bytes, stands: Entry | None, added: set[bytes]
) -> list[Edit]:
    below = path + b"/"
    if (stands is not None and stands.is_tree) or any(each.startswith(below) for each in added):
        return [RemoveTree(path)]
    if isinstance(operation, Delete) and (stands is not None or path in added):
        return [Remove(path)]
    if isinstance(operation, DeleteFolder):
        raise EntryNotFound(f"A folder with this name doesn't exist: {operation.path[:200]}")
    raise EntryNotFound(f"A file with this name doesn't exist: {operation.path[:200]}")


def conflict(failure: PathConflict) -> Unprocessable:
    """A file where a folder is, as the API says it."""
    return Unprocessable(str(failure))
