"""Pushes and fetches written by hand, for what the stock client would never send."""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence

KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
REF_DELTA = 7
NULL = "0" * 40
IDENT = "Ada <ada@example.org> 1700000000 +0000"


def pkt(payload: bytes) -> bytes:
    return b"%04x" % (len(payload) + 4) + payload


def commands(lines: Iterable[str], *capabilities: str) -> bytes:
    """The head of a push; each line is `old new name`."""
    wanted = " ".join(("report-status", *capabilities))
    first, *rest = lines
    out = pkt(first.encode(errors="surrogateescape") + b"\0" + wanted.encode())
    return out + b"".join(pkt(line.encode(errors="surrogateescape")) for line in rest) + b"0000"


def push_body(name: str, *, old: str = NULL, new: str, pack: bytes) -> bytes:
    return commands([f"{old} {new} {name}"]) + pack


def object_id(kind: str, data: bytes) -> str:
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def commit(tree: str, *parents: str, message: str = "by hand") -> bytes:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    return "\n".join([*lines, f"author {IDENT}", f"committer {IDENT}", "", message]).encode()


def tree(*entries: tuple[str, bytes, str]) -> bytes:
    """Entries of mode, name and id, in this order."""
    return b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(value) for mode, name, value in entries
    )


def entry(kind: int, size: int, data: bytes, *, base: bytes = b"") -> bytes:
    """An object as it stands in a pack; `size` is what it claims, `data` is deflated."""
    head = bytearray([kind << 4 | size & 0x0F])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + base + zlib.compress(data, 9)


def pack(entries: Sequence[bytes], *, count: int | None = None) -> bytes:
    body = b"PACK" + struct.pack(">II", 2, len(entries) if count is None else count)
    body += b"".join(entries)
    return body + hashlib.sha1(body).digest()


def pack_of(*objects: tuple[str, bytes]) -> bytes:
    return pack([entry(KINDS[kind], len(data), data) for kind, data in objects])


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def bomb(claims: Sequence[int]) -> bytes:
    """A pack of some hundred bytes whose deltas unpack to `claims` bytes each."""
    base = bytes(65_536)
    base_id = bytes.fromhex(object_id("blob", base))
    entries = [entry(KINDS["blob"], len(base), base)]
    for claim in claims:
        copies = b"\x80" * (claim // 65_536)  # each byte copies all 64 KiB of the base
        delta = varint(len(base)) + varint(len(copies) * 65_536) + copies
        entries.append(entry(REF_DELTA, len(delta), delta, base=base_id))
    return pack(entries)
