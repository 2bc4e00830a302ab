"""Xorbs and files made of them, without a client: cut, packed and kept as the hub itself does."""

import hashlib
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hub_server.blobs import Incoming, Received
from hub_server.chunks import Cutter, XorbIndex, chunk_hash, file_hash, pack_chunk, to_text
from hub_server.chunks.compression import HEADER
from hub_server.chunks.packing import XorbWriter
from hub_server.objects import Claim, ObjectInfo, Objects, StoredXorb, Term
from tests.support.large_files import sha256

CHUNK = 64 * 1024


class HubParts(Protocol):
    """What a xorb is made with; any hub of the tests has it."""

    @property
    def incoming(self) -> Incoming: ...

    @property
    def objects(self) -> Objects: ...


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no packing makes smaller; equal seeds give equal bytes."""
    return random.Random(seed).randbytes(size)


def cut(data: bytes) -> list[bytes]:
    cutter = Cutter()
    return [*cutter.feed(data), *cutter.finish()]


def pieces(data: bytes, size: int = CHUNK) -> list[bytes]:
    """Chunks as no honest client cuts them, which the hub takes all the same."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def packed(hub: HubParts, chunks: Sequence[bytes]) -> tuple[Received, XorbIndex]:
    """A xorb in a file that has arrived, and its index."""
    path = hub.incoming.folder / f"xorb-{secrets.token_hex(8)}"
    with XorbWriter(path) as writer:
        for chunk in chunks:
            assert writer.add(chunk, chunk_hash(chunk)) is not None
        index = writer.finish()
    body = path.read_bytes()
    return Received(path, hashlib.sha256(body).hexdigest(), len(body)), index


def stored_otherwise(chunks: Sequence[bytes]) -> bytes:
    """The same xorb in which nothing is compressed."""
    return b"".join(
        b"\0" + len(each).to_bytes(3, "little") + b"\0" + len(each).to_bytes(3, "little") + each
        for each in chunks
    )


def kept(hub: HubParts, chunks: Sequence[bytes], user: int | None = None) -> StoredXorb:
    return hub.objects.xorbs.keep(*packed(hub, chunks), user)


@dataclass(frozen=True)
class Made:
    """A file that was recorded from its chunks."""

    data: bytes
    info: ObjectInfo
    terms: list[Term]

    @property
    def oid(self) -> str:
        return self.info.sha256


def file_hash_of(chunks: Sequence[bytes]) -> str:
    return to_text(file_hash([(chunk_hash(each), len(each)) for each in chunks]))


def record(hub: HubParts, claim: Claim, terms: Sequence[Term], data: bytes) -> ObjectInfo:
    leaves = [leaf for term in terms for leaf in term.xorb.index.leaves(term.first, term.end)]
    name = to_text(file_hash(leaves))
    return hub.objects.xet_files.record(claim, sha256(data), name, list(terms))


def make_file(
    hub: HubParts, claim: Claim, data: bytes, *, per_xorb: int = 8, size: int = CHUNK
) -> Made:
    """Chunks of `size` bytes, `per_xorb` of them in each xorb, sent by the claim's user."""
    chunks = pieces(data, size)
    terms = []
    for at in range(0, len(chunks), per_xorb):
        xorb = kept(hub, chunks[at : at + per_xorb], claim.user_id)
        terms.append(Term(xorb, 0, xorb.index.count))
    return Made(data, record(hub, claim, terms, data), terms)


__all__ = ["CHUNK", "HEADER", "Made", "cut", "file_hash_of", "kept", "make_file", "noise",
           "pack_chunk", "packed", "pieces", "record", "stored_otherwise"]  # fmt: skip
