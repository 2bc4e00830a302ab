"""What a process remembers of contents. Everything here can be computed again from objects.

Commits, trees and blobs never change, so entries are dropped for room alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from hub_server.cards import Card, GgufHeader, IndexRecord, Listing
from hub_server.git import Blame, ObjectId
from hub_server.git.rawtrees import RawTree
from hub_server.lfs import Pointer

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The `limit` entries used last; safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key]

    def put(self, key: Key, value: Value) -> Value:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > self.limit:
                self._entries.popitem(last=False)
        return value

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


class BlobFacts(NamedTuple):
    """What a Git blob is to the world: `size` counts its own bytes, not those it points at."""

    size: int
    pointer: Pointer | None


class FileFacts(NamedTuple):
    """The file at a path of a commit."""

    blob_id: ObjectId
    size: int
    pointer: Pointer | None


class TensorFacts(NamedTuple):
    """The header of a safetensors file: its length, and numbers of values by type."""

    length: int
    counts: Mapping[str, int]


ABSENT = FileFacts("", 0, None)
"""Remembered for paths where there is no file: clients ask for many of those."""

Folders = Mapping[bytes, Mapping[bytes, ObjectId]]
"""For each folder that was asked for: the last commit of each of its entries."""


@dataclass(frozen=True)
class Memory:
    """Keys of `files` and `last_commits` begin with the repository; blobs are told by their id."""

    files: Recent[tuple[int, ObjectId, str], FileFacts] = field(
        default_factory=lambda: Recent(50_000)
    )
    commits: Recent[tuple[int, int, str], bool] = field(default_factory=lambda: Recent(20_000))
    """Ids that are known to be commits of the repository, until objects are pruned again."""
    blobs: Recent[ObjectId, BlobFacts] = field(default_factory=lambda: Recent(200_000))
    trees: Recent[ObjectId, RawTree] = field(default_factory=lambda: Recent(16))
    """Few: one folder of 100,000 files takes 4 MB."""
    cards: Recent[ObjectId, Card] = field(default_factory=lambda: Recent(100))
    records: Recent[Hashable, IndexRecord] = field(default_factory=lambda: Recent(100))
    tensors: Recent[ObjectId, TensorFacts] = field(default_factory=lambda: Recent(5_000))
    ggufs: Recent[ObjectId, GgufHeader] = field(default_factory=lambda: Recent(100))
    blames: Recent[tuple[ObjectId, str], Blame] = field(default_factory=lambda: Recent(32))
    listings: Recent[ObjectId, Listing | None] = field(default_factory=lambda: Recent(32))
    shards: Recent[ObjectId, tuple[str, ...]] = field(default_factory=lambda: Recent(100))
    """By the blob of an index: the names of the files it spreads a model over."""
    media: Recent[tuple[str, str], tuple[str, bool]] = field(default_factory=lambda: Recent(50_000))
    """By content and file extension: the media type, and whether browsers may show it in place."""
    last_commits: Recent[tuple[int, ObjectId], Folders] = field(default_factory=lambda: Recent(500))
