"""Repositories with very many refs or files, by the stock client."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import rawgit
from tests.support.gitclient import GitClient
from tests.support.server import LiveUser

SCALE = float(os.environ.get("SOAK_SCALE", "1"))
REFS = [10_000, pytest.param(int(100_000 * SCALE), marks=pytest.mark.soak)]
FILES = [10_000, pytest.param(int(100_000 * SCALE), marks=pytest.mark.soak)]

pytestmark = pytest.mark.git

Timed = Callable[[str], None]


@pytest.fixture
def lap() -> Timed:
    """Prints how long it took since the last call, for `-s`."""
    last = time.monotonic()

    def show(what: str) -> None:
        nonlocal last
        now = time.monotonic()
        print(f"{what}: {now - last:.2f} s")
        last = now

    return show


def filled(git: GitClient, work: Path, stream: list[str]) -> None:
    git("fast-import", "--quiet", "--force", cwd=work, given="".join(stream).encode())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", REFS)
def test_refs(ada: LiveUser, git: GitClient, lap: Timed, number: int):
    """They are pushed by hand: the client alone needs minutes of computing for 10,000."""
    repo = ada.make_repo()
    url = ada.git_url(repo)
    tip = git.remote_refs(url)["refs/heads/main"]
    lines = [f"{rawgit.NULL} {tip} refs/tags/t/{n:06}" for n in range(number)]
    body = rawgit.commands(lines) + rawgit.pack([])
    lap("made")
    with ada.client(timeout=300) as client:
        report = client.post(f"/{repo}/git-receive-pack", content=body).content
    assert report.count(b"ok refs/tags/t/") == number
    lap("pushed")
    assert len(git.remote_refs(url)) == number + 2
    lap("listed")
    assert git.remote_refs(url, f"refs/tags/t/{number - 1:06}")
    lap("one looked up")
    single = git.clone(url, "single", "--single-branch", "--no-tags")
    lap("one branch cloned")
    git.commit(single)
    git("push", "-q", "origin", "HEAD:main", cwd=single)
    lap("a commit pushed")
    mirror = git.clone(url, "mirror", "--mirror")
    assert len((mirror / "packed-refs").read_text().splitlines()) >= number
    lap("mirrored")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", FILES)
def test_files(ada: LiveUser, git: GitClient, lap: Timed, number: int):
    repo = ada.make_repo()
    url = ada.git_url(repo)
    work = git.clone(url, "work")
    stream = ["blob\nmark :1\ndata 5\nsame\n\n", "commit refs/heads/many\n"]
    stream.append("committer Ada <ada@example.org> 1700000000 +0000\ndata 4\nmany\n")
    stream.append("from refs/heads/main^0\n")
    stream += [f"M 100644 :1 d{n // 1000:03}/f{n:06}.txt\n" for n in range(number)]
    filled(git, work, stream)
    lap("made")
    git("push", "-q", "origin", "many:main", cwd=work)
    lap("pushed")
    again = git.clone(url, "again")
    lap("cloned")
    listed = git("ls-tree", "-r", "--name-only", "HEAD", cwd=again).splitlines()
    assert len(listed) == number + 1
    lines = '{"key":"header","value":{"summary":"one more"}}\n'
    lines += '{"key":"file","value":{"path":"d000/new.txt","content":"n","encoding":"utf-8"}}\n'
    with ada.client() as client:
        kind = {"Content-Type": "application/x-ndjson"}
        answer = client.post(f"/api/models/{repo}/commit/main", content=lines, headers=kind)
        assert answer.status_code == 200, answer.text
        lap("committed over HTTP")
        page = client.get(f"/api/models/{repo}/tree/main/d000")
        assert len(page.json()) == min(number, 1000) + 1 or "Link" in page.headers
        lap("a folder listed")
    git("pull", "-q", "--ff-only", cwd=again)
    assert (again / "d000/new.txt").read_text() == "n"
    lap("pulled")
