"""LFS files over the hub, from and to the directory store: speed, and memory for one of 5 GB."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.servers import BenchHub, forget_peak, hub, memory, nginx
from bench.table import ROUNDS, SCALE, Table, in_turns, least, timed
from bench.wire import BUFFER, Connection
from tests.support.server import LiveUser

SIZE = int(512 * 1024 * 1024 * SCALE)
HUGE = int(5_000_000_000 * SCALE)
LFS = "application/vnd.git-lfs+json"


def main(table: Table, folder: Path) -> None:
    table.head(f"LFS files of {SIZE >> 20} MB, directory store")
    with hub() as live, nginx(folder, blobs=live.data_dir / "blobs") as reference:
        ada = live.make_user("ada")
        repo = ada.make_repo("large")
        oid = _uploads(table, ada, repo, folder)
        commit(ada, repo, oid, SIZE)
        _downloads(table, live, repo, oid, reference)
        _memory(table, live, ada, repo, folder)


def _uploads(table: Table, ada: LiveUser, repo: str, folder: Path) -> str:
    """Beside writing and hashing the same bytes in one process, on the same file system."""
    source, copy = folder / "source", ada.hub.data_dir / "copy"
    oids = []

    def ours(number: int) -> float:
        oids.append(fill(source, SIZE, number))
        path, *headers = upload_address(ada, repo, oids[-1], SIZE)
        connection = Connection(ada.hub.url)
        took = timed(lambda: expect(connection.put_file(path, source, *headers)))
        connection.close()
        return took

    def theirs(number: int) -> float:
        fill(source, SIZE, 1000 + number)
        took = timed(lambda: _write_and_hash(source, copy))
        copy.unlink()
        return took

    own, other = in_turns(ours, theirs, rounds=ROUNDS + 2)
    table.compare("upload, speed", _speed(own), _speed(other), "MB/s", target="≥ 0.7")
    return oids[-1]


def _downloads(table: Table, live: BenchHub, repo: str, oid: str, reference: str) -> None:
    (stored,) = [path for path in (live.data_dir / "blobs").rglob(f"{oid}*") if path.is_file()]
    below = stored.relative_to(live.data_dir / "blobs")

    def get(base: str, path: str) -> float:
        connection = Connection(base)
        connection.send("GET", path)
        took = timed(lambda: _whole(connection))
        connection.close()
        return took

    own, other = in_turns(
        lambda _: get(live.url, f"/{repo}/resolve/main/model.bin"),
        lambda _: get(reference, f"/blobs/{below}"),
        rounds=ROUNDS + 2,
    )
    table.compare("download, speed", _speed(own), _speed(other), "MB/s", target="≥ 0.9")


def _memory(table: Table, live: BenchHub, ada: LiveUser, repo: str, folder: Path) -> None:
    source = folder / "huge"
    oid = fill(source, HUGE, 7)
    path, *headers = upload_address(ada, repo, oid, HUGE)
    size = f"{HUGE / 1e9:.1f} GB"
    before = memory(live.pid)
    forget_peak(live.pid)
    connection = Connection(live.url)
    took = timed(lambda: expect(connection.put_file(path, source, *headers)))
    grown = (memory(live.pid, "VmHWM") - before) / 1e6
    table.figure(f"memory growth, upload of {size}", grown, "MB", target="≤ 50")
    table.note(f"{HUGE / took / 1000:,.0f} MB/s")
    source.unlink()
    commit(ada, repo, oid, HUGE)
    before = memory(live.pid)
    forget_peak(live.pid)
    connection.send("GET", f"/{repo}/resolve/main/model.bin")
    took = timed(lambda: expect(connection.body()[0]))
    grown = (memory(live.pid, "VmHWM") - before) / 1e6
    table.figure(f"memory growth, download of {size}", grown, "MB", target="≤ 50")
    table.note(f"{HUGE / took / 1000:,.0f} MB/s")
    connection.close()


def upload_address(ada: LiveUser, repo: str, oid: str, size: int) -> list[str]:
    """Path with query, then the headers to send."""
    body = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": size}]}
    connection = Connection(ada.hub.url, f"Authorization: Bearer {ada.token}")
    status, answer = connection.call(
        "POST",
        f"/{repo}.git/info/lfs/objects/batch",
        f"Content-Type: {LFS}",
        body=json.dumps(body).encode(),
    )
    connection.close()
    if isinstance(answer, bytes):
        answer = json.loads(answer)
    expect(status)
    action = answer["objects"][0]["actions"]["upload"]
    parts = urlsplit(action["href"])
    headers = [f"{name}: {value}" for name, value in action.get("header", {}).items()]
    return [f"{parts.path}?{parts.query}" if parts.query else parts.path, *headers]


def commit(ada: LiveUser, repo: str, oid: str, size: int) -> None:
    value = {"path": "model.bin", "algo": "sha256", "oid": oid, "size": size}
    lines = [
        {"key": "header", "value": {"summary": "weights"}},
        {"key": "lfsFile", "value": value},
    ]
    with ada.client() as client:
        answer = client.post(
            f"/api/models/{repo}/commit/main",
            content="\n".join(map(json.dumps, lines)),
            headers={"Content-Type": "application/x-ndjson"},
        )
    if answer.status_code != 200:
        raise RuntimeError(answer.text)


def fill(path: Path, size: int, number: int) -> str:
    """Random bytes, other ones for each number; their sha256. In the page cache afterwards."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in chunks(size, number):
            digest.update(chunk)
            file.write(chunk)
        os.fsync(file.fileno())
    return digest.hexdigest()


def chunks(size: int, number: int) -> Iterator[bytes]:
    block = os.urandom(BUFFER - 16)
    for place in range(0, size, BUFFER):
        yield (number.to_bytes(8) + place.to_bytes(8) + block)[: size - place]


def _write_and_hash(source: Path, target: Path) -> None:
    digest, space = hashlib.sha256(), memoryview(bytearray(BUFFER))
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while count := reading.readinto(space):
            digest.update(space[:count])
            writing.write(space[:count])
        os.fsync(writing.fileno())


def _whole(connection: Connection) -> None:
    status, length = connection.body()
    expect(status)
    if length != SIZE:
        raise RuntimeError(f"{length} bytes of {SIZE}")


def expect(status: int) -> None:
    if status not in (200, 201):
        raise RuntimeError(f"the hub answered {status}")


def _speed(milliseconds: list[float]) -> float:
    return SIZE / least(milliseconds) / 1000
