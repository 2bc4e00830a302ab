"""300 pushes, then clone, fetch and commit before and after their packs became one.

"reference" is the hub before, "ours" the same hub after. Clones are of a new tip each time, so
that none is answered from a stored response.
"""

import json
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.git_wire import git
from bench.servers import BenchHub, hub
from bench.table import ROUNDS, SCALE, Table, least, middle, timed
from bench.wire import Connection
from tests.support.server import LiveUser

PUSHES = max(20, int(300 * SCALE))
COMMITS = 20
SETTINGS = {"HUB_MAX_PACKS": "10000"}

Times = dict[str, float]


def main(table: Table | None = None, folder: Path | None = None) -> None:
    """Alone, or as a part of `python -m bench`."""
    table = table or Table()
    if folder is not None:
        _measure(table, folder)
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        _measure(table, Path(name))


def _measure(table: Table, folder: Path) -> None:
    with hub(**SETTINGS) as live:
        ada = live.make_user("ada")
        repo = ada.make_repo("many")
        took = [_push(ada, repo, folder / "work", number) for number in range(PUSHES)]
        table.head(f"After {PUSHES} pushes ({_packs(live)}) and their repack: after | before")
        table.note(f"a push: first 20 {middle(took[:20]):.0f} ms, last 20 {middle(took[-20:]):.0f}")
        for program, words in (("git", "with git"), ("", "without")):
            _in_one_mode(table, live, program, words, folder)


def _in_one_mode(table: Table, many: BenchHub, program: str, words: str, folder: Path) -> None:
    """On a copy of the hub, with or without the git program."""
    data = folder / f"copy-{program}"
    many.close()
    shutil.copytree(many.data_dir, data)
    many.start()
    copy = BenchHub(data, {**SETTINGS, "HUB_LOG_LEVEL": "warning", "HUB_GIT_BINARY": program})
    copy.start()
    try:
        ada = LiveUser(copy, "ada", copy.command("token", "create", "ada", "--role", "write"), "")
        before = _times(ada, folder / f"before-{program}")
        packs = _packs(copy)
        seconds = time.perf_counter()
        said = copy.command("repack", "--repo", "model/ada/many", "--full").split()
        seconds = time.perf_counter() - seconds
        after = _times(ada, folder / f"after-{program}")
    finally:
        copy.close()
    for what, value in after.items():
        target = "≤ 1.2" if what.startswith("commit") else "≤ 1.1"
        table.compare(f"{what}, {words}", value, before[what], "ms", target=target)
    table.note(f"{packs} became {said[1]} of {int(said[2]):,} bytes in {seconds:.1f} s")


def _times(ada: LiveUser, folder: Path) -> Times:
    folder.mkdir()
    url, repo = ada.git_url("ada/many"), "ada/many"
    clones, fetches, commits = [], [], []
    for number in range(ROUNDS):
        behind = folder / f"behind{number}"
        clones.append(timed(lambda path=behind: git("clone", "-q", "--bare", url, path)))  # type: ignore[misc]
        commits += [_commit(ada, repo, number * COMMITS + turn) for turn in range(COMMITS)]
        fetches.append(timed(lambda path=behind: git("fetch", "-q", url, "main", cwd=path)))  # type: ignore[misc]
    return {
        "clone": least(clones),
        f"fetch of {COMMITS} commits": least(fetches),
        "commit over HTTP, p50": middle(commits),
        "ls-remote": least([timed(lambda: git("ls-remote", url)) for _ in range(ROUNDS)]),
    }


def _push(ada: LiveUser, repo: str, work: Path, number: int) -> float:
    if number == 0:
        git("clone", "-q", ada.git_url(repo), work)
    path = work / f"d{number % 10}" / f"f{number % 60}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"line {number}\n" * 200)
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", f"push {number}", cwd=work)
    return timed(lambda: git("push", "-q", "origin", "HEAD:main", cwd=work))


def _commit(ada: LiveUser, repo: str, number: int) -> float:
    lines = [
        {"key": "header", "value": {"summary": "one file"}},
        {"key": "file", "value": {"path": f"sent/{number}", "content": f"{time.time()}"}},
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    connection = Connection(ada.hub.url, f"Authorization: Bearer {ada.token}")
    kind = "Content-Type: application/x-ndjson"
    path = f"/api/models/{repo}/commit/main"
    took = timed(lambda: connection.call("POST", path, kind, body=body))
    connection.close()
    return took


def _packs(live: BenchHub) -> str:
    with closing(sqlite3.connect(live.data_dir / "hub.db")) as database:
        count, size = database.execute(
            "SELECT count(*), sum(size) FROM pack WHERE state = 'live'"
        ).fetchone()
    return f"{count} packs of {size:,} bytes"


if __name__ == "__main__":
    main()
