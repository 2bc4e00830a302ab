"""Xet over every kind of store and behind the front proxy: where bytes come from, and which."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hub_server.blobs.s3client import S3Place
from tests.support.nginx import StartNginx
from tests.support.s3 import make_bucket
from tests.support.scripts import Computer
from tests.support.server import LiveHub, LiveUser
from tests.support.xetclient import Sent, XetClient

MB = 10**6
PREFIX = "/class"

pytestmark = [
    pytest.mark.client,
    pytest.mark.xdist_group("ceph"),
    pytest.mark.timeout(300),
]

STORES = [
    pytest.param("moto-direct", id="moto-direct"),
    pytest.param("ceph-passing", marks=pytest.mark.s3),
    pytest.param("ceph-direct", marks=pytest.mark.s3),
    pytest.param("nginx", marks=pytest.mark.nginx),
]
SCRIPT = """
import sys
from huggingface_hub import HfApi, hf_hub_download
repo, file = sys.argv[1:]
HfApi().upload_file(path_or_fileobj=file, path_in_repo=file, repo_id=repo)
hf_hub_download(repo, file, local_dir="got")
"""


@dataclass
class Scene:
    """`url` is how clients reach the hub, `bytes_from` where links to bytes lead."""

    kind: str
    hub: LiveHub
    ada: LiveUser
    url: str
    bytes_from: str

    def http(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.ada.token}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)


@pytest.fixture(scope="module", params=STORES)
def scene(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    module_nginx: StartNginx,
) -> Iterator[Scene]:
    """One server for each kind of store; the last one below a path of a proxy that sends files."""
    kind, _, way = request.param.partition("-")
    hub = LiveHub(tmp_path_factory.mktemp("xet") / "data")
    url, place = hub.url, None
    if kind == "nginx":
        node = f"127.0.0.1:{hub.port}"
        url = module_nginx([node], blobs=hub.data_dir / "blobs", prefix=PREFIX) + PREFIX
        hub.settings = {
            "HUB_XACCEL": "/-/xaccel/",
            "HUB_PUBLIC_URL": url,
            "HUB_TRUSTED_PROXIES": "127.0.0.1",
        }
    else:
        place = make_bucket(request.getfixturevalue(f"{kind}_endpoint"))
        hub.settings = _s3(place, direct=way == "direct")
    try:
        hub.start()
        away = place.endpoint if place and way == "direct" else None
        yield Scene(request.param, hub, hub.make_user("ada"), url, away or url)
    finally:
        hub.close()


def _s3(place: S3Place, *, direct: bool) -> dict[str, str]:
    return {
        "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
        "HUB_S3_ENDPOINT": place.endpoint or "",
        "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
        "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
        "HUB_S3_DIRECT": "true" if direct else "false",
    }


def test_up_and_down(scene: Scene, tmp_path: Path) -> None:
    """The real client; and a plain GET, which no store can answer by itself."""
    mine = Computer(scene.url, tmp_path, scene.ada.token, xet=True)
    data = os.urandom(3 * MB)
    (tmp_path / "a.bin").write_bytes(data)
    with scene.http() as client:
        made = client.post("/api/repos/create", json={"name": "first", "type": "model"})
        assert made.is_success, made.text
        mine.run(SCRIPT, "ada/first", "a.bin")
        assert (tmp_path / "got" / "a.bin").read_bytes() == data
        plain = client.get("/ada/first/resolve/main/a.bin", headers={"range": "bytes=1-2000000"})
        assert (plain.status_code, plain.content) == (206, data[1:2_000_001])


def test_links_to_bytes(scene: Scene) -> None:
    with scene.http() as client:
        client.post("/api/repos/create", json={"name": "second", "type": "model"})
        mine = XetClient(client, "models/ada/second")
        sent = Sent.fresh(400_000)
        mine.put(sent)
        assert mine.read(sent.file.name, 5, 300_000) == sent.data[5:300_001]
        plan = mine.reconstruction(sent.file.name, "bytes=0-5").json()
        (entry,) = plan["xorbs"][sent.xorb.name]
        span = entry["ranges"][0]["bytes"]
        assert entry["url"].startswith(scene.bytes_from + "/")
        answer = mine.fetch(entry["url"], span["start"], span["end"])
        assert answer.status_code == 206
        assert "X-Accel-Redirect" not in answer.headers
        assert answer.content == sent.xorb.body[: span["end"] + 1]
        if scene.kind != "moto-direct":  # which looks at no signature
            assert mine.fetch(entry["url"], 0, span["end"] + 1).status_code == 403
            assert httpx.get(entry["url"], trust_env=False).status_code == 403
