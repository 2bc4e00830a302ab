"""Large files on their way in and out: git-lfs, the Python client, and requests made by hand."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.gitclient import GitClient
from tests.support.lfsclient import LfsDoor, OpenDoor, new_data, oid_of, stream, stream_oid
from tests.support.relays import Line
from tests.support.scripts import HF, Computer, ScriptFailed
from tests.support.server import LiveHub, LiveUser

pytestmark = [pytest.mark.client, pytest.mark.git]

THRESHOLD, PART = 1_000_000, 300_000
BOTH = ("basic", "multipart")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    """Files above a megabyte go in parts, to clients that can do so."""
    settings = {"HUB_LFS_MULTIPART_THRESHOLD": str(THRESHOLD), "HUB_LFS_PART_SIZE": str(PART)}
    live = LiveHub(tmp_path_factory.mktemp("parts") / "data", settings).start()
    yield live
    live.close()


@pytest.fixture(scope="module")
def ada(hub: LiveHub) -> LiveUser:
    return hub.make_user("ada")


@pytest.fixture(scope="module")
def bob(hub: LiveHub) -> LiveUser:
    return hub.make_user("bob")


@pytest.fixture
def door(open_door: OpenDoor, ada: LiveUser) -> LfsDoor:
    return open_door(ada, ada.make_repo())


@pytest.fixture
def mine(hub: LiveHub, ada: LiveUser, tmp_path: Path) -> Computer:
    folder = tmp_path / "mine"
    folder.mkdir()
    return Computer(hub.url, folder, ada.token)


@pytest.fixture
def stored(hub: LiveHub) -> Callable[[], set[str]]:
    """Names of what lies in the store, finished or not."""

    def look() -> set[str]:
        root = hub.data_dir / "blobs"
        found = (path for room in ("lfs", "incoming") for path in (root / room).rglob("*"))
        return {path.relative_to(root).as_posix() for path in found if path.is_file()}

    return look


def test_git_lfs_pushes_and_clones(door: LfsDoor, ada: LiveUser, git_lfs: GitClient) -> None:
    url = ada.git_url(door.repo)
    first = git_lfs.clone(url, "first")
    git_lfs("lfs", "track", "*.dat", cwd=first)
    sizes = (1, 4096, THRESHOLD, THRESHOLD + 1, 3_000_001)
    files = {f"deep dir/{size} ü.dat": os.urandom(size) for size in sizes}
    git_lfs.commit(first, {**files, "empty.dat": b"", "twice.dat": files["deep dir/4096 ü.dat"]})
    git_lfs("push", "origin", "main", cwd=first)
    second = git_lfs.clone(url, "second")
    for name, data in files.items():
        assert (second / name).read_bytes() == data
    assert (second / "twice.dat").read_bytes() == files["deep dir/4096 ü.dat"]
    git_lfs("lfs", "fsck", cwd=second)
    git_lfs("push", "origin", "main:again", cwd=first)
    # Another branch and another clone find everything there already.
    assert "Uploading" not in git_lfs.said("lfs", "push", "--all", "origin", cwd=second)


def test_other_kinds_and_former_names(ada: LiveUser, git_lfs: GitClient) -> None:
    """Clones made before a move go on working, for large files too."""
    repo = ada.make_repo("weights-of-old", kind="dataset")
    url = ada.git_url(repo, kind="dataset")
    clone = git_lfs.clone(url, "clone")
    git_lfs("lfs", "track", "*.dat", cwd=clone)
    git_lfs.commit(clone, {"a.dat": os.urandom(3000)})
    git_lfs("push", "origin", "main", cwd=clone)
    with ada.client() as client:
        body = {"fromRepo": repo, "toRepo": f"{ada.name}/weights-of-new", "type": "dataset"}
        assert client.post("/api/repos/move", json=body).status_code == 200
    data = os.urandom(3000)
    git_lfs.commit(clone, {"b.dat": data})
    git_lfs("push", "origin", "main", cwd=clone)
    fresh = git_lfs.clone(url, "fresh")
    assert (fresh / "b.dat").read_bytes() == data
    assert "2 verified" in git_lfs("lfs", "prune", "--verify-remote", "--force", cwd=fresh)


def test_the_advice_after_a_refused_push_works(
    door: LfsDoor, ada: LiveUser, git_lfs: GitClient
) -> None:
    """A large file outside LFS, noticed too late: what the refusal says is done to the letter."""
    clone = git_lfs.clone(ada.git_url(door.repo), "clone")
    data = os.urandom(11_000_000)
    git_lfs.commit(clone, {"big.raw": data, "other.npyz": data[:-1]})
    git_lfs.commit(clone, {"words.txt": "later"})
    said = git_lfs.refused("push", "origin", "main", cwd=clone)
    advice = re.search(r"git (lfs migrate import .*?) *$", said, re.MULTILINE)
    assert advice, said
    git_lfs(*shlex.split(advice[1]), cwd=clone)
    git_lfs("push", "origin", "main", cwd=clone)
    answer = door.plain.get(f"/{door.repo}/resolve/main/big.raw")
    assert answer.content == data
    assert answer.headers["X-Linked-Etag"] == f'"{oid_of(data)}"'


def test_git_lfs_sends_parts_with_the_clients_agent(
    door: LfsDoor, ada: LiveUser, hub: LiveHub, git_lfs: GitClient
) -> None:
    """As the public Hub's help says: `hf lfs-enable-largefiles .`, then push as ever."""
    clone = git_lfs.clone(ada.git_url(door.repo), "clone")
    path = f"{Path(HF).parent}{os.pathsep}{git_lfs.environment['PATH']}"
    environment = {**git_lfs.environment, "PATH": path}
    subprocess.run([HF, "lfs-enable-largefiles", "."], cwd=clone, env=environment, check=True)
    git_lfs("lfs", "track", "*.dat", cwd=clone)
    files = {"large.dat": os.urandom(THRESHOLD + 5), "small.dat": os.urandom(2000)}
    git_lfs.commit(clone, files)
    git_lfs("push", "origin", "main", cwd=clone, PATH=path)
    for name, data in files.items():
        answer = door.client.get(f"/{door.repo}/resolve/main/{name}")
        assert answer.content == data
    parts = re.findall(rf"/-/lfs/part/{oid_of(files['large.dat'])}", hub.log.read_text())
    assert len(parts) == -(-(THRESHOLD + 5) // PART)


def test_locks(hub: LiveHub, ada: LiveUser, bob: LiveUser, git_lfs: GitClient) -> None:
    team = hub.make_org(None, f"{ada.name}:write", f"{bob.name}:write")
    with ada.client() as client:
        made = client.post("/api/repos/create", json={"organization": team, "name": "locked"})
        assert made.status_code == 200, made.text
    repo = f"{team}/locked"
    clones = {}
    for user in (ada, bob):
        clones[user.name] = clone = git_lfs.clone(user.git_url(repo), user.name)
        git_lfs("config", "lfs.locksverify", "true", cwd=clone)
        git_lfs("config", "credential.username", user.name, cwd=clone)
    mine, other = clones["ada"], clones["bob"]
    git_lfs("lfs", "track", "*.dat", cwd=mine)
    git_lfs.commit(mine, {"a.dat": b"one"})
    git_lfs("push", "origin", "main", cwd=mine)
    git_lfs("lfs", "lock", "a.dat", cwd=mine)
    assert re.search(r"a\.dat\s+ada", git_lfs("lfs", "locks", cwd=other))
    git_lfs.refused("lfs", "lock", "a.dat", cwd=other)
    git_lfs("pull", "-q", cwd=other)
    git_lfs.commit(other, {"a.dat": b"two"})
    assert "locked" in git_lfs.refused("push", "origin", "main", cwd=other)
    git_lfs.refused("lfs", "unlock", "a.dat", cwd=other)
    git_lfs("lfs", "unlock", "a.dat", cwd=mine)
    git_lfs("push", "origin", "main", cwd=other)


PARTS = """
import os, pathlib, sys
from huggingface_hub import HfApi, hf_hub_download
repo, hub, size = sys.argv[1], HfApi(), int(sys.argv[2])
pathlib.Path("model.bin").write_bytes(os.urandom(size))
hub.upload_file(path_or_fileobj="model.bin", path_in_repo="model.bin", repo_id=repo)
found = pathlib.Path(hf_hub_download(repo, "model.bin"))
assert found.read_bytes() == pathlib.Path("model.bin").read_bytes()
"""


def test_the_python_client_sends_parts(door: LfsDoor, mine: Computer, hub: LiveHub) -> None:
    mine.run(PARTS, door.repo, 2_000_000)
    digest = oid_of((mine.folder / "model.bin").read_bytes())
    assert hub.log.read_text().count(f"/-/lfs/part/{digest}") == 7


def test_a_download_goes_on_after_the_connection_broke(
    door: LfsDoor, mine: Computer, hub: LiveHub
) -> None:
    data = new_data(25_000_000)  # the client writes ten millions at a time
    door.keep("model.bin", data)
    begin = hub.log.stat().st_size
    line = Line(hub.port, cut_after=15_000_000)
    try:
        elsewhere = Computer(line.url, mine.folder, mine.token)
        elsewhere.hf("download", door.repo, "model.bin", "--local-dir", ".")
    finally:
        line.stop()
    assert (mine.folder / "model.bin").read_bytes() == data
    log = hub.log.read_text()[begin:]
    assert len(re.findall(r"resolve/\S+/model\.bin .*status=206", log)) == 1, log


def test_an_interrupted_upload_goes_on_where_it_stopped(door: LfsDoor) -> None:
    data = new_data(1_100_000)
    oid, size = oid_of(data), len(data)
    first = door.one("upload", oid, size, transfers=BOTH)["actions"]["upload"]
    assert list(first["header"]) == ["chunk_size", "00001", "00002", "00003", "00004"]
    pieces = {f"{n:05}": data[(n - 1) * PART : n * PART] for n in range(1, 5)}
    for number in ("00001", "00003"):
        sent = door.put(first["header"][number], pieces[number])
        assert sent.status_code == 200
        assert sent.headers["ETag"].strip('"')
    early = door.plain.post(first["href"], json={"oid": oid, "parts": []})
    assert 400 <= early.status_code < 500, early.text
    assert door.name("m.bin", oid, size).status_code == 422
    again = door.one("upload", oid, size, transfers=BOTH)["actions"]["upload"]
    for number in ("00004", "00002"):
        assert door.put(again["header"][number], pieces[number]).status_code == 200
    done = door.plain.post(again["href"], json={"oid": oid, "parts": []})
    assert done.status_code == 200, done.text
    assert door.plain.post(again["href"], json={"oid": oid, "parts": []}).status_code == 200
    assert "actions" not in door.one("upload", oid, size, transfers=BOTH)
    assert door.fetch(oid, size) == data
    assert door.name("m.bin", oid, size).status_code == 200


def test_a_part_that_is_wrong(door: LfsDoor, stored: Callable[[], set[str]]) -> None:
    before = stored()
    data = new_data(1_100_000)
    oid, size = oid_of(data), len(data)
    upload = door.one("upload", oid, size, transfers=BOTH)["actions"]["upload"]
    short = door.put(upload["header"]["00001"], data[: PART - 1])
    assert short.status_code == 400, short.text
    for number in range(1, 5):
        piece = data[(number - 1) * PART : number * PART]
        piece = bytes(len(piece)) if number == 2 else piece
        assert door.put(upload["header"][f"{number:05}"], piece).status_code == 200
    done = door.plain.post(upload["href"], json={"oid": oid, "parts": []})
    assert done.status_code == 400, done.text
    assert not door.has(oid, size)
    assert stored() == before
    fresh = door.one("upload", oid, size, transfers=BOTH)["actions"]["upload"]
    for number in range(1, 5):
        piece = data[(number - 1) * PART : number * PART]
        assert door.put(fresh["header"][f"{number:05}"], piece).status_code == 200
    assert door.plain.post(fresh["href"], json={"oid": oid, "parts": []}).status_code == 200
    assert door.fetch(oid, size) == data


def test_other_bytes_than_announced_leave_nothing(
    door: LfsDoor, stored: Callable[[], set[str]]
) -> None:
    before = stored()
    data = new_data(50_000)
    href = door.upload_link(data)
    for wrong in (b"", data[:-1], data + b"x", bytes(len(data))):
        answer = door.put(href, wrong)
        assert answer.status_code in (400, 413, 422), (len(wrong), answer.text)
        assert answer.headers["X-Error-Message"]

    def chunked(size: int) -> Iterator[bytes]:
        for _ in range(size // 10_000):
            yield bytes(10_000)

    for size in (40_000, 50_000, 90_000):
        answer = door.plain.put(href, content=chunked(size))
        assert answer.status_code in (400, 413, 422), answer.text
    assert not door.has(oid_of(data), len(data))
    assert stored() == before
    assert door.post("verify", {"oid": oid_of(data), "size": len(data)}).status_code == 404
    assert door.put(href, data).status_code == 200  # the link is good for another try
    assert door.post("verify", {"oid": oid_of(data), "size": len(data)}).status_code == 200
    assert door.post("verify", {"oid": oid_of(data), "size": 1}).status_code == 422
    assert door.one("download", oid_of(data), 7)["error"]["code"] == 422
    assert door.name("m.bin", oid_of(data), 7).status_code == 422


def test_an_upload_that_breaks_off(door: LfsDoor, stored: Callable[[], set[str]]) -> None:
    before = stored()
    data = new_data(200_000)

    def broken() -> Iterator[bytes]:
        yield data[:100_000]
        raise ConnectionError("the cable")

    href = door.upload_link(data)
    with pytest.raises(ConnectionError):
        door.plain.put(href, content=broken(), headers={"Content-Length": str(len(data))})
    door.send(data)
    assert stored() - before == {f"lfs/{oid_of(data)}"} or all(
        oid_of(data) in name for name in stored() - before
    )


@pytest.mark.parametrize("place", ["resolve", "download"])
def test_ranges_validators_and_heads(door: LfsDoor, place: str) -> None:
    data = new_data(30_000)
    oid = door.keep("m.bin", data)
    url = f"/{door.repo}/resolve/main/m.bin"
    if place == "download":
        url = door.one("download", oid, len(data))["actions"]["download"]["href"]
    get = door.plain.get
    head = door.plain.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == f'"{oid}"'
    assert head.headers["Content-Length"] == "30000"
    assert head.headers["Accept-Ranges"] == "bytes"
    if place == "resolve":
        assert head.headers["X-Linked-Etag"] == f'"{oid}"'
        assert head.headers["X-Linked-Size"] == "30000"
        assert len(head.headers["X-Repo-Commit"]) == 40
    cases = {
        "bytes=0-0": data[:1],
        "bytes=0-100000": data,
        "bytes=29000-": data[29_000:],
        "bytes=100-199": data[100:200],
        "bytes=-10": data[-10:],
        "bytes=-90000": data,
    }
    for asked, wanted in cases.items():
        answer = get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, wanted), asked
        start = len(data) - len(wanted) if asked.endswith("-") or "=-" in asked else None
        told = answer.headers["Content-Range"]
        assert told.endswith("/30000")
        assert start is None or told.startswith(f"bytes {start}-")
    beyond = get(url, headers={"Range": "bytes=30000-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */30000")
    for odd in ("bytes=5-1", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6"):
        assert get(url, headers={"Range": odd}).content == data
    assert get(url, headers={"If-None-Match": f'"{oid}"'}).status_code == 304
    part = {"Range": "bytes=5-9"}
    assert get(url, headers={**part, "If-Range": f'"{oid}"'}).status_code == 206
    assert get(url, headers={**part, "If-Range": '"other"'}).content == data


def test_a_pointer_is_text_and_the_file_is_what_it_names(door: LfsDoor) -> None:
    data = new_data()
    oid = door.keep("page.html", data)
    raw = door.plain.get(f"/{door.repo}/raw/main/page.html")
    assert f"oid sha256:{oid}" in raw.text
    answer = door.plain.get(f"/{door.repo}/resolve/main/page.html")
    assert answer.content == data
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_the_etag_changes_with_the_revision(door: LfsDoor) -> None:
    first, second = new_data(), new_data()
    door.keep("m.bin", first)
    sha = door.client.get(f"/api/models/{door.repo}").json()["sha"]
    door.keep("m.bin", second)
    for revision, data in ((sha, first), ("main", second)):
        answer = door.plain.get(f"/{door.repo}/resolve/{revision}/m.bin")
        assert (answer.headers["ETag"], answer.content) == (f'"{oid_of(data)}"', data)


def test_a_taken_away_file_is_gone_by_every_door(
    door: LfsDoor, ada: LiveUser, mine: Computer, git_lfs: GitClient
) -> None:
    """Its pointer stays in the history, unless that is rewritten too."""
    data = new_data()
    oid = door.keep("secret.bin", data)
    clone = git_lfs.clone(ada.git_url(door.repo), "clone")
    body = {"deletions": {"sha": [oid], "rewriteHistory": False}}
    done = door.client.post(f"/api/models/{door.repo}/lfs-files/batch", json=body)
    assert done.status_code == 200, done.text
    assert not door.has(oid, len(data))
    for method in ("GET", "HEAD"):
        answer = door.client.request(method, f"/{door.repo}/resolve/main/secret.bin")
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "EntryNotFound")
    with pytest.raises(ScriptFailed, match="File not found in model"):
        mine.hf("download", door.repo, "secret.bin")
    git_lfs("lfs", "fetch", "--all", cwd=clone)  # it has the object
    fresh = git_lfs.run("clone", ada.git_url(door.repo), "fresh")
    assert fresh.code != 0
    assert "secret.bin" in fresh.err


def _resident(hub: LiveHub, name: str) -> int:
    """Bytes of memory of the server, now or at most (VmHWM)."""
    assert hub.process
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    match = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    assert match
    return int(match[1]) * 1024


@pytest.mark.parametrize(
    "size", [300 * 10**6, pytest.param(10**9, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_memory_stays_flat(door: LfsDoor, hub: LiveHub, size: int) -> None:
    door.keep("small.bin", new_data(500_000))
    assert hub.process
    Path(f"/proc/{hub.process.pid}/clear_refs").write_text("5")  # the highest mark begins anew
    before = _resident(hub, "VmRSS")
    oid = stream_oid(size)
    href = door.one("upload", oid, size)["actions"]["upload"]["href"]
    sent = door.plain.put(href, content=stream(size), headers={"Content-Length": str(size)})
    assert sent.status_code == 200, sent.text
    href = door.one("download", oid, size)["actions"]["download"]["href"]
    wanted = stream(size)
    rest = b""
    with door.plain.stream("GET", href) as answer:
        for piece in answer.iter_bytes(1 << 20):
            while len(rest) < len(piece):
                rest += next(wanted)
            assert rest.startswith(piece)
            rest = rest[len(piece) :]
    assert not rest
    assert next(wanted, None) is None
    assert _resident(hub, "VmHWM") - before < 50 * 10**6
