"""A Xet client that says what a test wants it to say: honest by default, lies where told to."""

import json
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import httpx

from hub_server.chunks import (
    Cutter,
    chunk_hash,
    file_hash,
    from_text,
    merkle_root,
    range_hash,
    to_text,
    unpack,
)
from tests.support.transfers import commit

TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
BOOKEND = b"\xff" * 32 + bytes(16)
VERIFIED, WITH_SHA256, ELIGIBLE = 1 << 31, 1 << 30, 1 << 31


def cut(data: bytes) -> list[bytes]:
    cutter = Cutter()
    return [*cutter.feed(data), *cutter.finish()]


@dataclass(frozen=True)
class Xorb:
    """Chunks, stored as they are."""

    chunks: tuple[bytes, ...]

    @classmethod
    def of(cls, data: bytes) -> "Xorb":
        return cls(tuple(cut(data)))

    @property
    def leaves(self) -> list[tuple[bytes, int]]:
        return [(chunk_hash(chunk), len(chunk)) for chunk in self.chunks]

    @property
    def raw(self) -> bytes:
        return merkle_root(self.leaves)

    @property
    def name(self) -> str:
        return to_text(self.raw)

    @property
    def body(self) -> bytes:
        return b"".join(
            b"\0" + len(each).to_bytes(3, "little") + b"\0" + len(each).to_bytes(3, "little") + each
            for each in self.chunks
        )

    def record(self) -> bytes:
        """Its block in a shard."""
        total = sum(map(len, self.chunks))
        rows = [struct.pack("<32s4I", self.raw, 0, len(self.chunks), total, 0)]
        offset = 0
        for hash, length in self.leaves:
            rows.append(struct.pack("<32s4I", hash, offset, length, 0, 0))
            offset += length
        return b"".join(rows)


@dataclass(frozen=True)
class Term:
    """Chunks `start` to `end` of a xorb; what it says of them can be set apart."""

    xorb: Xorb
    start: int
    end: int
    unpacked: int | None = None
    proof: bytes | None = None

    @property
    def leaves(self) -> list[tuple[bytes, int]]:
        return self.xorb.leaves[self.start : self.end]

    def record(self) -> bytes:
        size = sum(length for _, length in self.leaves) if self.unpacked is None else self.unpacked
        return struct.pack("<32s4I", self.xorb.raw, 0, size, self.start, self.end)

    def verification(self) -> bytes:
        proof = self.proof or range_hash(b"".join(hash for hash, _ in self.leaves))
        return struct.pack("<32s16x", proof)


@dataclass(frozen=True)
class File:
    """A file of a shard; None leaves a record out."""

    terms: tuple[Term, ...]
    raw: bytes
    sha256: str | None
    verified: bool = True

    @classmethod
    def of(cls, *terms: Term) -> "File":
        data = b"".join(b"".join(t.xorb.chunks[t.start : t.end]) for t in terms)
        leaves = [leaf for term in terms for leaf in term.leaves]
        return cls(terms, file_hash(leaves), sha256(data).hexdigest())

    @property
    def name(self) -> str:
        return to_text(self.raw)

    def record(self) -> bytes:
        flags = (VERIFIED if self.verified else 0) | (WITH_SHA256 if self.sha256 else 0)
        rows = [struct.pack("<32s2I8x", self.raw, flags, len(self.terms))]
        rows += [term.record() for term in self.terms]
        rows += [term.verification() for term in self.terms] if self.verified else []
        rows += [struct.pack("<32s16x", from_text(self.sha256))] if self.sha256 else []
        return b"".join(rows)


def shard(files: Iterable[File] = (), xorbs: Iterable[Xorb] = ()) -> bytes:
    head = struct.pack("<32s2Q", TAG, 2, 0)
    rows = [each.record() for each in files]
    return b"".join([head, *rows, BOOKEND, *(each.record() for each in xorbs), BOOKEND])


@dataclass(frozen=True)
class Sent:
    """One file that is one xorb."""

    data: bytes
    xorb: Xorb
    file: File

    @classmethod
    def of(cls, data: bytes) -> "Sent":
        xorb = Xorb.of(data)
        return cls(data, xorb, File.of(Term(xorb, 0, len(xorb.chunks))))

    @classmethod
    def fresh(cls, size: int = 200_000) -> "Sent":
        """What nobody has sent before."""
        return cls.of(os.urandom(size))

    def shard(self, **lies: Any) -> bytes:
        return shard([replace(self.file, **lies)], [self.xorb])


@dataclass
class XetClient:
    """Speaks for one user (an HTTP client with their token) and one repository: `models/a/b`."""

    client: httpx.Client
    repo: str
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    def token(self, scope: str = "write", revision: str = "main", query: str = "") -> Any:
        answer = self.client.get(f"/api/{self.repo}/xet-{scope}-token/{revision}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def call(
        self, method: str, path: str, *, scope: str = "write", token: Any = None, **more: Any
    ) -> httpx.Response:
        """A call of the chunk store, with a token of this repository unless another is given."""
        if token is None:
            token = self.tokens.get(scope) or self.tokens.setdefault(scope, self.token(scope))
        headers = {"authorization": f"Bearer {token['accessToken']}", **more.pop("headers", {})}
        return self.client.request(method, token["casUrl"] + path, headers=headers, **more)

    def put_xorb(self, xorb: Xorb, **more: Any) -> httpx.Response:
        body = more.pop("body", xorb.body)
        return self.call("POST", f"/v1/xorbs/default/{xorb.name}", content=body, **more)

    def put_shard(self, body: bytes, *, version: int = 1, **more: Any) -> httpx.Response:
        return self.call("POST", f"/v{version}/shards", content=body, **more)

    def put(self, sent: Sent, path: str = "data.bin") -> None:
        """Xorb, shard and commit."""
        assert self.put_xorb(sent.xorb).is_success
        answer = self.put_shard(sent.shard())
        assert answer.is_success, answer.text
        assert self.commit(sent, path).is_success

    def commit(self, sent: Sent, path: str = "data.bin") -> httpx.Response:
        value = {"path": path, "algo": "sha256", "oid": sent.file.sha256, "size": len(sent.data)}
        return commit(self.client, self.repo, {"key": "lfsFile", "value": value})

    def reconstruction(
        self, file: str, asked: str | None = None, *, version: int = 2, **more: Any
    ) -> httpx.Response:
        headers = {"range": asked} if asked else {}
        path = f"/v{version}/reconstructions/{file}"
        return self.call("GET", path, scope="read", headers=headers, **more)

    def read_status(self, sent: Sent) -> int:
        return self.reconstruction(sent.file.name).status_code

    def fetch(self, url: str, first: int, last: int, **headers: str) -> httpx.Response:
        """As clients do: no token, and exactly the range."""
        asked = {"range": f"bytes={first}-{last}", **headers}
        return httpx.get(url, headers=asked, trust_env=False, follow_redirects=True)

    def read(self, file: str, first: int = 0, last: int | None = None) -> bytes:
        """The bytes of a file by way of its reconstruction."""
        asked = f"bytes={first}-{'' if last is None else last}"
        answer = self.reconstruction(file, asked)
        assert answer.status_code == 200, answer.text
        plan = answer.json()
        found = {xorb: self._fetched(entries) for xorb, entries in plan["xorbs"].items()}
        pieces = [
            found[term["hash"]][number]
            for term in plan["terms"]
            for number in range(term["range"]["start"], term["range"]["end"])
        ]
        data = b"".join(pieces)
        assert len(data) == sum(term["unpacked_length"] for term in plan["terms"])
        skipped = plan["offset_into_first_range"]
        return data[skipped:] if last is None else data[skipped:][: last - first + 1]

    def _fetched(self, entries: Sequence[Any]) -> dict[int, bytes]:
        chunks: dict[int, bytes] = {}
        for entry in entries:
            (span,) = entry["ranges"]
            answer = self.fetch(entry["url"], span["bytes"]["start"], span["bytes"]["end"])
            assert answer.status_code == 206, answer.text
            unpacked = [bytes(chunk) for chunk in unpack(answer.content)]
            numbers = range(span["chunks"]["start"], span["chunks"]["end"])
            chunks |= dict(zip(numbers, unpacked, strict=True))
        return chunks


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]
