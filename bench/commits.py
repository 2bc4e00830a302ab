"""HTTP commits: one file into a repository of 100,000, and fifty committers to one branch."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.git_wire import git, publish
from bench.servers import cpu_seconds, hub
from bench.table import SCALE, Table, middle, timed
from bench.wire import Connection
from tests.support.server import LiveUser

FILES = int(100_000 * SCALE)
COMMITS = 100
COMMITTERS = 50
FOLDER = 1000


def main(table: Table, folder: Path) -> None:
    work = folder / "many"
    _fill(work)
    table.head(f"HTTP commit of one file to {FILES:,}, SQLite and the directory store")
    with hub() as live:
        ada = live.make_user("ada")
        repo = publish(ada, "many", work)
        _one_by_one(table, ada, repo)
        _at_once(table, ada, repo)


def _fill(work: Path) -> None:
    git("init", "-q", "-b", "main", work)
    stream = ["blob\nmark :1\ndata 5\nsame\n\ncommit refs/heads/main\n"]
    stream.append("committer A <a@b> 1600000000 +0000\ndata 1\nx\n")
    stream += [f"M 644 :1 d{n // FOLDER:03}/f{n:06}.txt\n" for n in range(FILES)]
    git("fast-import", "--quiet", cwd=work, given="".join(stream).encode())


def _commit(connection: Connection, repo: str, path: str, text: str) -> int:
    lines = [
        {"key": "header", "value": {"summary": "one file"}},
        {"key": "file", "value": {"path": path, "content": text, "encoding": "utf-8"}},
    ]
    status, _ = connection.call(
        "POST",
        f"/api/models/{repo}/commit/main",
        "Content-Type: application/x-ndjson",
        body="\n".join(map(json.dumps, lines)).encode(),
    )
    return status


def _one_by_one(table: Table, ada: LiveUser, repo: str) -> None:
    assert ada.hub.process
    connection = Connection(ada.hub.url, f"Authorization: Bearer {ada.token}")
    took, busy = [], cpu_seconds(ada.hub.process.pid)
    for number in range(COMMITS + 3):
        path = f"d{number * 7 % max(1, FILES // FOLDER):03}/new{number}.txt"
        took.append(timed(lambda path=path: _commit(connection, repo, path, path)))  # type: ignore[misc]
    connection.close()
    busy = (cpu_seconds(ada.hub.process.pid) - busy) / len(took) * 1000
    took = sorted(took[3:])
    table.figure("p50", middle(took), "ms", target="≤ 25")
    p90 = took[len(took) * 9 // 10]
    table.note(f"p90 {p90:.1f} ms, slowest {took[-1]:.1f} ms; computing {busy:.1f} ms each")


def _at_once(table: Table, ada: LiveUser, repo: str) -> None:
    def one(number: int) -> int:
        connection = Connection(ada.hub.url, f"Authorization: Bearer {ada.token}")
        status = _commit(connection, repo, f"crowd/{number}.txt", str(number))
        connection.close()
        return status

    statuses: list[int] = []
    with ThreadPoolExecutor(COMMITTERS) as pool:
        took = timed(lambda: statuses.extend(pool.map(one, range(COMMITTERS))))
    with ada.client() as client:
        there = len(client.get(f"/api/models/{repo}/tree/main/crowd").json())
    table.figure(f"{COMMITTERS} committers at once, all of them", took, "ms")
    lost = COMMITTERS - min(there, statuses.count(200))
    table.figure("commits lost", lost, "", target="≤ 0")
