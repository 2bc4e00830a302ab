"""Chunks: their hashes, how files are cut into them, and the formats that carry them.

An engine: bytes in, values out. Knows no SQL, no users, no HTTP. Numbers of all formats are
little-endian, and so are the processors this runs on.
"""

from hub_server.chunks.compression import MOST_CHUNK, pack_chunk
from hub_server.chunks.cutting import LEAST_CHUNK, Cutter
from hub_server.chunks.errors import BadHash, BadShard, BadXorb
from hub_server.chunks.hashes import (
    HASH,
    NO_HASH,
    FileHash,
    chunk_hash,
    file_hash,
    from_text,
    is_eligible,
    keyed_hash,
    merkle_root,
    range_hash,
    to_text,
)
from hub_server.chunks.offers import Offer, dedup_shard
from hub_server.chunks.packing import XorbWriter
from hub_server.chunks.shards import (
    MOST_SHARD,
    Shard,
    ShardChunk,
    ShardFile,
    ShardTerm,
    ShardXorb,
    read_shard,
)
from hub_server.chunks.xorbs import (
    MOST_CHUNKS,
    MOST_PACKED,
    MOST_XORB,
    XorbIndex,
    check_xorb,
    unpack,
)

__all__ = [
    "HASH",
    "LEAST_CHUNK",
    "MOST_CHUNK",
    "MOST_CHUNKS",
    "MOST_PACKED",
    "MOST_SHARD",
    "MOST_XORB",
    "NO_HASH",
    "BadHash",
    "BadShard",
    "BadXorb",
    "Cutter",
    "FileHash",
    "Offer",
    "Shard",
    "ShardChunk",
    "ShardFile",
    "ShardTerm",
    "ShardXorb",
    "XorbIndex",
    "XorbWriter",
    "check_xorb",
    "chunk_hash",
    "dedup_shard",
    "file_hash",
    "from_text",
    "is_eligible",
    "keyed_hash",
    "merkle_root",
    "pack_chunk",
    "range_hash",
    "read_shard",
    "to_text",
    "unpack",
]
