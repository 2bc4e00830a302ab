"""Hashes of chunks, xorbs, files and ranges, and their text form. All are 32 raw bytes.

The text form is not the plain hex of the bytes: each group of eight bytes is reversed.
"""

import re
import struct
from collections.abc import Sequence
from mmap import mmap

from blake3 import blake3

from hub_server.chunks.errors import BadHash
from hub_server.chunks.merkle import MerkleTree

Data = bytes | bytearray | memoryview | mmap
Leaf = tuple[bytes, int]

HASH = 32
NO_HASH = bytes(HASH)
"""What stands for an empty list of chunks."""
_CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
_SALT = bytes(HASH)
_WORDS = struct.Struct("<4Q")
_TEXT = re.compile("[0-9a-f]{64}")


def to_text(raw: Data) -> str:
    """64 hex digits, as URLs, JSON and headers carry them; of a stored sha256, the usual hex."""
    return "{:016x}{:016x}{:016x}{:016x}".format(*_WORDS.unpack(raw))


def from_text(text: str) -> bytes:
    """The 32 bytes; raises BadHash for anything but 64 lowercase hex digits."""
    if not _TEXT.fullmatch(text):
        raise BadHash("{text} is not a hash of 64 lowercase hex digits.", text=text[:100])
    return _WORDS.pack(*(int(text[at : at + 16], 16) for at in range(0, 64, 16)))


def chunk_hash(data: Data) -> bytes:
    return blake3(data, key=_CHUNK_KEY).digest()


def range_hash(hashes: Data) -> bytes:
    """What proves that a client knows a range of chunks, from their concatenated raw hashes."""
    return blake3(hashes, key=_RANGE_KEY).digest()


def keyed_hash(hash: bytes, key: bytes) -> bytes:
    """A chunk hash as answers to clients carry it; the key is 32 bytes."""
    return blake3(hash, key=key).digest()


def is_eligible(hash: bytes) -> bool:
    """Whether clients ask for this chunk by its hash alone; the first of a file always is."""
    return hash[24] == 0 and hash[25] & 3 == 0


def merkle_root(leaves: Sequence[Leaf]) -> bytes:
    """The hash of a xorb, from the hash and unpacked length of each chunk."""
    tree = MerkleTree()
    tree.add(b"".join(raw for raw, _ in leaves), [length for _, length in leaves])
    return tree.root()


def file_hash(leaves: Sequence[Leaf]) -> bytes:
    """The hash of a file, from all of its chunks in order; NO_HASH of an empty file."""
    return blake3(merkle_root(leaves), key=_SALT).digest() if leaves else NO_HASH


class FileHash:
    """The same for files of any length, in constant memory: chunks are added as they come."""

    def __init__(self) -> None:
        self._tree = MerkleTree()
        self._empty = True

    def add(self, hashes: bytes, lengths: Sequence[int]) -> None:
        """`hashes` are concatenated; there are as many `lengths`, of unpacked bytes."""
        self._tree.add(hashes, lengths)
        self._empty = self._empty and not lengths

    def digest(self) -> bytes:
        """To be asked once, at the end."""
        return NO_HASH if self._empty else blake3(self._tree.root(), key=_SALT).digest()
