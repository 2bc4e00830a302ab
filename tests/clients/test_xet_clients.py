"""Every client that speaks Xet, each reading what each has written; and all the rest of its ways.

What moved by Xet is told by what the hub stored, and by the requests that it wrote down.
"""

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hub_server.jobs import enqueue
from hub_server.objects.conversion import FIND
from tests.support.gitclient import GitClient
from tests.support.scripts import Computer
from tests.support.server import LiveHub, LiveUser

MB = 10**6
TOP = Path(__file__).parents[2]
JAVASCRIPT = TOP / "tests" / "js" / "transfer.mjs"
CLIENTS = {"newest": None, "1.19": "middle-client", "0.36": "old-client", "js": None}

pytestmark = [pytest.mark.client, pytest.mark.timeout(300)]

UPLOAD = """
import sys
from huggingface_hub import HfApi, __version__
assert sys.argv[1] in ("newest", __version__[:4]), __version__
for file in sys.argv[3:]:
    HfApi().upload_file(path_or_fileobj=file, path_in_repo=file, repo_id=sys.argv[2])
"""
DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
for file in sys.argv[3:]:
    hf_hub_download(sys.argv[2], file, local_dir="got")
"""


@dataclass(frozen=True)
class Machine:
    """A computer with one of the clients on it."""

    client: str
    computer: Computer

    @property
    def folder(self) -> Path:
        return self.computer.folder

    def upload(self, repo: str, *files: str) -> None:
        self._move("up", UPLOAD, repo, *files)

    def download(self, repo: str, *files: str) -> None:
        """To the folder `got`."""
        self._move("down", DOWNLOAD, repo, *files)

    def _move(self, way: str, script: str, *words: str) -> None:
        if self.client == "js":
            self.computer.command(["node", str(JAVASCRIPT), way, *words])
        else:
            self.computer.run(script, self.client, *words)


MakeMachine = Callable[..., Machine]


@pytest.fixture
def machine(hub: LiveHub, tmp_path: Path) -> MakeMachine:
    """`machine(user, client)`: new, with a cache of its own; nobody's without a user."""

    def make(user: LiveUser | None = None, client: str = "newest") -> Machine:
        folder = tmp_path / f"machine{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        more = {}
        if environment := CLIENTS[client]:
            more["python"] = str(TOP / ".venv" / environment / "bin" / "python")
        token = user.token if user else None
        return Machine(client, Computer(hub.url, folder, token, xet=True, **more))

    return make


@contextmanager
def requests(hub: LiveHub) -> Iterator[list[str]]:
    """`METHOD /path status` of what is asked meanwhile, when the block has ended."""
    begin, found = hub.log.stat().st_size, list[str]()
    yield found
    text = hub.log.read_bytes()[begin:].decode()
    found += [" ".join(each) for each in re.findall(r"method=(\S+) path=(\S+) status=(\d+)", text)]


def by_xet(asked: list[str]) -> list[str]:
    return [each for each in asked if " /xet/" in each or " /-/xet/" in each]


def by_lfs(hub: LiveHub) -> set[str]:
    """The sha256 of all that is stored in its plain form."""
    return {path.name for path in (hub.data_dir / "blobs" / "lfs").rglob("*") if path.is_file()}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tensors(megabytes: float) -> bytes:
    """Half of it compresses well, as weights of a zoo do; the rest not at all."""
    half = int(megabytes * MB / 2)
    return os.urandom(half) + (b"\0\0\x80?" * (half // 4))


def test_each_reads_what_each_writes(
    hub: LiveHub, ada: LiveUser, machine: MakeMachine, git_lfs: GitClient, tmp_path: Path
) -> None:
    """Four clients write a file of many chunks and one of a single byte; all of them, git-lfs
    and curl, read all eight."""
    repo = ada.make_repo()
    files: dict[str, bytes] = {}
    for number, client in enumerate(CLIENTS):
        mine = machine(ada, client)
        new = {f"{client}.bin": tensors(3), f"{client}.safetensors": bytes([number])}
        for name, data in new.items():
            (mine.folder / name).write_bytes(data)
        with requests(hub) as asked:
            mine.upload(repo, *new)
        assert any(each.split()[1].endswith("/shards") for each in by_xet(asked)), client
        files |= new
    assert not by_lfs(hub) & {sha256(data) for data in files.values()}
    for client in CLIENTS:
        mine = machine(None, client)
        with requests(hub) as asked:
            mine.download(repo, *files)
        assert len([each for each in by_xet(asked) if "/reconstructions/" in each]) >= len(files)
        for name, data in files.items():
            assert (mine.folder / "got" / name).read_bytes() == data, (client, name)
    for name, data in files.items():
        found = tmp_path / "found"
        address = f"{hub.url}/{repo}/resolve/main/{name}"
        for words, wanted in (([], data), (["-r", "-100000"], data[-100_000:])):
            command = ["curl", "-sSfL", "--noproxy", "*", "-o", str(found), *words, address]
            subprocess.run(command, check=True, timeout=60)
            assert found.read_bytes() == wanted
    clone = git_lfs.clone(ada.git_url(repo), "clone")
    assert all((clone / name).read_bytes() == data for name, data in files.items())


def test_slices_and_changes_by_javascript(
    hub: LiveHub, ada: LiveUser, machine: MakeMachine
) -> None:
    """A part of a file alone; and a file that has little new sends little."""
    repo, mine = ada.make_repo(private=True), machine(ada, "js")
    data = os.urandom(5 * MB)
    (mine.folder / "a.bin").write_bytes(data)
    mine.upload(repo, "a.bin")
    xorbs = hub.data_dir / "blobs" / "xorb"
    before = {path for path in xorbs.rglob("*") if path.is_file()}
    changed = data[: 2 * MB] + b"new" * 300 + data[2 * MB :]
    (mine.folder / "a.bin").write_bytes(changed)
    mine.upload(repo, "a.bin")
    new = {path for path in xorbs.rglob("*") if path.is_file()} - before
    assert 0 < sum(path.stat().st_size for path in new) < 300_000
    other = machine(ada, "js")
    other.download(repo, "a.bin")
    assert (other.folder / "got/a.bin").read_bytes() == changed
    assert (other.folder / "got/a.bin.slice").read_bytes() == changed[1000:MB]


LARGE_FOLDER = """
import sys
from huggingface_hub import HfApi, snapshot_download
repo, hub = sys.argv[1], HfApi()
hub.create_repo(repo, repo_type="dataset", private=True)
hub.upload_large_folder(repo_id=repo, repo_type="dataset", folder_path="up", num_workers=2,
                        print_report=False)
snapshot_download(repo, repo_type="dataset", local_dir="got")
"""


@pytest.mark.parametrize("client", ["1.19", "0.36"])
def test_upload_of_large_folders(
    hub: LiveHub, ada: LiveUser, machine: MakeMachine, client: str
) -> None:
    """The newest client has only `upload_folder` for it; these have a command of their own."""
    mine = machine(ada, client)
    files = {f"{n % 3}/{n}.bin": os.urandom(200_000) for n in range(6)} | {"a.md": b"# A\n"}
    for name, data in files.items():
        (mine.folder / "up" / name).parent.mkdir(parents=True, exist_ok=True)
        (mine.folder / "up" / name).write_bytes(data)
    mine.computer.run(LARGE_FOLDER, f"{ada.name}/large-{client.replace('.', '-')}")
    assert not by_lfs(hub) & {sha256(data) for data in files.values()}
    for name, data in files.items():
        assert (mine.folder / "got" / name).read_bytes() == data


FOLDER = """
import sys
from huggingface_hub import HfApi, snapshot_download
HfApi().upload_folder(repo_id=sys.argv[1], folder_path="up")
snapshot_download(sys.argv[1], local_dir="got")
"""


def test_a_folder_of_many_files(hub: LiveHub, ada: LiveUser, machine: MakeMachine) -> None:
    """They travel in few xorbs and few shards, and come back as they were."""
    repo, mine = ada.make_repo(), machine(ada)
    files = {f"{n % 7}/{n:03}.bin": os.urandom(5000 + 400 * n) for n in range(120)}
    for name, data in files.items():
        (mine.folder / "up" / name).parent.mkdir(parents=True, exist_ok=True)
        (mine.folder / "up" / name).write_bytes(data)
    with requests(hub) as asked:
        mine.computer.run(FOLDER, repo)
    assert len([each for each in asked if "/xorbs/" in each]) <= 3
    assert len([each for each in asked if "/shards" in each]) <= 3
    for name, data in files.items():
        assert (mine.folder / "got" / name).read_bytes() == data


MIXIN = """
import sys, numpy
from pathlib import Path
from huggingface_hub import ModelHubMixin, hf_hub_download
from safetensors.numpy import load_file, save_file

class Layer(ModelHubMixin, library_name="layers", tags=["tiny"]):
    def __init__(self, width: int = 4):
        self.w = numpy.random.default_rng(width).random((width, 3000), dtype="float32")
    def _save_pretrained(self, save_directory):
        save_file({"w": self.w}, Path(save_directory) / "model.safetensors")
    @classmethod
    def _from_pretrained(cls, *, model_id, revision=None, cache_dir=None, force_download=False,
                         local_files_only=False, token=None, **model_kwargs):
        found = cls(**model_kwargs)
        found.w = load_file(hf_hub_download(model_id, "model.safetensors", revision=revision))["w"]
        return found

mine = Layer(width=50)
mine.w += 1
mine.push_to_hub(sys.argv[1])
again = Layer.from_pretrained(sys.argv[1])
assert (again.w == mine.w).all() and again.w.shape == (50, 3000)
"""
DATASET = """
import os, sys
from datasets import Dataset, load_dataset
rows = Dataset.from_dict({"n": list(range(2000)), "text": [os.urandom(400).hex()] * 2000,
                          "noise": [os.urandom(300) for _ in range(2000)]})
rows.push_to_hub(sys.argv[1], num_shards=2)
back = load_dataset(sys.argv[1], split="train")
assert back.to_dict() == rows.to_dict()
stream = load_dataset(sys.argv[1], split="train", streaming=True)
assert next(iter(stream.skip(1999)))["noise"] == rows[1999]["noise"]
"""


@pytest.mark.parametrize("script", [MIXIN, DATASET], ids=["model", "dataset"])
def test_libraries(hub: LiveHub, ada: LiveUser, machine: MakeMachine, script: str) -> None:
    mine, before = machine(ada), by_lfs(hub)
    with requests(hub) as asked:
        mine.computer.run(script, f"{ada.name}/pushed-{'model' if script is MIXIN else 'data'}")
    assert any("/shards" in each for each in by_xet(asked))
    assert any("/reconstructions/" in each for each in by_xet(asked))
    assert by_lfs(hub) == before


COPY = """
import sys
from huggingface_hub import CommitOperationCopy, HfApi, hf_hub_download
source, target, hub = sys.argv[1], sys.argv[2], HfApi()
hub.create_repo(target, private=True)
copies = [CommitOperationCopy("a.bin", name, src_repo_id=source, src_repo_type="model")
          for name in ("a.bin", "deep/b.bin")]
hub.create_commit(target, copies, commit_message="from there")
hub.create_commit(target, [CommitOperationCopy("a.bin", "c.bin")], commit_message="from here")
for name in ("deep/b.bin", "c.bin"):
    hf_hub_download(target, name, local_dir="got")
"""


def test_copies_move_no_bytes(
    hub: LiveHub, ada: LiveUser, bob: LiveUser, machine: MakeMachine
) -> None:
    """From another's repository, which may be gone afterwards."""
    source, mine, theirs = ada.make_repo(), machine(ada), machine(bob)
    data = os.urandom(2 * MB)
    (mine.folder / "a.bin").write_bytes(data)
    mine.upload(source, "a.bin")
    with requests(hub) as asked:
        theirs.computer.run(COPY, source, f"{bob.name}/copies")
    assert not [each for each in asked if "/xorbs/" in each or "/shards" in each]
    assert any(f"/{source}/lfs-files/duplicate 200" in each for each in asked)
    assert all((theirs.folder / "got" / n).read_bytes() == data for n in ("deep/b.bin", "c.bin"))
    with ada.client() as client:
        body = {"name": source.partition("/")[2], "type": "model"}
        assert client.request("DELETE", "/api/repos/delete", json=body).status_code == 200
    again = machine(bob, "js")
    again.download(f"{bob.name}/copies", "c.bin")
    assert (again.folder / "got/c.bin").read_bytes() == data


def test_the_command_line_both_ways(ada: LiveUser, machine: MakeMachine) -> None:
    repo, mine = ada.make_repo(kind="dataset", private=True), machine(ada)
    files = {f"{n}.parquet": os.urandom(100_000 * n) for n in (1, 2, 3)}
    (mine.folder / "up").mkdir()
    for name, data in files.items():
        (mine.folder / "up" / name).write_bytes(data)
    mine.computer.hf("upload", repo, "up", "data", "--repo-type", "dataset")
    mine.computer.hf("download", repo, "--repo-type", "dataset", "--local-dir", "got")
    for name, data in files.items():
        assert (mine.folder / "got/data" / name).read_bytes() == data


def test_one_repository_of_both_kinds(
    hub: LiveHub, ada: LiveUser, machine: MakeMachine, git_lfs: GitClient
) -> None:
    """A file by LFS beside one by Xet: each client takes each by the way it is stored."""
    repo, mine = ada.make_repo(), machine(ada)
    files = {"xet.bin": os.urandom(400_000), "lfs.bin": os.urandom(400_000)}
    (mine.folder / "xet.bin").write_bytes(files["xet.bin"])
    mine.upload(repo, "xet.bin")
    clone = git_lfs.clone(ada.git_url(repo), "clone")
    git_lfs.commit(clone, {"lfs.bin": files["lfs.bin"]})
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    for client in ("newest", "1.19", "0.36"):
        other = machine(None, client)
        other.download(repo, *files)
        for name, data in files.items():
            assert (other.folder / "got" / name).read_bytes() == data
    with httpx.Client(base_url=hub.url, trust_env=False) as plain:
        for name, data in files.items():
            found = plain.get(f"/{repo}/resolve/main/{name}", headers={"range": "bytes=7-300006"})
            assert (found.status_code, found.content) == (206, data[7:300_007])


def test_what_came_by_lfs_gets_the_other_door(
    hub: LiveHub, ada: LiveUser, machine: MakeMachine, git_lfs: GitClient
) -> None:
    """In the background; clients find in it what they would send, and git-lfs still gets it."""
    repo, data = ada.make_repo(), os.urandom(6 * MB)
    clone = git_lfs.clone(ada.git_url(repo), "clone")
    git_lfs("lfs", "track", "*.bin", cwd=clone)
    git_lfs.commit(clone, {"a.bin": data, ".gitattributes": b"*.bin filter=lfs -text\n"})
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    with hub.writing() as session:
        enqueue(session, FIND, key="test")
    with ada.client() as client:
        for _ in range(300):
            (entry,) = client.post(
                f"/api/models/{repo}/paths-info/main", json={"paths": ["a.bin"]}
            ).json()
            if "xetHash" in entry:
                break
            time.sleep(0.1)
    for name in CLIENTS:
        other = machine(None, name)
        with requests(hub) as asked:
            other.download(repo, "a.bin")
        assert any("/reconstructions/" in each for each in asked), name
        assert (other.folder / "got/a.bin").read_bytes() == data, name
    mine = machine(ada)
    changed = data[: 3 * MB] + os.urandom(1000) + data[3 * MB :]
    (mine.folder / "b.bin").write_bytes(changed)
    xorbs = hub.data_dir / "blobs" / "xorb"
    before = {path for path in xorbs.rglob("*") if path.is_file()}
    mine.upload(repo, "b.bin")
    new = {path for path in xorbs.rglob("*") if path.is_file()} - before
    assert 0 < sum(path.stat().st_size for path in new) < 300_000
    again = git_lfs.clone(ada.git_url(repo), "again")
    assert (again / "a.bin").read_bytes() == data
    assert (again / "b.bin").read_bytes() == changed
