"""The shard that answers a client's question for a chunk: xorbs it may build on instead."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub_server.chunks.hashes import HASH
from hub_server.chunks.shards import (
    BLOCK,
    BOOKEND,
    FOOTER,
    FOOTER_VERSION,
    HEAD,
    RECORD,
    TAG,
    VERSION,
)

_FOOTER = struct.Struct("<9Q32s2Q48x4Q")


@dataclass(frozen=True, slots=True)
class Offer:
    """A xorb and all of its chunks in order: hash, keyed already or a filler, and length."""

    xorb: bytes
    chunks: Sequence[tuple[bytes, int]]
    packed_size: int


def dedup_shard(offers: Sequence[Offer], *, key: bytes, created: int, expires: int) -> bytes:
    """A whole shard with footer and without tables; times are Unix seconds, `key` 32 bytes."""
    if len(key) != HASH or not any(key):
        raise ValueError("chunk hashes are keyed in every answer")
    body = [HEAD.pack(TAG, VERSION, FOOTER), BOOKEND]
    body += [record for offer in offers for record in _records(offer)]
    body.append(BOOKEND)
    end = RECORD * len(body)
    packed = sum(offer.packed_size for offer in offers)
    unpacked = sum(length for offer in offers for _, length in offer.chunks)
    tables = (end, 0, end, 0, end, 0)
    body.append(
        _FOOTER.pack(
            *(FOOTER_VERSION, RECORD, 2 * RECORD, *tables, key, created, expires),
            *(packed, 0, unpacked, end),
        )
    )
    return b"".join(body)


def _records(offer: Offer) -> Iterator[bytes]:
    total = sum(length for _, length in offer.chunks)
    yield BLOCK.pack(offer.xorb, 0, len(offer.chunks), total, offer.packed_size)
    offset = 0
    for raw, length in offer.chunks:
        yield BLOCK.pack(raw, offset, length, 0, 0)
        offset += length
