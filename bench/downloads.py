"""Small files: HEAD resolve beside an empty route, and `snapshot_download` of 1,000 of them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.served import EMPTY, STATEMENTS
from bench.servers import BenchHub, cpu_seconds, hub, python
from bench.table import SCALE, Table, in_turns, middle, timed
from bench.wire import Connection, rate
from tests.support.server import LiveUser

FILES = int(1000 * SCALE)
SECONDS = 2.0
SNAPSHOT = """
import os, sys, time
from huggingface_hub import snapshot_download
start = time.perf_counter()
snapshot_download("{repo}", max_workers=8)
print(time.perf_counter() - start, sum(os.times()[:2]))
"""


def main(table: Table, folder: Path) -> None:
    with hub() as live:
        ada = live.make_user("ada")
        repo = ada.make_repo("small")
        _fill(ada, repo)
        table.head("HEAD resolve, beside an empty route of the same app (answers a second)")
        _resolve(table, live, repo)
        table.head(f"{FILES:,} small files")
        _snapshot(table, live, repo, folder)


def _fill(ada: LiveUser, repo: str) -> None:
    lines = [{"key": "header", "value": {"summary": "files"}}]
    for number in range(FILES):
        value = {"path": f"d{number % 20}/{number}.json", "content": f'{{"number": {number}}}\n'}
        lines.append({"key": "file", "value": {**value, "encoding": "utf-8"}})
    with ada.client() as client:
        answer = client.post(
            f"/api/models/{repo}/commit/main",
            content="\n".join(map(json.dumps, lines)),
            headers={"Content-Type": "application/x-ndjson"},
        )
    if answer.status_code != 200:
        raise RuntimeError(answer.text)


def _resolve(table: Table, live: BenchHub, repo: str) -> None:
    heads = [("HEAD", f"/{repo}/resolve/main/d{n % 20}/{n}.json") for n in range(min(FILES, 200))]
    empty = [("HEAD", EMPTY)]
    rate(live.url, heads, clients=1, seconds=1)
    for clients, target in ((1, "≥ 0.3"), (8, "≥ 0.15")):
        ours, theirs = in_turns(
            lambda _, clients=clients: rate(live.url, heads, clients=clients, seconds=SECONDS),  # type: ignore[misc]
            lambda _, clients=clients: rate(live.url, empty, clients=clients, seconds=SECONDS),  # type: ignore[misc]
        )
        what = f"{clients} client{'s' if clients > 1 else ''}"
        table.compare(what, middle(ours), middle(theirs), "/s", target=target)
    before = _statements(live)
    one = Connection(live.url)
    one.send(*heads[0])
    one.head()
    one.close()
    after = _statements(live)
    table.figure("SQL statements of one", after - before, "", target="≤ 2")


def _statements(live: BenchHub) -> int:
    with live.client() as client:
        return int(client.get(STATEMENTS).text)


def _snapshot(table: Table, live: BenchHub, repo: str, folder: Path) -> None:
    busy = cpu_seconds(live.pid)
    done = python(
        SNAPSHOT.format(repo=repo),
        HF_ENDPOINT=live.url,
        HF_HOME=str(folder / "hf"),
        HF_HUB_DISABLE_XET="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_HUB_DISABLE_TELEMETRY="1",
    )
    took, client = map(float, done.stdout.split())
    served = cpu_seconds(live.pid) - busy
    plain = timed(lambda: _plainly(live, repo))
    table.compare("snapshot_download, 8 workers; HEAD + GET plainly", took * 1000, plain, "ms")
    table.note(
        f"{took / FILES * 1000:.1f} ms a file; computing: client {client:.1f} s, server "
        f"{served:.1f} s of {took:.1f} s: {'the client' if client > served else 'the server'} "
        "bounds it"
    )


def _plainly(live: BenchHub, repo: str) -> None:
    """The same requests on 8 connections that cost next to nothing."""

    def some(first: int) -> None:
        connection = Connection(live.url)
        for number in range(first, FILES, 8):
            path = f"/{repo}/resolve/main/d{number % 20}/{number}.json"
            connection.send("HEAD", path)
            connection.head()
            connection.send("GET", path)
            connection.body()
        connection.close()

    begin = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))
    if time.perf_counter() - begin <= 0:
        raise RuntimeError("the clock stands still")
