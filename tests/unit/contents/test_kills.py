"""What was acknowledged is there after any kill, and nothing is half done."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hub_server import contents
from hub_server.contents import AddFile, CommitRequest
from hub_server.db import Database
from hub_server.git import GitProgram, is_ancestor
from hub_server.gitstore import collect
from tests.support.people import caller
from tests.unit.contents.committer import open_hub, row
from tests.unit.contents.conftest import Place

KILLS = 10
ROOT = Path(__file__).parents[3]


def one_run(folder: Path, repo_id: int, seconds: float) -> list[str]:
    """Start a committer, kill it after so long; the commits it said were done."""
    command = [sys.executable, "-m", "tests.unit.contents.committer", str(folder), str(repo_id)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.kill()
        said = process.stdout.read()
    return [line for line in said.splitlines() if len(line) == 40]


@pytest.mark.git
def test_kills_lose_nothing_that_was_acknowledged(
    sqlite_database: Database, make_place: Callable[[Database], Place], tmp_path: Path
) -> None:
    repo = make_place(sqlite_database).repo()
    chance = random.Random(7)
    acknowledged: list[str] = []
    for _ in range(KILLS):
        acknowledged += one_run(tmp_path, repo.id, chance.uniform(0.02, 0.4))
    assert acknowledged
    hub = open_hub(tmp_path)
    try:
        collect(hub.git, uploading=timedelta(0))
        view = hub.git.open(repo.id)
        head = view.resolve("main").commit
        assert all(is_ancestor(view.objects, each, head) for each in acknowledged)
        program = GitProgram.find("git")
        assert program
        subprocess.run(
            [program.path, "--git-dir", str(view.git_dir), "fsck", "--strict", head],
            check=True, capture_output=True,
        )  # fmt: skip
        with hub.database.read() as session:
            stored = row(session, repo.id)
        assert stored.head == head
        request = CommitRequest("main", [AddFile("after", b"x")], "after")
        assert contents.commit(hub, caller(hub.database, "ada"), stored, request).commit
    finally:
        hub.incoming.close()
        hub.database.dispose()
