"""The values of the git room: ids, entries, signatures, commits, new objects.

Ids are 40 lower hex digits (`str`); paths and ref names are `bytes`, because Git says nothing
about their encoding.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

ObjectId = str
Kind = Literal["commit", "tree", "blob", "tag"]

FILE = 0o100644
EXECUTABLE = 0o100755
LINK = 0o120000
FOLDER = 0o040000
SUBMODULE = 0o160000

EMPTY_TREE: ObjectId = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
NULL_ID: ObjectId = "0" * 40


class Entry(NamedTuple):
    """One line of a tree."""

    name: bytes
    mode: int
    id: ObjectId

    @property
    def is_tree(self) -> bool:
        return self.mode & 0o170000 == FOLDER

    @property
    def is_file(self) -> bool:
        return self.mode & 0o170000 == FILE & 0o170000

    @property
    def is_link(self) -> bool:
        return self.mode & 0o170000 == LINK

    @property
    def is_submodule(self) -> bool:
        return self.mode & 0o170000 == SUBMODULE


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when; `time` in seconds since 1970, `offset` in minutes east of UTC."""

    name: str
    email: str
    time: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    id: ObjectId
    tree: ObjectId
    parents: tuple[ObjectId, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def title(self) -> str:
        """The first paragraph on one line, as `git log --format=%s` shows it."""
        return " ".join(self.message.lstrip("\n").partition("\n\n")[0].split("\n")).strip()

    @property
    def body(self) -> str:
        """What follows the first paragraph, without the blank lines around it."""
        return self.message.lstrip("\n").partition("\n\n")[2].strip("\n")


@dataclass(frozen=True)
class NewObject:
    """An object that may not be stored yet; its id follows from kind and data."""

    kind: Kind
    data: bytes

    @cached_property
    def id(self) -> ObjectId:
        digest = hashlib.sha1(
            b"%s %d\0" % (self.kind.encode(), len(self.data)), usedforsecurity=False
        )
        digest.update(self.data)
        return digest.hexdigest()


class ObjectReader(Protocol):
    """Where objects are read from; every method is safe to call from several threads."""

    def read(self, id: ObjectId, /) -> tuple[Kind, bytes]:
        """Kind and content; raises ObjectMissing, ObjectTooLarge or BadPack."""

    def kind(self, id: ObjectId, /) -> Kind:
        """The kind alone, without inflating the content; raises ObjectMissing."""

    def size(self, id: ObjectId, /) -> int:
        """Bytes of the content, without inflating it; raises ObjectMissing."""

    def __contains__(self, id: object, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class PackFiles:
    """A finished pack on disk: `name` is the sha1 of its trailer, `size` the bytes of the .pack."""

    name: str
    pack: Path
    idx: Path
    size: int
    count: int


def new_blob(data: bytes) -> NewObject:
    return NewObject("blob", data)
