"""A hub with very many pushes: stock git clones, fetches and pushes while packs become few.

The full size, 300, by `make soak`; the times before and after by `python -m bench repack`.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser
from tests.unit.gitstore.packsets import meanwhile

SCALE = float(os.environ.get("SOAK_SCALE", "1"))
PUSHES = [16, pytest.param(int(300 * SCALE), marks=pytest.mark.soak)]
BOUND = 8
PAUSE = 0.3

pytestmark = pytest.mark.git


def live_packs(hub: LiveHub) -> int:
    """Of all repositories."""
    count = "SELECT count(*) FROM pack WHERE state = 'live'"
    with closing(sqlite3.connect(hub.data_dir / "hub.db")) as database:
        return int(database.execute(count).fetchone()[0])


def commit(user: LiveUser, repo: str, path: str, text: str) -> str:
    """Over HTTP; the commit's id."""
    lines = [
        {"key": "header", "value": {"summary": path}},
        {"key": "file", "value": {"path": path, "content": text, "encoding": "utf-8"}},
    ]
    with user.client() as client:
        answer = client.post(
            f"/api/models/{repo}/commit/main",
            content="\n".join(map(json.dumps, lines)),
            headers={"Content-Type": "application/x-ndjson"},
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["commitOid"])


class People:
    """Who pushes, commits, clones and fetches, each in a loop of their own."""

    def __init__(self, user: LiveUser, repo: str, git: GitClient) -> None:
        self.user, self.repo, self.git = user, repo, git
        self.url = user.git_url(repo)
        self.landed: list[str] = []
        self.working = git.clone(self.url, "working")
        self.following = git.clone(self.url, "following")
        self.clones = 0

    def push(self) -> None:
        number = len(self.landed)
        new = self.git.commit(self.working, {f"pushed/{number % 7}": f"{number}\n" * 40})
        self.git("push", "-q", "origin", "HEAD:side", cwd=self.working)
        self.landed.append(new)

    def commit(self) -> None:
        number = len(self.landed)
        self.landed.append(commit(self.user, self.repo, f"sent/{number % 7}", f"{number}"))

    def clone(self) -> None:
        self.clones += 1
        clone = self.git.clone(self.url, f"clone{self.clones}", "--bare")
        self.git("fsck", "--strict", "--no-dangling", cwd=clone)
        time.sleep(PAUSE)

    def fetch(self) -> None:
        self.git("fetch", "-q", "origin", cwd=self.following)
        time.sleep(PAUSE)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pushes", PUSHES)
def test_nobody_notices(make_hub: Callable[..., LiveHub], git: GitClient, pushes: int) -> None:
    hub = make_hub(HUB_MAX_PACKS=str(BOUND))
    ada = hub.make_user("ada")
    repo = ada.make_repo()
    people = People(ada, repo, git)
    with meanwhile(people.clone, people.fetch) as turns:
        while len(people.landed) < pushes:
            people.push()
            people.commit()
            if len(people.landed) % 8 == 0:
                hub.command("repack", "--repo", f"model/{repo}", "--full")
    assert min(turns) > 1
    for number in range(BOUND):
        commit(ada, repo, f"last{number}", "x")
    deadline = time.monotonic() + 60
    while live_packs(hub) > BOUND:
        assert time.monotonic() < deadline, "the job makes them few by itself"
        time.sleep(0.5)
    whole = git.clone(people.url, "whole", "--mirror")
    git("fsck", "--full", "--strict", cwd=whole)
    known = set(git("rev-list", "--all", cwd=whole).split())
    assert set(people.landed) <= known
    people.fetch()


def test_commands_beside_a_running_server(
    make_hub: Callable[..., LiveHub], git: GitClient, tmp_path: Path
) -> None:
    hub = make_hub(HUB_PRUNE_GRACE="0")
    ada = hub.make_user("ada")
    repo = ada.make_repo()
    name = f"model/{repo}"
    work = git.clone(ada.git_url(repo), "work")
    kept = commit(ada, repo, "a", "1")
    lost = commit(ada, repo, "a", "2")
    with ada.client() as client:
        assert client.get(f"/{repo}/resolve/{lost}/a").text == "2"
        assert hub.command("repack", "--all").split()[:2] == ["3", "1"]
        assert hub.command("repack", "--repo", name).split()[:2] == ["1", "1"]
        git("fetch", "-q", cwd=work)
        git("push", "-q", "--force", "origin", f"{kept}:main", cwd=work)
        assert hub.command("prune", "--repo", name).split()[:2] == ["unreached", "0"]
        counted = hub.command("prune", "--repo", name, "--now", "--dry-run").split()
        assert counted[:2] == ["unreached", "3"]
        assert client.get(f"/{repo}/resolve/{lost}/a").text == "2"
        assert hub.command("prune", "--repo", name, "--now").split() == ["deleted", *counted[1:]]
        assert client.get(f"/{repo}/resolve/{lost}/a").status_code == 404
        assert client.get(f"/{repo}/resolve/main/a").text == "1"
    again = git.clone(ada.git_url(repo), "again")
    git("fsck", "--strict", cwd=again)
    assert git.run("fetch", "-q", "origin", lost, cwd=again).code != 0
    git("reset", "-q", "--hard", lost, cwd=work)
    git("push", "-q", "origin", "HEAD:side", cwd=work)
    git("fetch", "-q", "origin", lost, cwd=again)
    assert git("show", f"{lost}:a", cwd=again) == "2"


def test_commands_say_what_is_wrong(make_hub: Callable[..., LiveHub]) -> None:
    hub = make_hub()
    for words, sentence in (
        (("repack",), "Give either --repo or --all."),
        (("repack", "--repo", "model/nobody/nothing"), "Repository not found"),
        (("prune", "--repo", "nothing"), "is not a name such as model/ada/tiny"),
        (("prune", "--repo", "model/a/b", "--now", "--step"), "Give either --step or --now."),
    ):
        with pytest.raises(AssertionError, match=sentence):
            hub.command(*words)
