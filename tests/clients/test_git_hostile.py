"""Pushes no honest client sends: refused in bounded memory, and nothing of them stays."""

import hashlib
import random
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import rawgit
from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.git

BLOB = b"hello\n"
BLOB_ID = rawgit.object_id("blob", BLOB)
NOWHERE = "1" * 40


@pytest.fixture
def repo(ada: LiveUser) -> str:
    return ada.make_repo()


@pytest.fixture(autouse=True)
def refused_and_alive(hub: LiveHub, ada: LiveUser, repo: str) -> Iterator[None]:
    """After every test of this file: no ref has moved, the server answers, nobody saw a 500."""
    before = refs(ada, repo)
    begin = hub.log.stat().st_size
    yield
    assert refs(ada, repo) == before
    assert b"unexpected error" not in hub.log.read_bytes()[begin:]


def refs(ada: LiveUser, repo: str) -> object:
    with ada.client() as client:
        answer = client.get(f"/api/models/{repo}/refs")
    assert answer.status_code == 200
    return answer.json()


def push(ada: LiveUser, repo: str, body: bytes, status: int = 200) -> str:
    with ada.client() as client:
        answer = client.post(f"/{repo}/git-receive-pack", content=body)
    assert answer.status_code == status, answer.text
    return answer.content.decode(errors="replace")


def push_objects(ada: LiveUser, repo: str, new: str, *objects: tuple[str, bytes]) -> str:
    pack = rawgit.pack_of(*objects)
    return push(ada, repo, rawgit.push_body("refs/heads/bad", new=new, pack=pack))


def chain(tree: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """A commit of `tree` and the objects to send."""
    made = rawgit.commit(rawgit.object_id("tree", tree))
    return rawgit.object_id("commit", made), [("blob", BLOB), ("tree", tree), ("commit", made)]


@pytest.mark.parametrize("missing", ["parent", "tree", "blob"])
def test_a_disconnected_pack(ada: LiveUser, repo: str, missing: str):
    tree = rawgit.tree(("100644", b"a.txt", NOWHERE if missing == "blob" else BLOB_ID))
    tree_id = rawgit.object_id("tree", tree)
    parents = [NOWHERE] if missing == "parent" else []
    made = rawgit.commit(NOWHERE if missing == "tree" else tree_id, *parents)
    new = rawgit.object_id("commit", made)
    said = push_objects(ada, repo, new, ("blob", BLOB), ("tree", tree), ("commit", made))
    assert "ng refs/heads/bad" in said
    assert NOWHERE in said or "missing" in said


def test_a_ref_to_an_object_nobody_has(ada: LiveUser, repo: str):
    said = push_objects(ada, repo, NOWHERE, ("blob", BLOB))
    assert f"ng refs/heads/bad missing necessary objects: {NOWHERE}" in said


def test_a_branch_at_something_that_is_no_commit(ada: LiveUser, repo: str):
    assert "is not a commit" in push_objects(ada, repo, BLOB_ID, ("blob", BLOB))


@pytest.mark.parametrize(
    "name", [b".git", b".GIT", b"..", b".", b"", b"a/b", b".git\xe2\x80\x8c", b"git~1", b"a\\b"]
)
def test_trees_that_would_leave_their_folder(ada: LiveUser, repo: str, name: bytes):
    new, objects = chain(rawgit.tree(("100644", name, BLOB_ID)))
    said = push_objects(ada, repo, new, *objects)
    assert "ng refs/heads/bad" in said or not said.startswith("000eunpack ok")


@pytest.mark.parametrize("names", [(b"b", b"a"), (b"a", b"a")])
def test_unsorted_and_double_entries(ada: LiveUser, repo: str, names: tuple[bytes, bytes]):
    new, objects = chain(rawgit.tree(*(("100644", name, BLOB_ID) for name in names)))
    said = push_objects(ada, repo, new, *objects)
    assert "unpack ok" not in said
    assert "ng refs/heads/bad" in said


def test_the_delta_bomb(hub: LiveHub, ada: LiveUser, repo: str):
    bomb = rawgit.bomb([1_150_000_000])
    assert len(bomb) < 500
    peak = peak_memory(hub)
    said = push(ada, repo, rawgit.push_body("refs/heads/bad", new=NOWHERE, pack=bomb))
    assert "above the limit" in said
    assert peak_memory(hub) - peak < 50_000_000


def test_many_deltas_that_together_are_a_bomb(hub: LiveHub, ada: LiveUser, repo: str):
    bomb = rawgit.bomb([90_000_000 - 65_536 * n for n in range(20)])
    peak = peak_memory(hub)
    said = push(ada, repo, rawgit.push_body("refs/heads/bad", new=NOWHERE, pack=bomb))
    assert "unpack to more than" in said
    assert peak_memory(hub) - peak < 150_000_000


def peak_memory(hub: LiveHub) -> int:
    """Most bytes the server has ever held."""
    assert hub.process
    text = Path(f"/proc/{hub.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def test_a_pack_that_announces_more_than_it_holds(ada: LiveUser, repo: str):
    pack = rawgit.pack([rawgit.entry(3, len(BLOB), BLOB)], count=5)
    said = push(ada, repo, rawgit.push_body("refs/heads/bad", new=BLOB_ID, pack=pack))
    assert "ng refs/heads/bad" in said


def test_a_pack_that_announces_millions(ada: LiveUser, repo: str):
    pack = rawgit.pack([rawgit.entry(3, len(BLOB), BLOB)], count=2_000_001)
    said = push(ada, repo, rawgit.push_body("refs/heads/bad", new=BLOB_ID, pack=pack))
    assert "holds 2000001 objects" in said


@pytest.mark.parametrize("kept", [0, 3, 11, 12, 20, -21, -20, -1])
def test_a_truncated_pack(ada: LiveUser, repo: str, kept: int):
    new, objects = chain(rawgit.tree(("100644", b"a.txt", BLOB_ID)))
    pack = rawgit.pack_of(*objects)[:kept]
    said = push(ada, repo, rawgit.push_body("refs/heads/bad", new=new, pack=pack))
    assert "ng refs/heads/bad unpacker error" in said


def test_a_damaged_pack(ada: LiveUser, repo: str):
    new, objects = chain(rawgit.tree(("100644", b"a.txt", BLOB_ID)))
    whole = rawgit.pack_of(*objects)
    dice = random.Random(5)
    for _ in range(40):
        place = dice.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << dice.randrange(8)
        if dice.random() < 0.5:  # a right sum over wrong bytes
            damaged[-20:] = hashlib.sha1(damaged[:-20]).digest()
        said = push(ada, repo, rawgit.push_body("refs/heads/bad", new=new, pack=bytes(damaged)))
        # A flipped compression flag may leave the very same objects: that one is sound.
        if "ok refs/heads/bad" in said:
            push(ada, repo, rawgit.commands([f"{new} {rawgit.NULL} refs/heads/bad"]))


def test_bytes_behind_the_pack(ada: LiveUser, repo: str):
    new, objects = chain(rawgit.tree(("100644", b"a.txt", BLOB_ID)))
    pack = rawgit.pack_of(*objects) + b"trailing"
    said = push(ada, repo, rawgit.push_body("refs/heads/bad", new=new, pack=pack))
    if "ok refs/heads/bad" in said:
        push(ada, repo, rawgit.commands([f"{new} {rawgit.NULL} refs/heads/bad"]))


@pytest.mark.parametrize(
    "name",
    [
        "refs/heads/../x", "refs/heads/", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.lock",
        "refs/heads/a b", "refs/heads/a~1", "refs/heads/a:b", "refs/heads/a@{1}", "refs/heads/a\\b",
        "refs/heads/a//b", "refs/heads/a/", "refs/heads/@", "refs/heads/a\x7f", "HEAD", "heads/a",
        "refs/heads/" + "x" * 4000, "../../etc/passwd", "refs/../config", "refs/heads/-a",
        "refs/heads/a[b", "refs/heads/\udce9\udc80", "refs/pr/1/head", "refs/convert/parquet",
    ],
)  # fmt: skip
def test_bad_ref_names(ada: LiveUser, repo: str, name: str):
    new, objects = chain(rawgit.tree(("100644", b"a.txt", BLOB_ID)))
    body = rawgit.push_body(name, new=new, pack=rawgit.pack_of(*objects))
    with ada.client() as client:
        answer = client.post(f"/{repo}/git-receive-pack", content=body)
    assert answer.status_code < 500
    if b"\nok " in answer.content or b"ok refs/heads" in answer.content:
        # `-a`, `@` and bytes that are not UTF-8 are names for git: ours to list and to delete.
        push(ada, repo, rawgit.commands([f"{new} {rawgit.NULL} {name}"]))
        assert name in ("refs/heads/-a", "refs/heads/@", "refs/heads/\udce9\udc80")


def test_a_client_that_leaves_in_the_middle_of_a_push(hub: LiveHub, ada: LiveUser, repo: str):
    body = rawgit.push_body("refs/heads/bad", new=NOWHERE, pack=random.Random(1).randbytes(8 << 20))
    for sent in (0, 100, 4 << 20, len(body) - 1):
        with socket.create_connection(("127.0.0.1", hub.port)) as client:
            client.sendall(
                f"POST /{repo}/git-receive-pack HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\n"
                f"Authorization: Bearer {ada.token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            client.sendall(body[:sent])
    assert gone(hub, "cache/spool")


def test_a_client_that_leaves_in_the_middle_of_a_clone(
    hub: LiveHub, ada: LiveUser, repo: str, git: GitClient
):
    big = ada.make_repo()
    work = git.clone(ada.git_url(big), "work")
    for number in range(4):
        git.commit(work, {f"{number}.dat": random.Random(number).randbytes(9_000_000)})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    tip = git("rev-parse", "HEAD", cwd=work)
    want = rawgit.pkt(f"want {tip} side-band-64k ofs-delta\n".encode())
    body = want + b"0000" + rawgit.pkt(b"done\n")
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", hub.port)) as client:
            client.sendall(
                f"POST /{big}/git-upload-pack HTTP/1.1\r\nHost: 127.0.0.1:{hub.port}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
    git.clone(ada.git_url(big), "whole")
    assert not [path for path in hub.data_dir.rglob("answer-*") if path.is_file()]


def gone(hub: LiveHub, folder: str) -> bool:
    """Whether the folder is empty, now or within a few seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not [path for path in (hub.data_dir / folder).rglob("*") if path.is_file()]:
            return True
        time.sleep(0.05)
    return False
