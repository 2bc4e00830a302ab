"""Large files as today's Python client sends them: by Xet, with nothing disabled."""

import hashlib
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.clients.test_old_client import PYTHON as OLD_PYTHON
from tests.support.gitclient import GitClient
from tests.support.scripts import Computer, ScriptFailed
from tests.support.server import LiveHub, LiveUser

MB = 10**6

pytestmark = [pytest.mark.client, pytest.mark.timeout(300)]

MakeComputer = Callable[..., Computer]

UPLOAD = """
import sys
from huggingface_hub import HfApi
repo, kind, *files = sys.argv[1:]
for file in files:
    HfApi().upload_file(path_or_fileobj=file, path_in_repo=file, repo_id=repo, repo_type=kind)
"""
UPLOAD_FOLDER = """
import sys
from huggingface_hub import HfApi
HfApi().upload_folder(repo_id=sys.argv[1], folder_path=sys.argv[2])
"""
DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
repo, kind, *files = sys.argv[1:]
for file in files:
    hf_hub_download(repo, file, repo_type=kind, local_dir="got")
"""
SNAPSHOT = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], local_dir="got")
"""


@pytest.fixture
def computer(hub: LiveHub, tmp_path: Path) -> MakeComputer:
    """`computer(user)`: a machine of its own; nobody's without a user."""

    def make(user: LiveUser | None = None, *, xet: bool = True) -> Computer:
        folder = tmp_path / f"machine{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Computer(hub.url, folder, user.token if user else None, xet=xet)

    return make


def stored(hub: LiveHub) -> dict[str, int]:
    """Names and sizes of the xorbs that the hub has."""
    found = (hub.data_dir / "blobs" / "xorb").rglob("*")
    return {path.name: path.stat().st_size for path in found if path.is_file()}


def test_single_files(hub: LiveHub, ada: LiveUser, computer: MakeComputer) -> None:
    """Up from one machine and down to another, of a size that is one chunk and of many."""
    repo, mine = ada.make_repo(kind="dataset"), computer(ada)
    files = {"one.bin": b"%", "many.bin": os.urandom(30 * MB)}
    for name, data in files.items():
        (mine.folder / name).write_bytes(data)
    before = stored(hub)
    mine.run(UPLOAD, repo, "dataset", *files)
    assert sum(stored(hub).values()) - sum(before.values()) >= 30 * MB
    with hub.client() as client:
        for entry in client.get(f"/api/datasets/{repo}/tree/main").json():
            assert ("xetHash" in entry) == (entry["path"] in files)
    for other in (computer(), computer(xet=False)):
        other.run(DOWNLOAD, repo, "dataset", *files)
        for name, data in files.items():
            assert (other.folder / "got" / name).read_bytes() == data


def test_a_client_that_negotiates(hub: LiveHub, ada: LiveUser, computer: MakeComputer) -> None:
    """Up to version 1.19 the client asks the batch API, and is offered Xet there."""
    repo, mine = ada.make_repo(), computer(ada)
    old = replace(mine, python=str(OLD_PYTHON))
    data = os.urandom(3 * MB)
    (old.folder / "a.bin").write_bytes(data)
    before = stored(hub)
    old.run(UPLOAD, repo, "model", "a.bin")
    old.run(DOWNLOAD, repo, "model", "a.bin")
    assert (old.folder / "got" / "a.bin").read_bytes() == data
    assert sum(stored(hub).values()) - sum(before.values()) >= 3 * MB
    with hub.client() as client:
        name = client.head(f"/{repo}/resolve/main/a.bin").headers["x-xet-hash"]
    assert len(name) == 64


def test_folders(hub: LiveHub, ada: LiveUser, computer: MakeComputer) -> None:
    """Many files in one xorb; sent again, nothing moves."""
    repo, mine = ada.make_repo(private=True), computer(ada)
    files = {f"part {n}/data-{n}.bin": os.urandom(1000 * n + 1) for n in range(40)}
    files |= {"README.md": b"# Many\n", "zeros.bin": bytes(5 * MB), "empty.txt": b""}
    for name, data in files.items():
        path = mine.folder / "up" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    mine.run(UPLOAD_FOLDER, repo, "up")
    before = stored(hub)
    mine.run(UPLOAD_FOLDER, repo, "up")
    (mine.folder / "up" / "again.bin").write_bytes(files["zeros.bin"])
    mine.run(UPLOAD_FOLDER, repo, "up")
    assert stored(hub) == before
    other = computer(ada)
    other.run(SNAPSHOT, repo)
    for name, data in {**files, "again.bin": files["zeros.bin"]}.items():
        assert (other.folder / "got" / name).read_bytes() == data
    with pytest.raises(ScriptFailed, match="RepositoryNotFound"):
        computer().run(SNAPSHOT, repo)


@pytest.mark.parametrize("same_machine", [True, False])
def test_bytes_in_the_middle(
    hub: LiveHub, ada: LiveUser, computer: MakeComputer, *, same_machine: bool
) -> None:
    """Only what is new is sent, also from a machine that knows nothing of the first upload.

    The bytes are always the same: their chunks could be so unlucky that it is three large ones.
    """
    chance = random.Random(f"middle {same_machine}")
    repo, mine = ada.make_repo(), computer(ada)
    data = chance.randbytes(20 * MB)
    (mine.folder / "a.bin").write_bytes(data)
    mine.run(UPLOAD, repo, "model", "a.bin")
    before = sum(stored(hub).values())
    changed = data[: 10 * MB] + chance.randbytes(1000) + data[10 * MB :]
    other = mine if same_machine else computer(ada)
    (other.folder / "a.bin").write_bytes(changed)
    other.run(UPLOAD, repo, "model", "a.bin")
    assert 0 < sum(stored(hub).values()) - before < 300_000
    reader = computer()
    reader.run(DOWNLOAD, repo, "model", "a.bin")
    assert (reader.folder / "got" / "a.bin").read_bytes() == changed


def test_everybody_else(
    hub: LiveHub, ada: LiveUser, computer: MakeComputer, git_lfs: GitClient
) -> None:
    """git-lfs and plain GETs with ranges get the same file."""
    repo, mine = ada.make_repo(), computer(ada)
    data = os.urandom(3 * MB)
    (mine.folder / "a.bin").write_bytes(data)
    mine.run(UPLOAD, repo, "model", "a.bin")
    clone = git_lfs.clone(ada.git_url(repo), "clone")
    assert (clone / "a.bin").read_bytes() == data
    address = f"{hub.url}/{repo}/resolve/main/a.bin"
    for asked, wanted in {
        "bytes=0-0": data[:1],
        "bytes=1000000-2000000": data[1_000_000:2_000_001],
        "bytes=-5": data[-5:],
    }.items():
        part = httpx.get(address, headers={"range": asked}, trust_env=False)
        assert (part.status_code, part.content) == (206, wanted)
    whole = httpx.get(address, trust_env=False)
    assert hashlib.sha256(whole.content).hexdigest() == whole.headers["etag"].strip('"')
    git_lfs.commit(clone, {"b.bin": data})
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    reader = computer()
    reader.run(DOWNLOAD, repo, "model", "b.bin")
    assert (reader.folder / "got" / "b.bin").read_bytes() == data


def test_two_accounts_on_one_machine(
    hub: LiveHub, ada: LiveUser, bob: LiveUser, computer: MakeComputer
) -> None:
    """What the cache knows of one account is not built upon for another."""
    mine = computer(ada)
    yours = Computer(hub.url, mine.folder, bob.token, xet=True)
    data = os.urandom(4 * MB)
    for user, machine in ((ada, mine), (bob, yours), (ada, mine)):
        repo = user.make_repo(private=True)
        (mine.folder / "a.bin").write_bytes(data)
        machine.run(UPLOAD, repo, "model", "a.bin")
        machine.run(DOWNLOAD, repo, "model", "a.bin")
        assert (mine.folder / "got" / "a.bin").read_bytes() == data


def test_the_command_line(ada: LiveUser, computer: MakeComputer) -> None:
    repo, mine = ada.make_repo(), computer(ada)
    data = os.urandom(2 * MB)
    (mine.folder / "a.bin").write_bytes(data)
    mine.hf("upload", repo, "a.bin", "deep/er/a.bin")
    mine.hf("download", repo, "deep/er/a.bin", "--local-dir", "got")
    assert (mine.folder / "got/deep/er/a.bin").read_bytes() == data


def test_a_reader_cannot_upload(ada: LiveUser, bob: LiveUser, computer: MakeComputer) -> None:
    repo, theirs = ada.make_repo(), computer(bob)
    (theirs.folder / "a.bin").write_bytes(os.urandom(1000))
    with pytest.raises(ScriptFailed, match="403"):
        theirs.run(UPLOAD, repo, "model", "a.bin")
