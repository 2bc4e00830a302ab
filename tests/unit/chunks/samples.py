"""Vectors of the protocol, and writers of our own that share no code with the hub."""

import hashlib
import random
import struct
from collections.abc import Iterator, Sequence

import lz4.frame
from blake3 import blake3

NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")

H1, H2, H3, H4 = (
    "cfc5d07f6f03c29bbf424132963fe08d19a37d5757aaf520bf08119f05cd56d6",
    "c3e67584b5c4fc2a89837ec39e40f2c8a6bb0b2987ac94cd4b31e5fbdd210a72",
    "0d2beb91b9196929a5ddec9f6e306924ddf4a24268e3e59fd8464738d525af37",
    "adf8773496a9b7319b2e50dc98093f344053b17d8ad37100b9c07d9805988784",
)

HELLO_SHARD = bytes.fromhex(
    "48465265706f4d6574614461746100556967456a7b815783a5bdd95ccdd14aa9"
    "02000000000000000000000000000000"
    "fd5ce8b743dd5ef19fb913fe8f75e225f6d9e817a8df09dd7fdb26a1a7228754"
    "000000c0010000000000000000000000"
    "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c"
    "000000000b0000000000000001000000"
    "30ea5cffdc2fef220c8aed157ead426e5846c32e7d9e785eda47689458270dc1"
    "00000000000000000000000000000000"
    "083e4d93b9274db9faab7ddad7522ea5ee80537ae3ef84c4e9cdefe2acf78890"
    "00000000000000000000000000000000" + "ff" * 32 + "00" * 16 + ""
    "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c"
    "00000000010000000b00000000000000"
    "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c"
    "000000000b0000000000000000000000" + "ff" * 32 + "00" * 16
)

HELLO_CHUNK = bytes.fromhex("000b0000000b0000") + b"hello world"
LETTERS_CHUNK = bytes.fromhex(
    "002500000120030004224d18604082160000008f61626364656667680800ffffff026063646566676800000000"
)


def counted_bytes() -> bytes:
    """The million bytes of the chunking vector."""
    return b"".join(hashlib.sha256(struct.pack("<Q", i)).digest() for i in range(31250))


def text(raw: bytes) -> str:
    return "".join(raw[at : at + 8][::-1].hex() for at in range(0, 32, 8))


def slow_root(leaves: Sequence[tuple[bytes, int]]) -> bytes:
    """The Merkle root, word for word as the protocol says it."""
    level = list(leaves)
    while len(level) > 1:
        above = []
        while level:
            length = _group_length(level)
            group, level = level[:length], level[length:]
            lines = "".join(f"{text(raw)} : {size}\n" for raw, size in group)
            node = blake3(lines.encode(), key=NODE_KEY).digest()
            above.append((node, sum(size for _, size in group)))
        level = above
    return level[0][0] if level else bytes(32)


def _group_length(rest: Sequence[tuple[bytes, int]]) -> int:
    if len(rest) <= 2:
        return len(rest)
    for j in range(2, min(9, len(rest))):
        if int.from_bytes(rest[j][0][24:], "little") % 4 == 0:
            return j + 1
    return min(9, len(rest))


def chunk(data: bytes, scheme: int = 0, *, length: int | None = None, version: int = 0) -> bytes:
    """A chunk as a client may write it; `length` is what it says instead of the truth."""
    payload = data
    if scheme == 2:
        payload = b"".join(data[first::4] for first in range(4))
    if scheme:
        payload = lz4.frame.compress(payload, block_size=4, block_linked=False, store_size=False)
    return header(scheme, len(payload), len(data) if length is None else length, version) + payload


def header(scheme: int, packed: int, unpacked: int, version: int = 0) -> bytes:
    return (
        bytes([version])
        + packed.to_bytes(3, "little")
        + bytes([scheme])
        + unpacked.to_bytes(3, "little")
    )


def footer_v1(parts: Sequence[bytes], packed_ends: Sequence[int], xorb_hash: bytes) -> bytes:
    """The footer that older clients append."""
    hashes = [blake3(part, key=CHUNK_KEY).digest() for part in parts]
    count = struct.pack("<I", len(parts))
    ends, total = [], 0
    for part in parts:
        total += len(part)
        ends.append(total)
    tail = b"XBLBHSH\0" + count + b"".join(hashes)
    bounds = b"XBLBBND\1" + count + struct.pack(f"<{2 * len(parts)}I", *packed_ends, *ends)
    last = struct.pack("<3I", len(parts), len(tail) + len(bounds) + 28, len(bounds) + 28)
    footer = b"XETBLOB\1" + xorb_hash + tail + bounds + last + b"nonce" + bytes(11)
    return footer + struct.pack("<I", len(footer))


def footer_v0(parts: Sequence[bytes], packed_ends: Sequence[int], xorb_hash: bytes) -> bytes:
    hashes = [blake3(part, key=CHUNK_KEY).digest() for part in parts]
    footer = b"XETBLOB\0" + xorb_hash + struct.pack("<I", len(parts))
    footer += struct.pack(f"<{len(parts)}I", *packed_ends) + b"".join(hashes) + bytes(16)
    return footer + struct.pack("<I", len(footer))


def mixed_parts(seed: int, count: int, most: int = 3000) -> list[bytes]:
    """Data of chunks that compress well, badly and best when bytes are grouped."""
    rng = random.Random(seed)
    makers = (
        rng.randbytes,
        lambda size: (b"all work and no play " * size)[:size],
        lambda size: struct.pack(f"<{size // 4 + 1}f", *range(size // 4 + 1))[:size],
    )
    return [makers[number % 3](rng.randint(1, most)) for number in range(count)]


def mixed_xorb(seed: int, count: int, most: int = 3000) -> tuple[bytes, list[bytes]]:
    """Packed bytes, in all three schemes whatever suits, and the data of each chunk."""
    parts = mixed_parts(seed, count, most)
    return b"".join(chunk(part, at * 7 % 3) for at, part in enumerate(parts)), parts


def record(raw: bytes, *numbers: int) -> bytes:
    return struct.pack("<32s4I", raw, *numbers)


BOOKEND = record(b"\xff" * 32, 0, 0, 0, 0)
File = tuple[bytes, Sequence[tuple[bytes, int, int, int]], Sequence[bytes], bytes | None]
Xorb = tuple[bytes, Sequence[tuple[bytes, int, int, int]]]


def shard(files: Sequence[File], xorbs: Sequence[Xorb], footer: bytes = b"") -> bytes:
    """Record by record; sha256 are raw digests, chunks (hash, offset, length, flags)."""
    return b"".join(_records(files, xorbs, footer)) + footer


def _records(files: Sequence[File], xorbs: Sequence[Xorb], footer: bytes) -> Iterator[bytes]:
    yield HELLO_SHARD[:32] + struct.pack("<QQ", 2, len(footer) and 200)
    for raw, terms, ranges, sha256 in files:
        flags = (1 << 31 if ranges else 0) | (1 << 30 if sha256 else 0)
        yield record(raw, flags, len(terms), 0, 0)
        yield from (record(xorb, 0, size, start, end) for xorb, size, start, end in terms)
        yield from (record(each, 0, 0, 0, 0) for each in ranges)
        if sha256:
            yield record(bytes.fromhex(text(sha256)), 0, 0, 0, 0)
    yield BOOKEND
    for raw, chunks in xorbs:
        yield record(raw, 0, len(chunks), sum(each[2] for each in chunks), 0)
        yield from (record(each, *numbers, 0) for each, *numbers in chunks)
    yield BOOKEND


def footer(key: bytes = bytes(32), version: int = 1) -> bytes:
    return struct.pack("<9Q32s2Q48x4Q", version, *[0] * 8, key, *[0] * 6)


def some_shard(seed: int) -> bytes:
    """Random, consistent in itself."""
    rng = random.Random(seed)
    xorbs = [(rng.randbytes(32), _chunks(rng)) for _ in range(rng.randint(0, 3))]
    files: list[File] = []
    for _ in range(rng.randint(1, 3)):
        terms = [_term(rng) for _ in range(rng.randint(1, 4))]
        ranges = [rng.randbytes(32) for _ in terms] if rng.random() < 0.8 else []
        files.append((rng.randbytes(32), terms, ranges, rng.choice([None, rng.randbytes(32)])))
    tables = rng.choice([b"", footer(), rng.randbytes(96) + footer()])
    return shard(files, xorbs, tables)


def _chunks(rng: random.Random) -> list[tuple[bytes, int, int, int]]:
    chunks, offset = [], 0
    for _ in range(rng.randint(1, 5)):
        length = rng.randint(1, 131072)
        chunks.append((rng.randbytes(32), offset, length, rng.choice([0, 1 << 31])))
        offset += length
    return chunks


def _term(rng: random.Random) -> tuple[bytes, int, int, int]:
    start = rng.randint(0, 100)
    return rng.randbytes(32), rng.randint(1, 1 << 26), start, start + rng.randint(1, 100)
