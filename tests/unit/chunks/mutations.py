"""Damaged xorbs and shards, and what the hub may make of them: refuse them, or read the truth.

What is accepted is decoded once more here, by code that is none of the hub's.
"""

import random
import struct

import lz4.frame
from blake3 import blake3

from hub_server.chunks import BadShard, BadXorb, check_xorb, read_shard, unpack
from tests.unit.chunks.samples import (
    BOOKEND,
    CHUNK_KEY,
    File,
    footer_v0,
    footer_v1,
    mixed_xorb,
    shard,
    slow_root,
    some_shard,
)


def _flip(before: bytes, after: bytes, rng: random.Random) -> bytes:
    return before + bytes(byte ^ 1 << rng.randrange(8) for byte in after[:1]) + after[1:]


def _overwrite(before: bytes, after: bytes, rng: random.Random) -> bytes:
    size = rng.choice(SIZES)
    return before + rng.randbytes(size) + after[size:]


def _cut_out(before: bytes, after: bytes, rng: random.Random) -> bytes:
    return before + after[rng.choice(SIZES) :]


def _double(before: bytes, after: bytes, rng: random.Random) -> bytes:
    return before + after[: rng.choice(SIZES)] + after


def _insert(before: bytes, after: bytes, rng: random.Random) -> bytes:
    words = rng.choice([b"\0", b"\xff", b"XETBLOB\1", BOOKEND])
    return before + words * rng.choice(SIZES) + after


def _move(before: bytes, after: bytes, rng: random.Random) -> bytes:
    size, rest = rng.choice(SIZES), before + after
    at = rng.randrange(len(rest) + 1)
    return rest[:at] + after[:size] + rest[at:]


def _swap(before: bytes, after: bytes, _: random.Random) -> bytes:
    return before + after[8:16] + after[:8] + after[16:]


def _cut_off(before: bytes, _after: bytes, _rng: random.Random) -> bytes:
    return before


SIZES = (1, 4, 8, 48, 200)
FAULTS = (_flip, _flip, _overwrite, _cut_out, _double, _insert, _move, _swap, _cut_off)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """With one to three faults."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        data = rng.choice(FAULTS)(data[:at], data[at:], rng)
    return data


def some_xorb(seed: int) -> bytes:
    """Small, in all schemes, some with a footer."""
    rng = random.Random(seed)
    packed, parts = mixed_xorb(seed, rng.randint(1, 8), 400)
    footer = rng.choice([None, None, footer_v0, footer_v1])
    if footer is None:
        return packed
    leaves = [(blake3(part, key=CHUNK_KEY).digest(), len(part)) for part in parts]
    return packed + footer(parts, [0] * len(parts), slow_root(leaves))


def judge_xorb(seed: int) -> bool:
    """Whether a damaged xorb was accepted; AssertionError if wrongly, any other error is one."""
    rng = random.Random(seed)
    sound = some_xorb(seed)
    data = mutated(sound, rng)
    try:
        index = check_xorb(data)
    except BadXorb:
        return False
    parts = _decoded(data[: index.size])
    leaves = [(blake3(part, key=CHUNK_KEY).digest(), len(part)) for part in parts]
    assert index.leaves() == leaves
    assert index.xorb_hash() == slow_root(leaves)
    assert b"".join(unpack(data[: index.size])) == b"".join(parts)
    if index.xorb_hash() == check_xorb(sound).xorb_hash():
        assert b"".join(parts) == b"".join(_decoded(sound[: check_xorb(sound).size]))
    return True


def _decoded(packed: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(packed):
        assert packed[at] == 0
        size = int.from_bytes(packed[at + 1 : at + 4], "little")
        length = int.from_bytes(packed[at + 5 : at + 8], "little")
        payload = packed[at + 8 : at + 8 + size]
        data = lz4.frame.decompress(payload) if packed[at + 4] else payload
        assert len(payload) == size
        assert len(data) == length
        parts.append(_ungrouped(data) if packed[at + 4] == 2 else data)
        at += 8 + size
    return parts


def _ungrouped(data: bytes) -> bytes:
    starts = [0]
    for first in range(3):
        starts.append(starts[-1] + len(range(first, len(data), 4)))
    return bytes(data[starts[at % 4] + at // 4] for at in range(len(data)))


def judge_shard(seed: int) -> bool:
    """Whether a damaged shard was accepted; AssertionError if it was read as another one."""
    data = mutated(some_shard(seed), random.Random(seed))
    try:
        found = read_shard(data)
    except BadShard:
        return False
    files: list[File] = [
        (file.hash, file.terms, file.range_hashes, file.sha256 and bytes.fromhex(file.sha256))
        for file in found.files
    ]
    xorbs = [
        (xorb.hash, [(raw, at, size, flag << 31) for raw, at, size, flag in xorb.chunks])
        for xorb in found.xorbs
    ]
    assert _without_reserved(shard(files, xorbs)) == _without_reserved(data)
    return True


def _without_reserved(data: bytes) -> list[tuple[object, ...]]:
    """The records up to the end of the xorbs, each without what nobody reads."""
    kept: list[tuple[object, ...]] = [(data[:40],)]
    at, section = 48, 0
    while section < 2:
        raw, *numbers = struct.unpack_from("<32s4I", data, at)
        at += 48
        if data[at - 48 : at] == BOOKEND:
            section += 1
            kept.append((raw,))
            continue
        count = numbers[1]
        if not section and not count:
            numbers[0] &= ~(1 << 31)  # no proofs of no terms
        kept.append((raw, *numbers[: 3 if section else 2]))
        for _ in range(count):
            kept.append(struct.unpack_from("<32s3I" if section else "<32s4I", data, at))
            at += 48
        flags = 0 if section else numbers[0]
        for _ in range((count if flags >> 31 else 0) + (flags >> 30 & 1)):
            kept.append((data[at : at + 32],))
            at += 48
    return kept
