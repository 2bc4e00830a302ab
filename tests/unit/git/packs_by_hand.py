"""Packs, objects and push bodies made byte by byte, however broken a test wants them."""

from __future__ import annotations

import hashlib
import struct
import zlib

from hub_server.git.packfiles import entry_head
from hub_server.git.types import Kind

IDENT = b"Ada <ada@example.org> 1700000000 +0000"
BLOB = b"hello\n"


def object_id(kind: str, data: bytes) -> str:
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


BLOB_ID = object_id("blob", BLOB)


def commit_data(tree: str, *parents: str, ident: bytes = IDENT) -> bytes:
    lines = [b"tree " + tree.encode(), *(b"parent " + p.encode() for p in parents)]
    lines += [b"author " + ident, b"committer " + ident, b"", b"words\n"]
    return b"\n".join(lines)


def tree_data(*entries: tuple[bytes, bytes, str]) -> bytes:
    return b"".join(mode + b" " + name + b"\0" + bytes.fromhex(raw) for mode, name, raw in entries)


def whole(kind: Kind, data: bytes, *, declared: int | None = None) -> bytes:
    """The entry of an object without a delta; it may lie about its size."""
    return entry_head(kind, len(data) if declared is None else declared) + zlib.compress(data)


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def delta(source: int, target: int, instructions: bytes) -> bytes:
    return varint(source) + varint(target) + instructions


def ref_delta(base: str, instructions: bytes, *, declared: int | None = None) -> bytes:
    head = bytearray(entry_head("blob", len(instructions) if declared is None else declared))
    head[0] = head[0] & 0x8F | 7 << 4
    return bytes(head) + bytes.fromhex(base) + zlib.compress(instructions)


def pack_of(*entries: bytes, count: int | None = None) -> bytes:
    head = b"PACK" + struct.pack(">II", 2, len(entries) if count is None else count)
    pack = head + b"".join(entries)
    return pack + hashlib.sha1(pack).digest()


def packed(objects: dict[str, list[bytes]]) -> bytes:
    """A pack of whole objects by kind."""
    return pack_of(*(whole(kind, data) for kind, many in objects.items() for data in many))  # type: ignore[arg-type]


def pkt_lines(*lines: str) -> bytes:
    return b"".join(b"%04x%s" % (len(line.encode()) + 5, line.encode() + b"\n") for line in lines)


def commands(lines: list[str], capabilities: str = "report-status") -> bytes:
    return pkt_lines(f"{lines[0]}\0{capabilities}", *lines[1:]) + b"0000"


def creation(tip: str, name: str = "refs/heads/new") -> bytes:
    return commands([f"{'0' * 40} {tip} {name}"])


def ofs_delta(distance: int, instructions: bytes) -> bytes:
    """The entry of a delta whose base begins `distance` bytes before it."""
    head = bytearray(entry_head("blob", len(instructions)))
    head[0] = head[0] & 0x8F | 6 << 4
    back = [distance & 0x7F]
    while distance := distance >> 7:
        distance -= 1
        back.append(0x80 | distance & 0x7F)
    return bytes(head) + bytes(reversed(back)) + zlib.compress(instructions)


def chain_of(length: int, *, by_offset: bool) -> tuple[list[bytes], list[str]]:
    """A blob and `length` deltas, each adding a byte to the one before; entries and ids."""
    data = b"0123456789"
    entries, ids = [whole("blob", data)], [object_id("blob", data)]
    for _ in range(length):
        longer = data + b"x"
        step = delta(len(data), len(longer), bytes([0x90, len(data), 1]) + b"x")
        before = len(entries[-1])
        entries.append(ofs_delta(before, step) if by_offset else ref_delta(ids[-1], step))
        data = longer
        ids.append(object_id("blob", data))
    return entries, ids
