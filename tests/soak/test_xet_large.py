"""Large files by Xet at their full size, and folders of many: up, down, byte for byte."""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak.state import scaled
from tests.support.s3 import make_bucket
from tests.support.scripts import Computer
from tests.support.server import LiveHub

MB = 10**6
JAVASCRIPT = Path(__file__).parents[1] / "js" / "transfer.mjs"

pytestmark = [pytest.mark.soak, pytest.mark.client, pytest.mark.timeout(0)]

UPLOAD = """
import sys
from huggingface_hub import HfApi
HfApi().upload_file(path_or_fileobj=sys.argv[2], path_in_repo=sys.argv[2], repo_id=sys.argv[1])
"""
DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[1], sys.argv[2], local_dir="got")
"""
FOLDER = """
import sys
from huggingface_hub import HfApi, snapshot_download
HfApi().upload_folder(repo_id=sys.argv[1], folder_path="up")
snapshot_download(sys.argv[1], local_dir="got")
"""
STORES = [
    "directory",
    pytest.param("passing", marks=[pytest.mark.s3, pytest.mark.xdist_group("ceph")]),
    pytest.param("direct", marks=[pytest.mark.s3, pytest.mark.xdist_group("ceph")]),
]


@pytest.fixture(params=STORES)
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveHub]:
    """A hub of its own, over a directory or over Ceph."""
    settings = {}
    if request.param != "directory":
        place = make_bucket(request.getfixturevalue("ceph_endpoint"))
        settings = {
            "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
            "HUB_S3_ENDPOINT": place.endpoint or "",
            "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
            "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
            "HUB_S3_DIRECT": str(request.param == "direct").lower(),
        }
    live = LiveHub(tmp_path / "hub", settings)
    yield live.start()
    live.close()


@pytest.fixture
def machines(hub: LiveHub, tmp_path: Path) -> tuple[Computer, Computer]:
    """Two of one user's."""
    ada = hub.make_user("ada")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = Computer(hub.url, tmp_path / "one", ada.token, xet=True, seconds=1800)
    return one, replace(one, folder=tmp_path / "two")


@pytest.mark.parametrize("size", [150, 2000])
def test_one_file(machines: tuple[Computer, Computer], hub: LiveHub, size: int) -> None:
    """By the newest client, the JavaScript one (not of gigabytes, which it holds in memory), and a
    plain GET."""
    one, two = machines
    repo = make_repo(one)
    digest = fill(one.folder / "a.bin", scaled(size))
    begin = time.monotonic()
    one.run(UPLOAD, repo, "a.bin")
    up = time.monotonic() - begin
    (one.folder / "a.bin").unlink()
    two.run(DOWNLOAD, repo, "a.bin")
    down = time.monotonic() - begin - up
    print(f"\n{scaled(size)} MB: {up:.1f} s up, {down:.1f} s down, with the start of Python")
    assert digest_of(two.folder / "got/a.bin") == digest
    if size < 1000:
        two.command(["node", str(JAVASCRIPT), "down", repo, "a.bin"])
        assert digest_of(two.folder / "got/a.bin") == digest
        other = fill(two.folder / "b.bin", scaled(size))
        two.command(["node", str(JAVASCRIPT), "up", repo, "b.bin"])
        one.run(DOWNLOAD, repo, "b.bin")
        assert digest_of(one.folder / "got/b.bin") == other
    plain = hashlib.sha256()
    address = f"/{repo}/resolve/main/a.bin"
    with (
        hub.client(one.token, follow_redirects=True) as client,
        client.stream("GET", address) as answer,
    ):
        for piece in answer.iter_bytes(MB):
            plain.update(piece)
    assert plain.hexdigest() == digest


def test_500_files(machines: tuple[Computer, Computer]) -> None:
    one, _ = machines
    repo = make_repo(one)
    files = {f"{n % 7}/{n:03}.bin": os.urandom(5000 + 400 * n) for n in range(scaled(500))}
    for name, data in files.items():
        (one.folder / "up" / name).parent.mkdir(parents=True, exist_ok=True)
        (one.folder / "up" / name).write_bytes(data)
    one.run(FOLDER, repo)
    for name, data in files.items():
        assert (one.folder / "got" / name).read_bytes() == data


def make_repo(machine: Computer) -> str:
    script = "from huggingface_hub import HfApi; print(HfApi().create_repo('ada/large').repo_id)"
    return machine.run(script).strip()


def fill(path: Path, megabytes: int) -> str:
    """Random bytes; their sha256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(megabytes):
            piece = os.urandom(MB)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
