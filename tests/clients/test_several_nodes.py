"""Two nodes with caches of their own, on one PostgreSQL and one bucket, behind our nginx."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.gitclient import GitClient
from tests.support.ledger import Content
from tests.support.load import Load
from tests.support.nginx import StartNginx
from tests.support.nodes import Nodes, running_nodes
from tests.support.postgres import Cluster
from tests.support.processes import free_port
from tests.support.s3 import make_bucket
from tests.support.server import DidNotStart, LiveHub, LiveUser
from tests.support.transfers import put_file, put_large
from tests.support.workers import Scene

pytestmark = [
    pytest.mark.nginx,
    pytest.mark.postgres,
    pytest.mark.git,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("nodes"),
]


@pytest.fixture(scope="module")
def database_url(postgres_cluster: Cluster) -> Iterator[str]:
    name = postgres_cluster.create()
    yield postgres_cluster.url(name)
    postgres_cluster.drop(name)


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory,
    module_nginx: StartNginx,
    database_url: str,
    moto_endpoint: str,
) -> Iterator[Nodes]:
    folder, place = tmp_path_factory.mktemp("nodes"), make_bucket(moto_endpoint)
    with running_nodes(folder, module_nginx, database_url, place) as running:
        yield running


@pytest.fixture(scope="module")
def ada(nodes: Nodes) -> LiveUser:
    return nodes.user()


def url_at(node: LiveHub, user: LiveUser, repo: str) -> str:
    return LiveUser(node, user.name, user.token, "").git_url(repo)


def packs(node: LiveHub) -> list[Path]:
    return sorted((node.data_dir / "cache" / "repos").rglob("*.pack"))


def test_what_one_node_is_told_the_other_knows_at_once(
    nodes: Nodes, ada: LiveUser, git_lfs: GitClient
) -> None:
    repo = ada.make_repo()
    clones = [
        git_lfs.clone(url_at(node, ada, repo), f"at-{place}")
        for place, node in enumerate(nodes.each)
    ]
    git_lfs("lfs", "track", "*.bin", cwd=clones[0])
    for turn in range(6):
        here, there = clones[turn % 2], clones[1 - turn % 2]
        files = {f"{turn}.txt": f"turn {turn}", f"{turn}.bin": os.urandom(50_000)}
        head = git_lfs.commit(here, files)
        git_lfs("push", "-q", "origin", "main", cwd=here)
        git_lfs("pull", "-q", cwd=there)
        assert git_lfs("rev-parse", "HEAD", cwd=there) == head
        assert (there / f"{turn}.bin").read_bytes() == files[f"{turn}.bin"]
    for node in nodes.each:
        with node.client(ada.token) as client:
            assert client.get(f"/{repo}/raw/main/5.txt").text == "turn 5"


def test_a_node_that_dies_in_mid_push(nodes: Nodes, ada: LiveUser, git: GitClient) -> None:
    """Its push fails and is not there; given again it goes to the other node."""
    repo, dying = ada.make_repo(), nodes.each[0]
    clone = git.clone(url_at(nodes.each[1], ada, repo), "mine")
    before = git("rev-parse", "HEAD", cwd=clone)
    git("remote", "set-url", "origin", url_at(dying, ada, repo), cwd=clone)
    dying.stop()
    dying.settings = {**nodes.settings, "HUB_FAULT": "push.staged:kill"}
    dying.start()
    head = git.commit(clone, {"a.txt": "words"})
    git.refused("push", "-q", "origin", "main", cwd=clone)
    assert dying.process
    assert dying.process.wait(10) == -signal.SIGKILL
    refs = git.remote_refs(url_at(nodes.each[1], ada, repo))
    assert refs["refs/heads/main"] == before
    through = f"{nodes.url.replace('http://', f'http://ada:{ada.token}@')}/{repo}"
    git("remote", "set-url", "origin", through, cwd=clone)
    git("push", "-q", "origin", "main", cwd=clone)
    dying.settings = nodes.settings
    dying.start()
    for node in nodes.each:
        assert git.remote_refs(url_at(node, ada, repo))["refs/heads/main"] == head
    again = git.clone(url_at(dying, ada, repo), "again")
    git("fsck", "--full", "--strict", cwd=again)


def test_people_work_while_a_node_is_killed(nodes: Nodes, ada: LiveUser, tmp_path: Path) -> None:
    """Behind nginx they meet broken connections and 502s, and lose nothing."""
    scene = Scene([nodes.url], ada.token, ada.make_repo(), tmp_path / "people", large=(10, 9000))
    scene.tally.proxied = True
    victim = nodes.each[1]
    victim.stop()
    victim.settings = {**nodes.settings, "HUB_FAULT": "landing.written:kill:n=4"}
    try:
        victim.start()
        with Load(scene, seed=5) as load:
            load.start(("push", "commit", "upload", "read", "commit"))
            assert victim.process
            assert victim.process.wait(120) == -signal.SIGKILL
    finally:
        victim.settings = nodes.settings
        victim.start()
    load.check()
    assert load.audit(nodes.each[0].url)


def test_a_node_with_an_empty_cache(nodes: Nodes, ada: LiveUser, git: GitClient) -> None:
    repo = ada.make_repo()
    with nodes.each[0].client(ada.token) as client:
        for number in range(4):
            put_file(client, f"models/{repo}", f"{number}.txt", f"words {number}".encode())
        put_large(client, f"models/{repo}", "a.bin", b"large" * 1000)
    fresh = nodes.another().start()
    assert not packs(fresh)
    clone = git.clone(url_at(fresh, ada, repo), "clone")
    assert [(clone / f"{n}.txt").read_text() for n in range(4)] == [f"words {n}" for n in range(4)]
    with fresh.client(ada.token) as client:
        answer = client.get(f"/{repo}/resolve/main/a.bin", follow_redirects=True)
    assert answer.content == b"large" * 1000
    assert packs(fresh)
    for path in (fresh.data_dir / "cache" / "repos").iterdir():
        shutil.rmtree(path)  # while it serves: somebody tidied up
    git("fetch", "-q", url_at(fresh, ada, repo), "main", cwd=clone)
    git.clone(url_at(fresh, ada, repo), "again")
    assert fresh.stop() == 0


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "serving"])
def test_a_damaged_file_of_the_cache(
    nodes: Nodes, ada: LiveUser, git: GitClient, restarted: bool
) -> None:
    """Bytes that changed on a node's disk are fetched again, and never sent to anybody."""
    repo = ada.make_repo()
    words = {f"{number}.txt": os.urandom(3000).hex() for number in range(3)}
    with nodes.each[0].client(ada.token) as client:
        for name, text in words.items():
            put_file(client, f"models/{repo}", name, text.encode())
    node = nodes.another().start()
    git.clone(url_at(node, ada, repo), "first")
    if restarted:
        node.stop()
    assert packs(node)
    for pack in packs(node):
        damage(pack)
    if restarted:
        node.start()
    else:  # git finds it while it sends; what came of that is no clone
        git.refused("clone", "-q", url_at(node, ada, repo), "broken")
    second = git.clone(url_at(node, ada, repo), "second")
    assert {name: (second / name).read_text() for name in words} == words
    git("fsck", "--full", "--strict", cwd=second)
    with node.client(ada.token) as client:
        for name, text in words.items():
            assert client.get(f"/{repo}/raw/main/{name}").text == text
    assert node.stop() == 0


def damage(path: Path) -> None:
    """Other bytes of the same length in the middle, as a bad disk leaves them."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        found = file.read(40)
        file.seek(-len(found), os.SEEK_CUR)
        file.write(bytes(byte ^ 0x55 for byte in found))


def test_the_cache_is_bounded(nodes: Nodes, ada: LiveUser, git: GitClient) -> None:
    """With room for about one of six repositories, all of them are served, over and over."""
    limit, size = 300_000, 120_000
    repos = [ada.make_repo() for _ in range(6)]
    with nodes.each[0].client(ada.token) as client:
        for repo in repos:
            put_file(client, f"models/{repo}", "a.txt", os.urandom(size).hex().encode())
    node = nodes.another(HUB_CACHE_SIZE=str(limit)).start()
    for turn in range(2):
        for place, repo in enumerate(repos):
            git.clone(url_at(node, ada, repo), f"clone-{turn}-{place}")
    node.stop()
    # What was in use within ten minutes is left alone; make it look older, as time does.
    for head in (node.data_dir / "cache" / "repos").glob("*/HEAD"):
        os.utime(head, (1, 1))
    node.start()
    with nodes.each[0].client(ada.token) as client:
        put_file(client, f"models/{repos[0]}", "b.txt", b"makes it fetch something")
    git.clone(url_at(node, ada, repos[0]), "last")
    assert sum(path.stat().st_size for path in packs(node)) <= limit + 2 * size
    assert node.stop() == 0


def test_a_cache_that_two_nodes_share_by_mistake(
    nodes: Nodes, ada: LiveUser, git: GitClient
) -> None:
    first = nodes.another().start()
    second = nodes.another(HUB_CACHE_DIR=str(first.data_dir / "cache")).start()
    repo = ada.make_repo()
    clone = git.clone(url_at(first, ada, repo), "mine")
    for turn, node in enumerate([first, second, first, second]):
        git("remote", "set-url", "origin", url_at(node, ada, repo), cwd=clone)
        git.commit(clone, {"a.txt": f"turn {turn}"})
        git("push", "-q", "origin", "main", cwd=clone)
        other = second if node is first else first
        there = git.clone(url_at(other, ada, repo), f"turn{turn}")
        assert (there / "a.txt").read_text() == f"turn {turn}"
    assert (first.stop(), second.stop()) == (0, 0)


def test_another_secret_key_does_not_start(nodes: Nodes) -> None:
    with pytest.raises(DidNotStart, match="HUB_SECRET_KEY is not the key"):
        nodes.another(HUB_SECRET_KEY="another-secret-of-some-length").start()


def test_a_newer_schema_does_not_start(nodes: Nodes, database_url: str) -> None:
    plain = database_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row
        try:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            with pytest.raises(DidNotStart, match="newer than this release"):
                nodes.another().start()
        finally:
            connection.execute("UPDATE alembic_version SET version_num = %s", row)
    node = nodes.another()
    node.port = free_port()
    assert node.start().stop() == 0


def test_an_older_schema_does_not_start_where_it_is_only_checked(
    nodes: Nodes, postgres_url: str
) -> None:
    with pytest.raises(DidNotStart, match="run `hub-server migrate`"):
        nodes.another(HUB_DATABASE_URL=postgres_url, HUB_MIGRATE="check").start()


def test_both_nodes_may_migrate_at_once(nodes: Nodes, postgres_url: str) -> None:
    """Started together on an empty database, as docker compose does it."""
    both = [nodes.another(HUB_DATABASE_URL=postgres_url) for _ in range(2)]
    for node in both:
        node.launch()
    for node in both:
        node.await_ready()
    for node in both:
        with node.client() as client:
            assert client.get("/-/readyz").status_code == 200
        assert node.stop() == 0


def test_what_was_read_is_what_was_written(nodes: Nodes, ada: LiveUser) -> None:
    """A large file sent in parts to both nodes in turn, completed at one, fetched at the other."""
    repo, data = ada.make_repo(), os.urandom(11_000_000)
    content = Content.of(data)
    body = {"operation": "upload", "transfers": ["basic", "multipart"],
            "objects": [{"oid": content.oid, "size": content.size}]}  # fmt: skip
    kind = {"Content-Type": "application/vnd.git-lfs+json"}
    place = f"/{repo}.git/info/lfs/objects/batch"
    first, second = nodes.each
    with first.client(ada.token) as here:
        upload = here.post(place, json=body, headers=kind).json()["objects"][0]["actions"]["upload"]
    step = int(upload["header"]["chunk_size"])
    for number, at in enumerate(range(0, len(data), step), 1):
        link = upload["header"][f"{number:05}"]
        target = link.replace(nodes.url, (first, second)[number % 2].url)
        assert httpx.put(target, content=data[at : at + step]).status_code == 200
    done = httpx.post(upload["href"].replace(nodes.url, second.url),
                      json={"oid": content.oid, "parts": []}, timeout=60)  # fmt: skip
    assert done.status_code == 200, done.text
    body["operation"] = "download"
    with first.client(ada.token) as here:
        told = here.post(place, json=body, headers=kind).json()["objects"][0]
        href = told["actions"]["download"]["href"].replace(nodes.url, first.url)
        assert Content.of(httpx.get(href, timeout=60).content) == content
