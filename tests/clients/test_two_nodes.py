"""Two nodes behind the shipped nginx, below a path: what one is told the other knows.

PostgreSQL and a directory that both see; nginx sends the large files itself.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.nginx import StartNginx
from tests.support.server import LiveHub

pytestmark = [pytest.mark.nginx, pytest.mark.postgres, pytest.mark.git, pytest.mark.client]

CLIENT = """
import os, pathlib
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
hub, repo, big = HfApi(), "ada/by-python", os.urandom(3_000_000)
hub.create_repo(repo, private=True)
hub.upload_file(path_or_fileobj=b"# Tiny\\n", path_in_repo="README.md", repo_id=repo)
hub.create_branch(repo, branch="a/b")
hub.upload_file(path_or_fileobj=big, path_in_repo="a dir/model.bin", repo_id=repo, revision="a/b")
assert {b.name for b in hub.list_repo_refs(repo).branches} == {"main", "a/b"}
there = hf_hub_download(repo, "a dir/model.bin", revision="a/b")
assert pathlib.Path(there).read_bytes() == big
names = sorted(path.name for path in pathlib.Path(snapshot_download(repo)).iterdir())
assert names == [".gitattributes", "README.md"]
assert hub.file_exists(repo, "a dir/model.bin", revision="a/b")
assert not hub.file_exists(repo, "a dir/model.bin")
"""

LARGE = """
import os
from huggingface_hub import HfApi
hub = HfApi()
hub.create_repo("ada/private", private=True)
hub.upload_file(path_or_fileobj="model.bin", path_in_repo="model.bin", repo_id="ada/private")
"""


@dataclass(frozen=True)
class Team:
    """`url` is what people use."""

    url: str
    nodes: tuple[LiveHub, LiveHub]
    token: str

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            trust_env=False,
        )


@pytest.fixture
def team(tmp_path: Path, start_nginx: StartNginx, postgres_url: str) -> Iterator[Team]:
    blobs = tmp_path / "blobs"
    nodes = (LiveHub(tmp_path / "node1"), LiveHub(tmp_path / "node2"))
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    url = start_nginx(addresses, blobs=blobs, prefix="/hub") + "/hub"
    shared = {
        "HUB_DATABASE_URL": postgres_url,
        "HUB_BLOBS": f"file://{blobs}",
        "HUB_SECRET_KEY": secrets.token_hex(24),
        "HUB_PUBLIC_URL": url,
        "HUB_TRUSTED_PROXIES": "127.0.0.1",
        "HUB_XACCEL": "/-/xaccel/",
    }
    for node in nodes:
        node.settings = shared
    try:
        for node in nodes:
            node.start()
        yield Team(url, nodes, nodes[0].make_user("ada").token)
    finally:
        for node in nodes:
            node.close()


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """The stock client, without anybody's configuration."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }

    def run(*words: str | Path) -> str:
        done = subprocess.run(
            ["git", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("lfs", "install", "--skip-repo")
    return run


def test_what_is_pushed_through_one_node_is_cloned_through_the_other(
    team: Team, git: Callable[..., str], tmp_path: Path
) -> None:
    with team.client() as client:
        assert client.post("/api/repos/create", json={"name": "tiny"}).status_code == 200
    remote = team.url.replace("http://", f"http://ada:{team.token}@") + "/ada/tiny"
    weights = secrets.token_bytes(12_000_000)
    git("clone", remote, "first")
    (tmp_path / "first" / "model.safetensors").write_bytes(weights)
    (tmp_path / "first" / "README.md").write_text("# Tiny\n")
    git("-C", "first", "lfs", "track", "*.safetensors")
    git("-C", "first", "add", ".")
    git("-C", "first", "commit", "-m", "first weights")
    git("-C", "first", "push", "origin", "HEAD:main")
    for node in team.nodes:  # each by itself, so that none lives on what it cached
        direct = f"http://ada:{team.token}@127.0.0.1:{node.port}/ada/tiny"
        assert "refs/heads/main" in git("ls-remote", direct)
    git("clone", remote, "second")
    assert (tmp_path / "second" / "model.safetensors").read_bytes() == weights


def test_the_python_client_works_below_a_path(team: Team, tmp_path: Path) -> None:
    _python(team, CLIENT, tmp_path)


def test_nginx_sends_the_large_file_and_the_hub_says_who_may_have_it(
    team: Team, tmp_path: Path
) -> None:
    content = secrets.token_bytes(500_000)
    (tmp_path / "model.bin").write_bytes(content)
    _python(team, LARGE, tmp_path)
    place = "/ada/private/resolve/main/model.bin"
    with team.client() as client:
        answer = client.get(place, follow_redirects=True)
        part = client.get(place, headers={"Range": "bytes=10-19"}, follow_redirects=True)
        direct = client.get(team.nodes[0].url + place, follow_redirects=True)
    assert direct.headers["X-Accel-Redirect"].startswith("/-/xaccel/lfs/")
    assert direct.content == b""
    assert answer.content == content
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert len(answer.headers["X-Repo-Commit"]) == 40
    assert (part.status_code, part.content) == (206, content[10:20])
    assert httpx.get(f"{team.url}{place}").status_code in (401, 404)


def test_a_node_may_die_and_come_back(team: Team) -> None:
    first, _ = team.nodes
    with team.client() as client:
        client.post("/api/repos/create", json={"name": "durable"})
        first.kill()
        for _ in range(6):
            assert client.get("/api/models/ada/durable").status_code == 200
        _commit(client, "durable", "while.txt", "one node was away")
        first.start()
        direct = f"{first.url}/ada/durable/raw/main/while.txt"
        headers = {"Authorization": f"Bearer {team.token}"}
        assert httpx.get(direct, headers=headers).text == "one node was away"


def _commit(client: httpx.Client, repo: str, path: str, text: str) -> None:
    lines = [
        {"key": "header", "value": {"summary": "a file"}},
        {"key": "file", "value": {"path": path, "content": text, "encoding": "utf-8"}},
    ]
    answer = client.post(
        f"/api/models/ada/{repo}/commit/main",
        content="\n".join(map(json.dumps, lines)),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text


def _python(team: Team, script: str, folder: Path) -> None:
    """Run a user's script in a process of its own: the library reads its settings at import."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
        "HF_ENDPOINT": team.url,
        "HF_TOKEN": team.token,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
