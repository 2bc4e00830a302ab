"""Writing a pack of new objects with its index: one HTTP commit is one small pack.

Objects are written whole, without deltas; repacking later finds those. Durable when it returns.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO, NamedTuple

from hub_server.git.types import Kind, NewObject, PackFiles

_NUMBERS: dict[Kind, int] = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_STORED_TREE = 262_144  # ids do not compress; above this, time counts for more than a third saved
_QUICK = 65_536
_SAMPLE = 16_384
_WORTH = 0.95  # pictures, weights and archives do not get smaller: they are stored as they are
_FAR = 0x8000_0000


class IndexLine(NamedTuple):
    """One object of an index: raw id, CRC32 of the entry's bytes in the pack, offset."""

    raw: bytes
    crc: int
    offset: int


def write_pack(objects: Iterable[NewObject], folder: Path, *, durable: bool = True) -> PackFiles:
    """Write `pack-<sha1>.pack` and `.idx` into `folder`, each object once, flushed to the disk.

    Without `durable` nothing is flushed: for files that a store takes in and flushes itself.
    """
    stem = folder / f"tmp-{secrets.token_hex(8)}"
    pack, idx = stem.with_suffix(".pack"), stem.with_suffix(".idx")
    try:
        lines, digest, size = _write_entries({new.id: new for new in objects}, pack, durable)
        write_index(lines, digest, idx, durable=durable)
        name = digest.hex()
        final = PackFiles(
            name, folder / f"pack-{name}.pack", folder / f"pack-{name}.idx", size, len(lines)
        )
        pack.rename(final.pack)
        idx.rename(final.idx)
    finally:
        pack.unlink(missing_ok=True)
        idx.unlink(missing_ok=True)
    if durable:
        _flush_folder(folder)
    return final


def write_index(
    lines: Iterable[IndexLine], pack_digest: bytes, path: Path, *, durable: bool = True
) -> None:
    """Write an index of version 2 for the pack whose trailer is `pack_digest`, and flush it."""
    ordered = sorted(lines)
    parts = [
        b"\xfftOc\0\0\0\2",
        _fanout(ordered),
        b"".join([line.raw for line in ordered]),
        struct.pack(f">{len(ordered)}I", *(line.crc for line in ordered)),
        _offsets(ordered),
        pack_digest,
    ]
    content = b"".join(parts)
    with path.open("wb") as file:
        file.write(content)
        file.write(_sha1(content).digest())
        if durable:
            _flush(file)


def entry_head(kind: Kind, size: int) -> bytes:
    """What stands before the compressed bytes of a whole object in a pack."""
    byte = _NUMBERS[kind] << 4 | size & 15
    size >>= 4
    head = bytearray()
    while size:
        head.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    head.append(byte)
    return bytes(head)


def _write_entries(
    objects: dict[str, NewObject], path: Path, durable: bool
) -> tuple[list[IndexLine], bytes, int]:
    lines = []
    head = b"PACK" + struct.pack(">II", 2, len(objects))
    digest = _sha1(head)
    offset = len(head)
    with path.open("wb") as file:
        file.write(head)
        for object_id, new in objects.items():
            entry = entry_head(new.kind, len(new.data)) + zlib.compress(new.data, _level(new))
            lines.append(IndexLine(bytes.fromhex(object_id), zlib.crc32(entry), offset))
            file.write(entry)
            digest.update(entry)
            offset += len(entry)
        file.write(digest.digest())
        if durable:
            _flush(file)
    return lines, digest.digest(), offset + digest.digest_size


def _level(new: NewObject) -> int:
    size = len(new.data)
    if new.kind == "tree":
        return 0 if size > _STORED_TREE else 1
    if size <= _QUICK:
        return 6
    middle = new.data[size // 2 : size // 2 + _SAMPLE]
    return 1 if len(zlib.compress(middle, 1)) < _WORTH * len(middle) else 0


def _fanout(ordered: Sequence[IndexLine]) -> bytes:
    counts = [0] * 256
    for line in ordered:
        counts[line.raw[0]] += 1
    return struct.pack(">256I", *accumulate(counts))


def _offsets(ordered: Sequence[IndexLine]) -> bytes:
    near: list[int] = []
    far: list[int] = []
    for line in ordered:
        if line.offset < _FAR:
            near.append(line.offset)
        else:
            near.append(_FAR + len(far))
            far.append(line.offset)
    return struct.pack(f">{len(near)}I{len(far)}Q", *near, *far)


def _sha1(data: bytes) -> hashlib._Hash:
    return hashlib.sha1(data, usedforsecurity=False)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
