"""A hub whose large files and packs lie in a bucket: on Ceph with PostgreSQL, on moto with SQLite;
all bytes through the hub, or clients at the store itself, under an address of its own."""

import contextlib
import dataclasses
import os
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config

from hub_server.blobs.s3client import S3Place
from tests.support.gitclient import GitClient
from tests.support.lfsclient import LfsDoor, OpenDoor, new_data, oid_of
from tests.support.relays import Line
from tests.support.s3 import make_bucket
from tests.support.scripts import HF, Computer
from tests.support.server import DidNotStart, LiveHub, LiveUser

pytestmark = [pytest.mark.client, pytest.mark.git, pytest.mark.timeout(300)]

THRESHOLD, PART = 6_000_000, 5 * 1024**2
CEPH = [pytest.mark.s3, pytest.mark.postgres]
BOTH = ("basic", "multipart")


@dataclass
class S3Hub:
    """`public` is what clients are told of the store; `settings` make another node of it."""

    live: LiveHub
    place: S3Place
    public: str
    direct: bool
    settings: dict[str, str] = field(default_factory=dict)

    def names(self) -> set[str]:
        """What lies in the bucket under final names."""
        config = Config(s3={"addressing_style": "path"})
        client = boto3.client(
            "s3", endpoint_url=self.place.endpoint, region_name="us-east-1", config=config,
            aws_access_key_id=self.place.access_key_id,
            aws_secret_access_key=self.place.secret_access_key,
        )  # fmt: skip
        found = client.list_objects_v2(Bucket=self.place.bucket, Prefix=self.place.prefix)
        client.close()
        keys = (each["Key"].removeprefix(f"{self.place.prefix}/") for each in found["Contents"])
        return {key for key in keys if not key.startswith("cache/")}


def settings_of(place: S3Place, endpoint: str, public: str, *, direct: bool) -> dict[str, str]:
    return {
        "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
        "HUB_S3_ENDPOINT": endpoint,
        "HUB_S3_PUBLIC_ENDPOINT": public if direct else "",
        "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
        "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
        "HUB_S3_DIRECT": str(direct).lower(),
        "HUB_SECRET_KEY": secrets.token_hex(24),
        "HUB_LFS_MULTIPART_THRESHOLD": str(THRESHOLD),
        "HUB_LFS_PART_SIZE": str(PART),
        "HUB_XACCEL": "/-/xaccel/",  # means nothing with S3
    }


KINDS = [
    "moto-passing",
    "moto-direct",
    pytest.param("ceph-passing", marks=CEPH),
    pytest.param("ceph-direct", marks=CEPH),
]


def on(*kinds: str) -> pytest.MarkDecorator:
    """Only on hubs of these kinds."""
    return pytest.mark.parametrize(
        "s3_hub",
        [kind for kind in KINDS if any(name in str(kind) for name in kinds)],
        indirect=True,
    )


passing, direct, on_ceph = on("passing"), on("direct"), on("ceph")


@pytest.fixture(scope="module", params=KINDS)
def s3_hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Hub]:
    service, way = request.param.split("-")
    endpoint = request.getfixturevalue(f"{service}_endpoint")
    place, direct = make_bucket(endpoint), way == "direct"
    with contextlib.ExitStack() as stack:
        line = Line(int(endpoint.rpartition(":")[2]))
        stack.callback(line.stop)
        settings = settings_of(place, endpoint, line.url, direct=direct)
        if service == "ceph":
            cluster = request.getfixturevalue("postgres_cluster")
            name = cluster.create()
            stack.callback(cluster.drop, name)
            settings["HUB_DATABASE_URL"] = cluster.url(name)
        live = LiveHub(tmp_path_factory.mktemp("s3") / "data", settings)
        stack.callback(live.close)
        yield S3Hub(live.start(), place, line.url, direct, settings)


@pytest.fixture(scope="module")
def hub(s3_hub: S3Hub) -> LiveHub:
    return s3_hub.live


@pytest.fixture(scope="module")
def ada(hub: LiveHub) -> LiveUser:
    return hub.make_user("ada")


@pytest.fixture
def door(open_door: OpenDoor, ada: LiveUser) -> LfsDoor:
    return open_door(ada, ada.make_repo())


def pieces(data: bytes) -> list[bytes]:
    return [data[start : start + PART] for start in range(0, len(data), PART)]


def test_git_lfs(s3_hub: S3Hub, ada: LiveUser, door: LfsDoor, git_lfs: GitClient) -> None:
    url = ada.git_url(door.repo)
    first = git_lfs.clone(url, "first")
    git_lfs("lfs", "track", "*.dat", cwd=first)
    files = {f"deep dir/{size}.dat": os.urandom(size) for size in (1, 300_000, 7_000_000)}
    git_lfs.commit(first, {**files, "README.md": "# Words\n"})
    git_lfs("push", "origin", "main", cwd=first)
    second = git_lfs.clone(url, "second")
    for name, data in files.items():
        assert (second / name).read_bytes() == data
        assert f"lfs/{oid_of(data)}" in s3_hub.names()
    log = s3_hub.live.log.read_text()
    assert ("/-/lfs/upload/" in log) is not s3_hub.direct
    assert ("/-/lfs/download/" in log) is not s3_hub.direct


@direct
def test_git_lfs_sends_parts_to_the_store(
    s3_hub: S3Hub, ada: LiveUser, door: LfsDoor, git_lfs: GitClient
) -> None:
    """By the agent that `hf lfs-enable-largefiles` installs."""
    clone = git_lfs.clone(ada.git_url(door.repo), "clone")
    path = f"{Path(HF).parent}{os.pathsep}{git_lfs.environment['PATH']}"
    environment = {**git_lfs.environment, "PATH": path}
    subprocess.run([HF, "lfs-enable-largefiles", "."], cwd=clone, env=environment, check=True)
    git_lfs("lfs", "track", "*.dat", cwd=clone)
    data = os.urandom(11_000_000)
    git_lfs.commit(clone, {"large.dat": data, "small.dat": b"few"})
    git_lfs("push", "origin", "main", cwd=clone, PATH=path)
    assert door.fetch(oid_of(data), len(data)) == data
    assert f"/-/lfs/part/{oid_of(data)}" not in s3_hub.live.log.read_text()


PYTHON = """
import os, pathlib, sys
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
repo, hub = sys.argv[1], HfApi()
files = {"small.bin": os.urandom(200_000), "parts.bin": os.urandom(11_000_000), "a.txt": b"words"}
for name, data in files.items():
    path = pathlib.Path("up", name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
hub.upload_folder(folder_path="up", repo_id=repo)
there = pathlib.Path(snapshot_download(repo))
for name, data in files.items():
    assert (there / name).read_bytes() == data, name
fs = HfFileSystem()
with fs.open(f"{repo}/parts.bin", block_size=2**20) as file:
    file.seek(10_999_990)
    assert file.read() == files["parts.bin"][-10:]
    file.seek(5_000_000)
    assert file.read(1000) == files["parts.bin"][5_000_000:5_001_000]
assert fs.cat_file(f"{repo}/small.bin") == files["small.bin"]
hub.duplicate_repo(repo, repo + "-copy")
again = hf_hub_download(repo + "-copy", "small.bin", local_dir="copy")
assert pathlib.Path(again).read_bytes() == files["small.bin"]
"""


def test_the_python_client(s3_hub: S3Hub, ada: LiveUser, tmp_path: Path) -> None:
    computer = Computer(s3_hub.live.url, tmp_path, ada.token)
    computer.run(PYTHON, ada.make_repo(private=True))
    sent = {oid_of((tmp_path / "up" / name).read_bytes()) for name in ("small.bin", "parts.bin")}
    assert {f"lfs/{oid}" for oid in sent} <= s3_hub.names()
    log = s3_hub.live.log.read_text()
    for oid in sent:
        assert bool(re.search(f"/-/lfs/(upload|part)/{oid}", log)) is not s3_hub.direct


def test_nothing_is_left_on_the_way(s3_hub: S3Hub, door: LfsDoor) -> None:
    data = new_data()
    oid = _sent(s3_hub, door, data) if s3_hub.direct else door.send(data)
    assert f"lfs/{oid}" in s3_hub.names()
    assert not {name for name in s3_hub.names() if name.startswith("incoming/")}


def put_directly(s3_hub: S3Hub, link: str, data: bytes) -> httpx.Response:
    """As the Python client does it: no headers but the length."""
    assert link.startswith(f"{s3_hub.public}/{s3_hub.place.bucket}/")
    return httpx.put(link, content=data)


@direct
def test_what_clients_claim_is_read_back(s3_hub: S3Hub, door: LfsDoor) -> None:
    """The store takes the bytes of a liar; the hub does not."""
    data = new_data(50_000)
    oid, size = oid_of(data), len(data)
    actions = door.one("upload", oid, size)["actions"]
    sent = put_directly(s3_hub, actions["upload"]["href"], bytes(size))
    assert sent.status_code == 200, sent.text
    early = door.name("lie.bin", oid, size)  # without asking the hub to verify
    assert early.status_code == 422, early.text
    done = door.plain.post(actions["verify"]["href"], json={"oid": oid, "size": size})
    assert done.status_code in (400, 410), done.text
    assert not door.has(oid, size)
    assert f"lfs/{oid}" not in s3_hub.names()
    fresh = door.one("upload", oid, size)["actions"]
    href = fresh["upload"]["href"]
    assert put_directly(s3_hub, href, data).status_code == 200
    verify = {"oid": oid, "size": size}
    assert door.plain.post(fresh["verify"]["href"], json=verify).status_code == 200
    late = put_directly(s3_hub, href, bytes(size))
    assert late.status_code >= 400  # and if it had been taken, it is no longer that object
    assert door.fetch(oid, size) == data
    assert f"lfs/{oid}" in s3_hub.names()


@direct
def test_a_link_takes_only_so_many_bytes(s3_hub: S3Hub, door: LfsDoor) -> None:
    data = new_data(50_000)
    oid, size = oid_of(data), len(data)
    actions = door.one("upload", oid, size)["actions"]
    for wrong in (data[:-1], data + b"x"):
        sent = put_directly(s3_hub, actions["upload"]["href"], wrong)
        done = door.plain.post(actions["verify"]["href"], json={"oid": oid, "size": size})
        assert sent.status_code >= 400 or done.status_code >= 400
        assert not door.has(oid, size)
    assert f"lfs/{oid}" not in s3_hub.names()


@direct
def test_a_commit_verifies_what_nobody_verified(s3_hub: S3Hub, door: LfsDoor) -> None:
    data = new_data(50_000)
    oid, size = oid_of(data), len(data)
    href = door.one("upload", oid, size)["actions"]["upload"]["href"]
    assert not door.has(oid, size)
    assert put_directly(s3_hub, href, data).status_code == 200
    assert not door.has(oid, size)
    assert door.name("a.bin", oid, size).status_code == 200
    assert door.fetch(oid, size) == data


@direct
def test_git_lfs_is_stopped_by_the_store(s3_hub: S3Hub, door: LfsDoor) -> None:
    """It sends the headers it is told, so the signature covers the hash."""
    data = new_data(50_000)
    door.client.headers["User-Agent"] = "git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)"
    upload = door.one("upload", oid_of(data), len(data))["actions"]["upload"]
    assert upload["header"] == {"x-amz-content-sha256": oid_of(data)}
    wrong = httpx.put(upload["href"], content=bytes(len(data)), headers=upload["header"])
    if "HUB_DATABASE_URL" in s3_hub.settings:  # Ceph
        assert wrong.status_code == 400, wrong.text
    right = httpx.put(upload["href"], content=data, headers=upload["header"])
    assert right.status_code == 200, right.text


@direct
def test_lying_parts(s3_hub: S3Hub, door: LfsDoor) -> None:
    data = new_data(11_000_000)
    oid, size = oid_of(data), len(data)
    for honest in (False, True):
        upload = door.one("upload", oid, size, transfers=BOTH)["actions"]["upload"]
        sent = []
        for number, piece in enumerate(pieces(data), 1):
            body = piece if honest or number != 2 else bytes(len(piece))
            answer = put_directly(s3_hub, upload["header"][f"{number:05}"], body)
            assert answer.status_code == 200
            sent.append({"partNumber": number, "etag": answer.headers["ETag"]})
        done = door.plain.post(upload["href"], json={"oid": oid, "parts": sent})
        assert (done.status_code == 200) is honest, done.text
        assert door.has(oid, size) is honest
        assert (f"lfs/{oid}" in s3_hub.names()) is honest
    assert door.fetch(oid, size) == data


def test_parts_that_were_sent_before_count(s3_hub: S3Hub, door: LfsDoor) -> None:
    data = new_data(11_000_000)
    oid, size = oid_of(data), len(data)
    for numbers in ((3, 1), (2,)):
        upload = door.one("upload", oid, size, transfers=BOTH)["actions"]["upload"]
        for number in numbers:
            link, piece = upload["header"][f"{number:05}"], pieces(data)[number - 1]
            assert httpx.put(link, content=piece).status_code == 200
    done = door.plain.post(upload["href"], json={"oid": oid, "parts": []})
    assert done.status_code == 200, done.text
    assert door.fetch(oid, size) == data


@passing
def test_other_bytes_through_the_hub(s3_hub: S3Hub, door: LfsDoor) -> None:
    before, data = s3_hub.names(), new_data(50_000)
    href = door.upload_link(data)
    for wrong in (bytes(len(data)), data[:-1], data + b"x"):
        assert door.put(href, wrong).status_code in (400, 413, 422)
    assert s3_hub.names() == before
    assert not door.has(oid_of(data), len(data))


@direct
def test_links_to_the_store_make_no_pages(s3_hub: S3Hub, door: LfsDoor) -> None:
    """Whatever the file is, and however the link is changed: an attachment of plain bytes."""
    data = b"<script>alert(1)</script>" * 500
    oid = _sent(s3_hub, door, data)
    assert door.name("page.html", oid, len(data)).status_code == 200
    place = f"/{door.repo}/resolve/main/page.html"
    redirected = door.plain.get(place)
    assert redirected.status_code == 302
    assert redirected.headers["X-Linked-Etag"] == f'"{oid}"'
    assert len(redirected.headers["X-Repo-Commit"]) == 40
    by_batch = door.one("download", oid, len(data))["actions"]["download"]["href"]
    for link in (redirected.headers["Location"], by_batch):
        assert link.startswith(f"{s3_hub.public}/")
        answer = httpx.get(link)
        assert answer.content == data
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        part = httpx.get(link, headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, data[5:10])
        changed = link.replace("attachment", "inline").replace("octet-stream", "html")
        if "HUB_DATABASE_URL" in s3_hub.settings:  # Ceph checks signatures
            assert httpx.get(changed).status_code == 403
            assert httpx.get(link.split("?")[0]).status_code == 403
    head = door.plain.head(place)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(data)))


def _sent(s3_hub: S3Hub, door: LfsDoor, data: bytes) -> str:
    actions = door.one("upload", oid_of(data), len(data))["actions"]
    assert put_directly(s3_hub, actions["upload"]["href"], data).status_code == 200
    body = {"oid": oid_of(data), "size": len(data)}
    assert door.plain.post(actions["verify"]["href"], json=body).status_code == 200
    return oid_of(data)


def test_the_front_proxy_is_not_asked_to_send(s3_hub: S3Hub, door: LfsDoor) -> None:
    data = new_data()
    oid = _sent(s3_hub, door, data) if s3_hub.direct else door.send(data)
    assert door.name("a.bin", oid).status_code == 200
    answer = door.plain.get(f"/{door.repo}/resolve/main/a.bin")
    assert "X-Accel-Redirect" not in answer.headers
    whole = door.plain.get(f"/{door.repo}/resolve/main/a.bin", follow_redirects=True)
    assert whole.content == data
    for asked, wanted in (("bytes=10-19", data[10:20]), ("bytes=-7", data[-7:])):
        part = door.plain.get(
            f"/{door.repo}/resolve/main/a.bin", headers={"Range": asked}, follow_redirects=True
        )
        assert (part.status_code, part.content) == (206, wanted)


@on_ceph
def test_two_nodes_share_a_bucket(
    s3_hub: S3Hub, ada: LiveUser, door: LfsDoor, git_lfs: GitClient, tmp_path: Path
) -> None:
    first = git_lfs.clone(ada.git_url(door.repo), "first")
    git_lfs("lfs", "track", "*.dat", cwd=first)
    files = {"a.dat": os.urandom(100_000), "b.txt": b"words"}
    git_lfs.commit(first, files)
    git_lfs("push", "origin", "main", cwd=first)
    other = LiveHub(tmp_path / "other", s3_hub.settings).start()
    try:
        there = LiveUser(other, ada.name, ada.token, ada.password)
        second = git_lfs.clone(there.git_url(door.repo), "second")
        assert {name: (second / name).read_bytes() for name in files} == files
        git_lfs.commit(second, {"c.dat": b"back", "a.dat": "other"})
        git_lfs("push", "origin", "main", cwd=second)
        git_lfs("pull", "-q", cwd=first)
        assert (first / "c.dat").read_bytes() == b"back"
        far = LfsDoor(other, there, door.repo)
        data = new_data(11_000_000)
        upload = door.one("upload", oid_of(data), len(data), transfers=BOTH)["actions"]["upload"]
        for number, piece in enumerate(pieces(data), 1):  # half here, half there
            link = upload["header"][f"{number:05}"]
            target = link if number % 2 else link.replace(s3_hub.live.url, other.url)
            assert httpx.put(target, content=piece).status_code == 200
        done = far.plain.post(upload["href"].replace(s3_hub.live.url, other.url), json={
            "oid": oid_of(data), "parts": []})  # fmt: skip
        assert done.status_code == 200, done.text
        assert far.fetch(oid_of(data), len(data)) == data
        far.close()
    finally:
        other.close()


def test_the_hub_starts_only_with_its_store(
    make_hub: Callable[..., LiveHub], moto_endpoint: str, free_port: int
) -> None:
    """And says in one sentence what is wrong."""
    place = make_bucket(moto_endpoint)
    nobody = f"http://127.0.0.1:{free_port}"
    other = dataclasses.replace(place, bucket="never-made")
    for wrong, endpoint, words in ((place, nobody, "reached"), (other, moto_endpoint, "bucket")):
        with pytest.raises(DidNotStart, match=words) as failure:
            make_hub(**settings_of(wrong, endpoint, "", direct=False))
        assert "Traceback" not in str(failure.value)


@pytest.mark.parametrize("way", ["passing", "direct"])
def test_while_the_store_is_away(
    make_hub: Callable[..., LiveHub], moto_endpoint: str, git_lfs: GitClient, way: str
) -> None:
    """503 with Retry-After on every door, and nothing is lost when it comes back."""
    line = Line(int(moto_endpoint.rpartition(":")[2]))
    try:
        place = make_bucket(moto_endpoint)
        settings = settings_of(place, line.url, line.url, direct=way == "direct")
        user = make_hub(**settings).make_user()
        door = LfsDoor(user.hub, user, user.make_repo())
        live = S3Hub(user.hub, place, line.url, way == "direct")
        data, more = new_data(), new_data()
        oid = _sent(live, door, data) if live.direct else door.send(data)
        assert door.name("a.bin", oid).status_code == 200
        clone = git_lfs.clone(user.git_url(door.repo), "clone")
        link = door.one("upload", oid_of(more), len(more))["actions"]["upload"]["href"]
        line.stop()
        _while_away(live, door, more, link)
        git_lfs.commit(clone, {"b.txt": "words"})
        said = git_lfs.refused("push", "origin", "main", cwd=clone)
        assert "503" in said or "storage" in said.lower(), said
        line.start()
        git_lfs("push", "origin", "main", cwd=clone)
        assert door.fetch(oid, len(data)) == data
        assert door.client.get(f"/{door.repo}/raw/main/b.txt").text == "words"
        if not live.direct:
            assert door.put(link, more).status_code == 200
        door.close()
    finally:
        line.stop()


def _while_away(s3_hub: S3Hub, door: LfsDoor, more: bytes, link: str) -> None:
    answers = [door.commit([("file", {"path": "c.txt", "content": "x", "encoding": "utf-8"})])]
    if s3_hub.direct:
        answers.append(door.ask("upload", [(oid_of(b"z"), 1)]))
    else:
        answers.append(door.put(link, more))
        answers.append(door.plain.get(f"/{door.repo}/resolve/main/a.bin"))
    for answer in answers:
        assert answer.status_code == 503, (answer.request.url, answer.text)
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["X-Error-Message"]
    assert door.client.get(f"/api/models/{door.repo}").status_code == 200
    assert door.client.get(f"/{door.repo}/raw/main/.gitattributes").status_code == 200
