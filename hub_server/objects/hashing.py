"""The sha256 of uploads in parts, as far as it can be known before they are complete."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_server.blobs import CHUNK, BlobStore

KEPT = 64


@dataclass
class _Prefix:
    digest: Any = field(default_factory=hashlib.sha256)
    parts: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class PrefixHashes:
    """Hashes of the first parts of uploads that came through this process, in order.

    Only a saving: what is not known here is read back. Parts are told apart by their own sha256,
    so a part that was sent again, here or elsewhere, never counts with its old bytes.
    """

    def __init__(self) -> None:
        self._prefixes: OrderedDict[str, _Prefix] = OrderedDict()
        self._lock = threading.Lock()

    def feed(self, token: str, number: int, sha256: str, path: Path) -> None:
        """Take in part `number`, which lies in a file, if it is the next one."""
        with self._lock:
            prefix = self._prefixes.setdefault(token, _Prefix())
            self._prefixes.move_to_end(token)
            while len(self._prefixes) > KEPT:
                self._prefixes.popitem(last=False)
        with prefix.lock:
            if number != len(prefix.parts) + 1:
                return
            with path.open("rb", buffering=0) as file:
                while chunk := file.read(CHUNK):
                    prefix.digest.update(chunk)
            prefix.parts.append(sha256)

    def take(self, token: str, sha256s: Sequence[str]) -> tuple[Any, int]:
        """A running sha256 and how many of the parts it covers; forgets the upload."""
        with self._lock:
            prefix = self._prefixes.pop(token, None)
        if prefix is not None:
            with prefix.lock:
                if prefix.parts == list(sha256s[: len(prefix.parts)]):
                    return prefix.digest, len(prefix.parts)
        return hashlib.sha256(), 0


def hash_rest(blobs: BlobStore, key: str, digest: Any, start: int) -> tuple[str, int]:
    """Read the blob from `start` on into `digest`; returns the sha256 and the blob's size."""
    size = start
    with blobs.open(key, start) as reader:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
