"""What the client's own library sends is read, and it reads what the hub writes."""

import hashlib
import json
import random
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hf_xet
import pytest

from hub_server.chunks import (
    Cutter,
    Offer,
    XorbIndex,
    XorbWriter,
    check_xorb,
    chunk_hash,
    dedup_shard,
    file_hash,
    from_text,
    keyed_hash,
    pack_chunk,
    read_shard,
    to_text,
    unpack,
)

pytestmark = [
    pytest.mark.client,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

UPLOAD = """
import sys, hf_xet
hf_xet.upload_files(sys.argv[2:], sys.argv[1], ("token", 2**40), None, None, "model")
"""
DOWNLOAD = """
import sys, hf_xet
url, hash, size, target = sys.argv[1:]
wanted = hf_xet.PyXetDownloadInfo(destination_path=target, hash=hash, file_size=int(size))
hf_xet.download_files([wanted], url, ("token", 2**40), None, None)
"""


def chunks_of(data: bytes) -> list[bytes]:
    cutter = Cutter()
    return [*cutter.feed(data), *cutter.finish()]


def leaves_of(data: bytes) -> list[tuple[bytes, int]]:
    return [(chunk_hash(chunk), len(chunk)) for chunk in chunks_of(data)]


def kinds_of_data() -> dict[str, bytes]:
    rng = random.Random(1)
    return {
        "random": rng.randbytes(1_500_000),
        "zeros": bytes(600_000),
        "words": b"".join(rng.choice([b"all ", b"work ", b"and "]) for _ in range(200_000)),
        "floats": struct.pack("<300000f", *(rng.gauss(0, 1) for _ in range(300_000))),
        "counted": struct.pack("<200001f", *map(float, range(200_001))) + b"odd",
        "tiny": b"hello world",
    }


def test_file_hashes_of_many_sizes(tmp_path: Path) -> None:
    rng = random.Random(7)
    edges = (8191, 8192, 8193, 65536, 131071, 131072, 131073, 262144, 1_048_575, 1_048_577)
    sizes = [1, 2, 63, 64, 65, *edges, *(rng.randrange(1, 3_000_000) for _ in range(25))]
    paths, ours = [], []
    for number, size in enumerate(sizes):
        data = rng.randbytes(size) if number % 3 else rng.randbytes(size // 2) + bytes(size // 3)
        path = tmp_path / f"{number}"
        path.write_bytes(data)
        paths.append(str(path))
        ours.append(to_text(file_hash(leaves_of(data))))
    assert [each.hash for each in hf_xet.hash_files(paths)] == ours


class Store(ThreadingHTTPServer):
    """Takes whatever a client sends, answers with one file; knows nothing of the formats."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.xorbs: dict[str, bytes] = {}
        self.shards: list[bytes] = []
        self.answers: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/v1/xorbs/default/"):
            self.server.xorbs[self.path.rsplit("/", 1)[1]] = body
            self.answer(200, b'{"was_inserted": true}')
        elif self.path == "/v1/shards":
            self.server.shards.append(body)
            self.answer(200, b'{"result": 1}')
        else:
            self.answer(404, b"{}")

    def do_GET(self) -> None:
        if self.path.startswith("/bytes/"):
            start, end = self.headers["Range"].removeprefix("bytes=").split("-")
            xorb = self.server.xorbs[self.path.removeprefix("/bytes/")]
            self.answer(206, xorb[int(start) : int(end) + 1])
        elif self.path in self.server.answers:
            self.answer(200, self.server.answers[self.path])
        else:
            self.answer(404, b"{}")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(script: str, arguments: Sequence[str], home: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={"PATH": "/usr/bin:/bin", "HF_HOME": str(home), "PYTHONPATH": ":".join(sys.path)},
        check=True,
        timeout=90,
    )


def test_what_the_client_uploads_is_read(store: Store, tmp_path: Path) -> None:
    kinds = kinds_of_data()
    for name, data in kinds.items():
        (tmp_path / name).write_bytes(data)
    run(UPLOAD, [store.url, *(str(tmp_path / name) for name in kinds)], tmp_path / "home")
    indexes = {name: check_xorb(data) for name, data in store.xorbs.items()}
    assert {name: to_text(index.xorb_hash()) for name, index in indexes.items()} == {
        name: name for name in indexes
    }
    assert {data[4] for data in _chunks(store.xorbs, indexes)} == {0, 1, 2}
    shards = [read_shard(data) for data in store.shards]
    files = {to_text(file.hash): file for shard in shards for file in shard.files}
    for data in kinds.values():
        file = files[to_text(file_hash(leaves_of(data)))]
        assert file.sha256 == hashlib.sha256(data).hexdigest()
        found = b""
        for term, proof in zip(file.terms, file.range_hashes, strict=True):
            index = indexes[to_text(term.xorb)]
            assert index.range_hash(term.start, term.end) == proof
            assert index.unpacked_size(term.start, term.end) == term.unpacked
            first, length = index.packed_span(term.start, term.end)
            found += b"".join(unpack(store.xorbs[to_text(term.xorb)][first : first + length]))
        assert found == data
    listed = [xorb for shard in shards for xorb in shard.xorbs]
    assert listed
    assert all(xorb.agrees(indexes[to_text(xorb.hash)]) for xorb in listed)


def _chunks(xorbs: dict[str, bytes], indexes: dict[str, XorbIndex]) -> Iterator[bytes]:
    for name, index in indexes.items():
        for number in range(index.count):
            first, length = index.packed_span(number, number + 1)
            yield xorbs[name][first : first + length]


def test_what_the_hub_packs_is_read_by_the_client(store: Store, tmp_path: Path) -> None:
    data = b"".join(kinds_of_data().values())
    chunks = chunks_of(data)
    with XorbWriter(tmp_path / "xorb") as writer:
        for chunk in chunks:
            writer.add(chunk, chunk_hash(chunk))
        index = writer.finish()
    name, file = to_text(index.xorb_hash()), to_text(file_hash(index.leaves()))
    store.xorbs[name] = (tmp_path / "xorb").read_bytes()
    assert {each[4] for each in _chunks(store.xorbs, {name: index})} == {0, 1, 2}
    span = {"start": 0, "end": index.count}
    reconstruction = {
        "offset_into_first_range": 0,
        "terms": [{"hash": name, "unpacked_length": len(data), "range": span}],
        "fetch_info": {
            name: [
                {
                    "range": span,
                    "url": f"{store.url}/bytes/{name}",
                    "url_range": {"start": 0, "end": index.size - 1},
                }
            ]
        },
    }
    store.answers[f"/v1/reconstructions/{file}"] = json.dumps(reconstruction).encode()
    target = tmp_path / "out"
    run(DOWNLOAD, [store.url, file, str(len(data)), str(target)], tmp_path / "home")
    assert target.read_bytes() == data
    assert from_text(name) == index.xorb_hash()


def test_the_client_builds_on_what_it_is_offered(store: Store, tmp_path: Path) -> None:
    data, more = random.Random(3).randbytes(900_000), random.Random(4).randbytes(300_000)
    packed = b"".join(map(pack_chunk, chunks_of(data)))
    index, key, now = check_xorb(packed), bytes(range(32)), int(time.time())
    keyed = [(keyed_hash(raw, key), length) for raw, length in index.leaves()]
    keyed[2] = (b"filler" * 5 + b"..", keyed[2][1])
    offer = Offer(index.xorb_hash(), keyed, index.size)
    answer = dedup_shard([offer], key=key, created=now, expires=now + 3600)
    store.answers[f"/v1/chunks/default/{to_text(index.hash_at(0))}"] = answer
    (tmp_path / "file").write_bytes(data + more)
    run(UPLOAD, [store.url, str(tmp_path / "file")], tmp_path / "home")
    new = sum(check_xorb(xorb).unpacked_size() for xorb in store.xorbs.values())
    assert len(more) <= new < len(more) + 3 * 131072
    (file,) = read_shard(store.shards[-1]).files
    known = [term for term in file.terms if term.xorb == index.xorb_hash()]
    assert sum(term.unpacked for term in known) == len(data + more) - new
    assert all(not term.start <= 2 < term.end for term in known)
    assert to_text(file.hash) == to_text(file_hash(leaves_of(data + more)))
