"""What the protocol needs to know of a repository to serve and to accept objects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from hub_server.git.packs import PackSet
from hub_server.git.types import ObjectId

PUBLIC_CLASSES = (b"refs/heads/", b"refs/tags/")


class RefLine(NamedTuple):
    """A ref as it is advertised; `peeled` is what an annotated tag points at in the end."""

    name: bytes
    id: ObjectId
    peeled: ObjectId | None = None


class FetchSource(Protocol):
    """One consistent view of a repository; every method may be called from any thread."""

    @property
    def objects(self) -> PackSet: ...

    @property
    def head(self) -> bytes | None:
        """The branch HEAD names, also when that branch is not born yet."""

    @property
    def git_dir(self) -> Path | None:
        """A folder whose `objects/pack` holds every pack, or None when there is none."""

    def refs(self, prefixes: Sequence[bytes] | None) -> list[RefLine]:
        """Refs sorted by name: heads and tags for None, else those under any of the prefixes."""

    def is_fetchable(self, ids: Collection[ObjectId], /) -> set[ObjectId]:
        """Those of `ids` that a fetchable ref reaches; bounded work."""


def visible_refs(source: FetchSource, prefixes: Sequence[bytes] | None) -> list[RefLine]:
    """Heads and tags, and other refs only for a prefix that reaches past `refs/`.

    A mirror clone asks for `refs/`; it must not drag in every pull request.
    """
    if not prefixes:
        return [line for line in source.refs(None) if line.name.startswith(PUBLIC_CLASSES)]
    asking = tuple(p for p in prefixes if p.startswith(b"refs/") and len(p) > len(b"refs/"))
    wanted = tuple(prefixes)
    return [
        line
        for line in source.refs(prefixes)
        if line.name.startswith(asking)
        or (line.name.startswith(PUBLIC_CLASSES) and line.name.startswith(wanted))
    ]


def head_line(source: FetchSource) -> RefLine | None:
    """HEAD as a ref, or None while its branch is unborn."""
    if source.head is None:
        return None
    for line in source.refs([source.head]):
        if line.name == source.head:
            return RefLine(b"HEAD", line.id)
    return None
