"""Transfers hold no connection and no thread; what fails behind the hub is said, never a 500."""

import contextlib
import hashlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.gitclient import GitClient
from tests.support.postgres import Cluster
from tests.support.s3 import Relay, make_bucket
from tests.support.server import LiveHub, LiveUser
from tests.support.transfers import (
    SlowClient,
    commit,
    file_line,
    put_file,
    put_large,
    upload_link,
)
from tests.support.xetclient import Sent, XetClient

MakeHub = Callable[..., LiveHub]
SLOW = 100
POOL = {"HUB_THREADS": "10", "HUB_POOL_SIZE": "10"}


def pages_are_quick(hub: LiveHub, user: LiveUser, repo: str) -> None:
    """Pages and the API answer while transfers stand still."""
    addresses = ["/", f"/{repo}", f"/api/models/{repo}", f"/{repo}/raw/main/README.md", "/models"]
    took = []
    with user.client() as client:
        for address in addresses * 4:
            begun = time.monotonic()
            assert client.get(address).status_code == 200
            took.append(time.monotonic() - begun)
        begun = time.monotonic()
        put_file(client, f"models/{repo}", "meanwhile.txt", b"a commit, too")
        took.append(time.monotonic() - begun)
    assert sorted(took)[len(took) // 2] < 1, took
    assert max(took) < 10, took


@contextlib.contextmanager
def standing_still(clients: list[SlowClient]) -> Iterator[None]:
    try:
        yield
    finally:
        for each in clients:
            each.close()


@pytest.fixture
def small_pool(make_hub: MakeHub) -> tuple[LiveHub, LiveUser, str]:
    hub = make_hub(**POOL)
    ada = hub.make_user("ada")
    repo = ada.make_repo("tiny")
    with ada.client() as client:
        put_file(client, f"models/{repo}", "README.md", b"# Tiny")
    return hub, ada, repo


def test_a_hundred_slow_uploads_of_large_files(small_pool: tuple[LiveHub, LiveUser, str]):
    hub, ada, repo = small_pool
    data = os.urandom(100_000)
    slow = []
    with ada.client() as client:
        links = [
            upload_link(client, f"models/{repo}", data + bytes([number])) for number in range(SLOW)
        ]
    with standing_still(slow):
        for number, link in enumerate(links):
            slow.append(SlowClient("PUT", link, length=len(data) + 1))
            slow[-1].send(data[: 500 * number])
        pages_are_quick(hub, ada, repo)
        for number, each in enumerate(slow):
            each.send(data[500 * number :] + bytes([number]))
            assert each.head()[0] == 200


@pytest.mark.parametrize("shards", [False, True])
def test_a_hundred_slow_uploads_by_xet(
    small_pool: tuple[LiveHub, LiveUser, str], *, shards: bool
) -> None:
    hub, ada, repo = small_pool
    slow: list[SlowClient] = []
    with ada.client() as client:
        mine, sent = XetClient(client, f"models/{repo}"), Sent.fresh()
        token = mine.token()
        body = sent.shard() if shards else sent.xorb.body
        path = "/v2/shards" if shards else f"/v1/xorbs/default/{sent.xorb.name}"
        headers = {"Authorization": f"Bearer {token['accessToken']}"}
        if shards:
            assert mine.put_xorb(sent.xorb).is_success
        with standing_still(slow):
            for _ in range(SLOW):
                slow.append(SlowClient("POST", token["casUrl"] + path, headers, length=len(body)))
                slow[-1].send(body[: len(body) // 2])
            pages_are_quick(hub, ada, repo)
            for each in slow:
                each.send(body[len(body) // 2 :])
            assert [each.head()[0] for each in slow] == [200] * SLOW
        assert mine.put_shard(sent.shard()).is_success
        assert mine.commit(sent).is_success
        assert mine.read(sent.file.name) == sent.data


def test_a_hundred_slow_pushes(
    small_pool: tuple[LiveHub, LiveUser, str], git: GitClient, tmp_path: Path
):
    hub, ada, repo = small_pool
    body = push_body(git, ada.git_url(repo), tmp_path)
    headers = {
        "Authorization": f"Bearer {ada.token}",
        "Content-Type": "application/x-git-receive-pack-request",
    }
    slow = []
    with standing_still(slow):
        for _ in range(SLOW):
            url = f"{hub.url}/{repo}/git-receive-pack"
            slow.append(SlowClient("POST", url, headers, length=len(body)))
            slow[-1].send(body[:-10])
        pages_are_quick(hub, ada, repo)
        slow[0].send(body[-10:])
        assert slow[0].head()[0] == 200
    assert "refs/heads/slow" in git.remote_refs(ada.git_url(repo))


def push_body(git: GitClient, url: str, folder: Path) -> bytes:
    """What git would send to make the branch `slow`: a command and a pack."""
    clone = git.clone(url, "for-push")
    old = git("rev-parse", "HEAD", cwd=clone)
    new = git.commit(clone, {"a.bin": os.urandom(50_000)})
    pack = subprocess.run(
        ["git", "pack-objects", "--stdout", "--revs", "-q"],
        input=f"{new}\n^{old}\n".encode(), cwd=clone, capture_output=True, check=True,
    ).stdout  # fmt: skip
    line = f"{'0' * 40} {new} refs/heads/slow\0 report-status\n".encode()
    return b"%04x%s0000%s" % (len(line) + 4, line, pack)


def test_a_hundred_slow_readers(small_pool: tuple[LiveHub, LiveUser, str]):
    hub, ada, repo = small_pool
    data = os.urandom(8_000_000)
    with ada.client() as client:
        put_large(client, f"models/{repo}", "model.bin", data)
        place = f"{hub.url}/{repo}/resolve/main/model.bin"
        target = client.head(place).headers.get("location", place)
    slow = []
    with standing_still(slow):
        slow += [SlowClient("GET", target) for _ in range(SLOW)]
        pages_are_quick(hub, ada, repo)
        assert slow[0].head()[0] == 200


WRITER = """
import sys, httpx
url, token, repo, number = sys.argv[1:]
with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=90) as client:
    for step in range(12):
        branch = f"w{number}-{step}"
        client.post(f"/api/models/{repo}/branch/{branch}", json={}).raise_for_status()
        visible = {"private": step % 2 == 0}
        client.put(f"/api/models/{repo}/settings", json=visible).raise_for_status()
        refs = client.get(f"/api/models/{repo}/refs").raise_for_status().json()
        assert branch in {each["name"] for each in refs["branches"]}
"""


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_eight_processes_that_read_and_write_lose_nothing(
    make_hub: MakeHub, engine: str, request: pytest.FixtureRequest, tmp_path: Path
):
    settings = {"HUB_SECRET_KEY": "a-secret-for-these-tests"}
    if engine == "postgres":
        settings["HUB_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    hub = make_hub(workers=2, **settings)
    ada = hub.make_user("ada")
    repo = ada.make_repo("busy")
    command = [sys.executable, "-c", WRITER, hub.url, ada.token, repo]
    writers = [
        subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(8)
    ]
    said = [writer.communicate(timeout=110)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8, said
    with ada.client() as client:
        names = {each["name"] for each in client.get(f"/api/models/{repo}/refs").json()["branches"]}
    assert names == {"main"} | {f"w{w}-{step}" for w in range(8) for step in range(12)}
    assert "status=500" not in hub.log.read_text()


def test_fifty_committers_who_name_no_parent_are_all_kept(hub: LiveHub, ada: LiveUser):
    repo = ada.make_repo()

    def one(number: int) -> int:
        with ada.client() as client:
            line = file_line(f"{number}.txt", b"x")
            return commit(client, f"models/{repo}", line).status_code

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(one, range(50))) == [200] * 50
    with ada.client() as client:
        tree = client.get(f"/api/models/{repo}/tree/main").json()
    assert {f"{number}.txt" for number in range(50)} <= {entry["path"] for entry in tree}


def statuses(user: LiveUser, repo: str) -> dict[str, int]:
    """One request of each kind; each 503 must say when to come again."""
    data = secrets.token_bytes(2000)
    with user.client() as client:
        batch = {
            "operation": "upload",
            "objects": [{"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}],
        }
        answers = {
            "page": client.get(f"/{repo}", headers={"Accept": "text/html"}),
            "api": client.get(f"/api/models/{repo}"),
            "resolve": client.get(f"/{repo}/resolve/main/README.md"),
            "commit": commit(client, f"models/{repo}", file_line("x.txt", data)),
            "refs": client.get(f"/{repo}/info/refs?service=git-upload-pack"),
            "batch": client.post(f"/{repo}.git/info/lfs/objects/batch", json=batch),
            "ready": client.get("/-/readyz"),
        }
    for name, answer in answers.items():
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0, name
    assert httpx.get(f"{user.hub.url}/-/healthz").status_code == 200
    return {name: answer.status_code for name, answer in answers.items()}


@pytest.mark.postgres
def test_a_database_that_goes_and_comes_back(
    make_hub: MakeHub, postgres_cluster: Cluster, postgres_url: str, tmp_path: Path
):
    where = postgres_url.removeprefix("postgresql+psycopg://hub@")
    with contextlib.ExitStack() as stack:
        relay = Relay(f"http://{where.split('/')[0]}")
        stack.callback(relay.close)
        address = relay.endpoint.removeprefix("http://")
        hub = make_hub(
            HUB_DATABASE_URL=postgres_url.replace(where.split("/")[0], address),
            HUB_SECRET_KEY="a-secret-for-these-tests",
        )
        ada = hub.make_user("ada")
        repo = ada.make_repo("tiny")
        with ada.client() as client:
            put_file(client, f"models/{repo}", "README.md", b"# Tiny")
        assert set(statuses(ada, repo).values()) == {200}
        name = postgres_url.rsplit("/", 1)[1]
        postgres_cluster.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false', KILL % name)
        gone = statuses(ada, repo)
        assert set(gone.values()) == {503}, gone
        postgres_cluster.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        back = statuses(ada, repo)
        assert set(back.values()) == {200}, back
        postgres_cluster.execute(KILL % name)  # connections that died in the pool are noticed
        assert set(statuses(ada, repo).values()) == {200}
        hub.close()
    assert "status=500" not in hub.log.read_text()


KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB that a test may fill."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_507_and_nothing_is_lost(
    make_hub: MakeHub, small_disk: Path, git: GitClient, tmp_path: Path
):
    hub = make_hub(data_dir=small_disk / "data")
    ada = hub.make_user("ada")
    repo = ada.make_repo("tiny")
    kept = os.urandom(1_000_000)
    with ada.client() as client:
        put_large(client, f"models/{repo}", "kept.bin", kept)
        put_file(client, f"models/{repo}", "README.md", b"# Tiny")
        clone = git.clone(ada.git_url(repo), "clone", "-c", "filter.lfs.smudge=cat")
        git.commit(clone, {"big.txt": os.urandom(6_000_000)})
        large = os.urandom(20_000_000)
        link = upload_link(client, f"models/{repo}", large)
        fill(small_disk, leave=3_000_000)
        assert client.put(link, content=large, headers={"Authorization": ""}).status_code == 507
        said = git.refused("push", "origin", "main", cwd=clone)
        assert "507" in said or "full" in said, said
        refused = commit(client, f"models/{repo}", file_line("x.bin", os.urandom(7_000_000)))
        assert refused.status_code == 507, refused.text
        assert client.get(f"/{repo}/raw/main/README.md").text == "# Tiny"
        fill(small_disk, leave=0)
        answer = commit(client, f"models/{repo}", file_line("y.bin", os.urandom(200_000)))
        assert answer.status_code in (503, 507), answer.text
        assert client.get(f"/{repo}/raw/main/README.md").text == "# Tiny"
        (small_disk / "filler").unlink()
        put_file(client, f"models/{repo}", "after.txt", b"there is room again")
        assert client.put(link, content=large[:5], headers={"Authorization": ""}).status_code == 400
        found = client.get(f"/{repo}/resolve/main/kept.bin", follow_redirects=True)
        assert found.content == kept
    git("push", "origin", "HEAD:refs/heads/later", cwd=clone)
    assert "status=500" not in hub.log.read_text()


def fill(disk: Path, *, leave: int) -> None:
    """Fill the disk but for `leave` bytes; with 0 until nothing more fits."""
    with (disk / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        if leave:
            file.write(bytes(max(0, free - leave)))
            return
        while True:
            file.write(bytes(4096))


def test_an_s3_service_that_goes_is_503_and_nothing_is_lost(make_hub: MakeHub, moto_endpoint: str):
    place = make_bucket(moto_endpoint)
    relay = Relay(moto_endpoint)
    closed = contextlib.ExitStack()
    closed.callback(relay.close)
    with closed:
        hub = make_hub(
            HUB_BLOBS=f"s3://{place.bucket}/{place.prefix}", HUB_S3_ENDPOINT=relay.endpoint,
            HUB_S3_ACCESS_KEY_ID=str(place.access_key_id),
            HUB_S3_SECRET_ACCESS_KEY=str(place.secret_access_key),
        )  # fmt: skip
        ada = hub.make_user("ada")
        repo = ada.make_repo("tiny")
        kept = os.urandom(300_000)
        with ada.client() as client:
            put_large(client, f"models/{repo}", "kept.bin", kept)
            link = upload_link(client, f"models/{repo}", b"late")
            closed.close()
            answers = [
                client.put(link, content=b"late", headers={"Authorization": ""}),
                client.get(f"/{repo}/resolve/main/kept.bin", follow_redirects=True),
                commit(client, f"models/{repo}", file_line("x.txt", b"x")),
                client.get("/-/readyz"),
            ]
            assert [answer.status_code for answer in answers] == [503] * 4
            assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
            assert client.get(f"/api/models/{repo}").status_code == 200
        hub.stop()
        hub.settings = {**hub.settings, "HUB_S3_ENDPOINT": moto_endpoint}
        hub.start()
        with ada.client() as client:
            found = client.get(f"/{repo}/resolve/main/kept.bin", follow_redirects=True)
            assert found.content == kept
            put_large(client, f"models/{repo}", "late.bin", b"late")
    assert "status=500" not in hub.log.read_text()
