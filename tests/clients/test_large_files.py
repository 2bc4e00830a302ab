"""Large files through git-lfs and the Python client, over every kind of store."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError

from hub_server.blobs.s3client import S3Place
from tests.support.gitclient import GitClient
from tests.support.s3 import make_bucket
from tests.support.server import LiveHub, LiveUser

MIB = 1024**2
LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}

pytestmark = [
    pytest.mark.client,
    pytest.mark.git,
    pytest.mark.xdist_group("ceph"),  # its servers too are started once
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),  # the client's own warnings are not ours
]


@dataclass
class Scene:
    hub: LiveHub
    ada: LiveUser
    bob: LiveUser
    place: S3Place | None

    def api(self, user: LiveUser | None = None) -> HfApi:
        return HfApi(endpoint=self.hub.url, token=(user or self.ada).token)

    def batch(self, user: LiveUser, repo: str, body: dict[str, Any]) -> Any:
        with user.client() as client:
            answer = client.post(f"/{repo}.git/info/lfs/objects/batch", json=body, headers=LFS)
        assert answer.status_code == 200, answer.text
        return answer.json()


def s3_settings(place: S3Place, *, direct: bool) -> dict[str, str]:
    return {
        "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
        "HUB_S3_ENDPOINT": place.endpoint or "",
        "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
        "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
        "HUB_S3_DIRECT": "true" if direct else "false",
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


STORES = [
    "file",
    pytest.param("moto-direct", id="moto-direct"),
    pytest.param("ceph-passing", marks=pytest.mark.s3),
    pytest.param("ceph-direct", marks=pytest.mark.s3),
]


@pytest.fixture(scope="module", params=STORES)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One server for each kind of store."""
    settings = {"HUB_LFS_MULTIPART_THRESHOLD": "6MB", "HUB_LFS_PART_SIZE": "5242880"}
    kind, _, way = request.param.partition("-")
    place = None
    if kind != "file":
        place = make_bucket(request.getfixturevalue(f"{kind}_endpoint"))
        settings |= s3_settings(place, direct=way == "direct")
    hub = LiveHub(tmp_path_factory.mktemp("large") / "data", settings).start()
    try:
        yield Scene(hub, hub.make_user("ada"), hub.make_user("bob"), place)
    finally:
        hub.close()


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


@pytest.fixture
def data() -> bytes:
    """Content that no other test has sent: 7 MiB, which is two parts."""
    return os.urandom(7 * MIB + 5)


def test_git_lfs(scene: Scene, data: bytes, git_lfs: GitClient) -> None:
    """Small and large files go up, come down for somebody else, and are stored once."""
    repo = scene.ada.make_repo()
    clone = git_lfs.clone(scene.ada.git_url(repo), "first")
    git_lfs("lfs", "track", "*.bin", cwd=clone)
    files = {"large.bin": data, "small.bin": b"small", "copy.bin": data, "readme.txt": "plain"}
    git_lfs.commit(clone, files)
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    other = git_lfs.clone(scene.bob.git_url(repo), "second")
    for name, sent in files.items():
        assert (other / name).read_bytes() == (sent if isinstance(sent, bytes) else sent.encode())
    git_lfs.commit(clone, {"again.bin": data})
    said = git_lfs.said("push", "origin", "HEAD:main", cwd=clone)
    assert "Uploading LFS objects: 100%" in said or "Uploading" not in said


def test_the_python_client(scene: Scene, data: bytes, tmp_path: Path) -> None:
    """Small ones in one request, large ones in parts, and back again."""
    repo, api = scene.ada.make_repo(), scene.api()
    files = {"large.bin": data, "sub/small.bin": b"small", "notes.txt": b"text"}
    api.create_commit(
        repo,
        [CommitOperationAdd(name, sent) for name, sent in files.items()],
        commit_message="files",
    )
    for name, sent in files.items():
        path = Path(scene.api(scene.bob).hf_hub_download(repo, name, cache_dir=tmp_path / "c"))
        assert path.read_bytes() == sent
    entry = next(each for each in api.get_paths_info(repo, ["large.bin"]))
    assert (entry.lfs.sha256, entry.lfs.size) == (sha256(data), len(data))  # type: ignore[union-attr]


def test_ranges(scene: Scene, data: bytes) -> None:
    repo = scene.ada.make_repo()
    scene.api().upload_file(path_or_fileobj=data, path_in_repo="a.bin", repo_id=repo)
    with scene.bob.client(follow_redirects=True) as client:
        for wanted, expected in {
            "bytes=5-9": data[5:10],
            "bytes=-7": data[-7:],
            f"bytes={len(data) - 3}-": data[-3:],
        }.items():
            answer = client.get(f"/{repo}/resolve/main/a.bin", headers={"Range": wanted})
            assert (answer.status_code, answer.content) == (206, expected)
        beyond = {"Range": f"bytes={len(data)}-"}
        assert client.get(f"/{repo}/resolve/main/a.bin", headers=beyond).status_code == 416


def test_an_oid_is_no_capability(scene: Scene, data: bytes) -> None:
    private = scene.ada.make_repo(private=True)
    scene.api().upload_file(path_or_fileobj=data, path_in_repo="a.bin", repo_id=private)
    mine = scene.bob.make_repo()
    wish = {"oid": sha256(data), "size": len(data)}
    down = {"operation": "download", "objects": [wish]}
    assert scene.batch(scene.bob, mine, down)["objects"][0]["error"]["code"] == 404
    up = scene.batch(scene.bob, mine, {"operation": "upload", "objects": [wish]})
    assert "upload" in up["objects"][0]["actions"]
    line = {"key": "lfsFile", "value": {"path": "a.bin", "algo": "sha256", "oid": sha256(data)}}
    header = {"key": "header", "value": {"summary": "steal"}}
    with scene.bob.client() as client:
        answer = client.post(
            f"/api/models/{mine}/commit/main",
            content="\n".join(json.dumps(each) for each in (header, line)),
            headers={"Content-Type": "application/x-ndjson"},
        )
    assert 400 <= answer.status_code < 500


def test_other_bytes_than_announced(scene: Scene) -> None:
    """A client that lies about its bytes can commit nothing."""
    repo = scene.ada.make_repo()
    right = os.urandom(5)
    wish = {"oid": sha256(right), "size": 5}
    told = scene.batch(scene.ada, repo, {"operation": "upload", "objects": [wish]})
    href = told["objects"][0]["actions"]["upload"]["href"]
    sent = httpx.put(href, content=b"wrong", timeout=60)
    assert sent.status_code == (200 if scene.place and "X-Amz" in href else 400)
    api = scene.api()
    operation = CommitOperationAdd("a.bin", right)
    operation._is_uploaded = True
    operation._upload_mode = "lfs"
    with pytest.raises(HfHubHTTPError):
        api.create_commit(repo, [operation], commit_message="lie")
    again = scene.batch(scene.ada, repo, {"operation": "upload", "objects": [wish]})
    assert "actions" in again["objects"][0]


def test_an_interrupted_upload_in_parts(scene: Scene, data: bytes) -> None:
    """What arrived before the break is not needed a second time, not even after a restart."""
    repo = scene.ada.make_repo()
    wish = {"oid": sha256(data), "size": len(data)}
    body = {"operation": "upload", "transfers": ["basic", "multipart"], "objects": [wish]}
    first = scene.batch(scene.ada, repo, body)["objects"][0]["actions"]["upload"]
    assert httpx.put(first["header"]["00001"], content=data[: 5 * MIB]).status_code == 200
    scene.hub.kill()
    scene.hub.start()
    second = scene.batch(scene.ada, repo, body)["objects"][0]["actions"]["upload"]
    etag = httpx.put(second["header"]["00002"], content=data[5 * MIB :]).headers["ETag"]
    assert etag
    done = httpx.post(second["href"], json={"oid": sha256(data), "parts": []}, timeout=60)
    assert done.status_code == 200, done.text
    assert "actions" not in scene.batch(scene.ada, repo, body)["objects"][0]


def test_locks(scene: Scene, git_lfs: GitClient) -> None:
    if scene.place:
        pytest.skip("locks are rows; the store does not matter")
    repo = scene.ada.make_repo()
    clone = git_lfs.clone(scene.ada.git_url(repo), "first")
    git_lfs("lfs", "track", "--lockable", "*.bin", cwd=clone)
    git_lfs.commit(clone, {"a.bin": b"1"})
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    git_lfs("lfs", "lock", "a.bin", cwd=clone)
    assert "a.bin" in git_lfs("lfs", "locks", cwd=clone)
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    git_lfs("lfs", "unlock", "a.bin", cwd=clone)
    assert "a.bin" not in git_lfs("lfs", "locks", cwd=clone)


def test_the_store_is_away(scene: Scene, data: bytes, git_lfs: GitClient) -> None:
    """Clear words while nothing can be kept, and nothing is lost."""
    if scene.place:
        pytest.skip("the directory is what can be taken away here")
    repo = scene.ada.make_repo()
    folder = scene.hub.data_dir / "blobs" / "incoming"
    away = folder.rename(folder.with_name("away"))
    wish = {"oid": sha256(data), "size": len(data)}
    told = scene.batch(scene.ada, repo, {"operation": "upload", "objects": [wish]})
    href = told["objects"][0]["actions"]["upload"]["href"]
    refused = httpx.put(href, content=data, timeout=60)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    away.rename(folder)
    time.sleep(0.1)
    assert httpx.put(href, content=data, timeout=60).status_code == 200
