"""The oldest client that the hub serves: it negotiates uploads, and has words of its own."""

import re
from pathlib import Path

import pytest

from tests.support.lfsclient import OpenDoor, new_data
from tests.support.scripts import Computer, ScriptFailed
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.client

PYTHON = Path(__file__).parents[2] / ".venv" / "old-client" / "bin" / "python"


@pytest.fixture
def make_computer(hub: LiveHub, tmp_path: Path):
    def make(token: str | None) -> Computer:
        folder = tmp_path / f"computer{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Computer(hub.url, folder, token, str(PYTHON))

    return make


@pytest.fixture
def mine(make_computer, ada: LiveUser) -> Computer:
    assert PYTHON.exists(), "scripts/setup.sh test makes it"
    return make_computer(ada.token)


@pytest.fixture
def guest(make_computer) -> Computer:
    return make_computer(None)


WORK = """
import os, pathlib, sys
from huggingface_hub import (
    CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, __version__,
    hf_hub_download, snapshot_download)
assert __version__.startswith("0.36."), __version__
repo, hub = sys.argv[1], HfApi()
assert hub.whoami()["name"] == repo.split("/")[0]
assert hub.create_repo(repo, private=True).repo_id == repo
assert hub.create_repo(repo, exist_ok=True).repo_id == repo
assert hub.model_info(repo).private
big, root = os.urandom(3_000_000), pathlib.Path("up")
(root / "deep dir").mkdir(parents=True)
(root / "README.md").write_text("---\\nlicense: mit\\n---\\n# Old\\n")
(root / "deep dir" / "model.safetensors").write_bytes(big)
(root / "notes.txt").write_text("regular")
hub.upload_folder(folder_path=root, repo_id=repo, commit_message="a folder")
first = hub.model_info(repo).sha
hub.upload_file(path_or_fileobj=b"more", path_in_repo="more.txt", repo_id=repo)
names = {".gitattributes", "README.md", "deep dir/model.safetensors", "notes.txt", "more.txt"}
assert set(hub.list_repo_files(repo)) == names
there = pathlib.Path(hf_hub_download(repo, "deep dir/model.safetensors"))
assert there.read_bytes() == big
old = pathlib.Path(snapshot_download(repo, revision=first))
assert not (old / "more.txt").exists() and (old / "notes.txt").read_text() == "regular"
done = hub.create_commit(repo, [
    CommitOperationAdd("again.bin", big),
    CommitOperationDelete("more.txt"),
    CommitOperationCopy("deep dir/model.safetensors", "copy.safetensors"),
], commit_message="three things")
assert done.oid == hub.list_repo_commits(repo)[0].commit_id
assert pathlib.Path(hf_hub_download(repo, "copy.safetensors")).read_bytes() == big
hub.create_branch(repo, branch="dev/one", revision=first)
hub.create_tag(repo, tag="v1", tag_message="first", revision=first)
refs = hub.list_repo_refs(repo)
assert {branch.name for branch in refs.branches} == {"main", "dev/one"}
assert [(tag.name, tag.target_commit) for tag in refs.tags] == [("v1", first)]
hub.upload_file(path_or_fileobj=b"dev", path_in_repo="d.txt", repo_id=repo, revision="dev/one")
assert hub.file_exists(repo, "d.txt", revision="dev/one") and not hub.file_exists(repo, "d.txt")
hub.delete_branch(repo, branch="dev/one")
hub.delete_tag(repo, tag="v1")
hub.update_repo_settings(repo, private=False)
assert not hub.model_info(repo).private
assert [m.id for m in hub.list_models(author=repo.split("/")[0], search="old-client")] == [repo]
(large,) = hub.list_lfs_files(repo)
assert large.size == 3_000_000
entries = {e.path: e for e in hub.list_repo_tree(repo, recursive=True, expand=True)}
assert entries["copy.safetensors"].lfs.sha256 == large.oid or entries["copy.safetensors"].lfs
assert entries["notes.txt"].last_commit.title == "a folder"
hub.create_repo(repo + "-data", repo_type="dataset")
hub.upload_file(path_or_fileobj=b"a,b", path_in_repo="a.csv", repo_id=repo + "-data",
                repo_type="dataset")
hub.move_repo(repo + "-data", repo + "-moved", repo_type="dataset")
hub.delete_repo(repo + "-moved", repo_type="dataset")
"""
LOOK = """
import pathlib, sys
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError)
repo = sys.argv[1]
assert pathlib.Path(snapshot_download(repo), "notes.txt").read_text() == "regular"
for wrong, said in (
    ((repo, "nope.txt", "main"), EntryNotFoundError),
    ((repo, "notes.txt", "nope"), RevisionNotFoundError),
    ((repo + "-secret", "notes.txt", "main"), RepositoryNotFoundError),
):
    try:
        hf_hub_download(wrong[0], wrong[1], revision=wrong[2])
    except said:
        continue
    raise SystemExit(f"{wrong} was found")
try:
    HfApi().create_repo(repo + "-mine")
except Exception as failure:
    assert "401" in str(failure) or "token" in str(failure).lower(), failure
"""


def test_a_day_with_the_old_client(mine: Computer, guest: Computer, ada: LiveUser) -> None:
    repo = ada.make_repo(private=True)
    with pytest.raises(ScriptFailed, match="RepositoryNotFoundError"):
        guest.run("import sys\nfrom huggingface_hub import HfApi\nHfApi().model_info(sys.argv[1])",
                  repo)  # fmt: skip
    mine.run(WORK, f"{ada.name}/old-client")
    ada.make_repo("old-client-secret", private=True)
    guest.run(LOOK, f"{ada.name}/old-client")


GIT = """
import os, pathlib, sys
from huggingface_hub import HfApi, Repository
repo, hub = sys.argv[1], HfApi()
hub.create_repo(repo)
clone = Repository("clone", clone_from=repo, git_user="ada", git_email="ada@example.org")
big = os.urandom(11_000_000)
pathlib.Path("clone/big.bin").write_bytes(big)
pathlib.Path("clone/a.txt").write_text("words")
clone.push_to_hub(commit_message="by git")
assert set(hub.list_repo_files(repo)) == {".gitattributes", "a.txt", "big.bin"}
clone.git_checkout("dev", create_branch_ok=True)
pathlib.Path("clone/b.txt").write_text("dev")
clone.git_add()
clone.git_commit("on a branch")
clone.git_push(upstream="origin dev")
clone.add_tag("v1", message="first", remote="origin")
refs = hub.list_repo_refs(repo)
assert {branch.name for branch in refs.branches} == {"main", "dev"}
assert [tag.name for tag in refs.tags] == ["v1"]
hub.upload_large_folder(repo_id=repo + "-large", repo_type="model", folder_path="clone",
                        private=True, num_workers=2, print_report=False)
names = {".gitattributes", "a.txt", "b.txt", "big.bin"}
assert set(hub.list_repo_files(repo + "-large")) == names
assert hub.get_paths_info(repo + "-large", ["big.bin"])[0].lfs.size == len(big)
"""


def test_its_clones_and_its_upload_of_large_folders(mine: Computer, ada: LiveUser) -> None:
    mine.run(GIT, f"{ada.name}/by-git")


RESUME = """
import pathlib, sys
from huggingface_hub import hf_hub_download
repo, digest = sys.argv[1:]
found = pathlib.Path(hf_hub_download(repo, "model.bin"))
whole, blob = found.read_bytes(), found.resolve()
assert blob.name == digest
with blob.open("rb+") as file:
    file.truncate(len(whole) // 2)
blob.rename(f"{blob}.incomplete")
found.unlink()
assert pathlib.Path(hf_hub_download(repo, "model.bin")).read_bytes() == whole
"""


def test_it_resumes_what_an_earlier_run_left(
    mine: Computer, hub: LiveHub, ada: LiveUser, open_door: OpenDoor
) -> None:
    data = new_data(2_000_000)
    repo = ada.make_repo()
    digest = open_door(ada, repo).keep("model.bin", data)
    mine.run(RESUME, repo, digest)
    log = hub.log.read_text()
    assert len(re.findall(rf"/{repo}/resolve/\S+/model\.bin .*status=206", log)) == 1


def test_it_uploads_in_parts(make_hub, tmp_path: Path) -> None:
    hub = make_hub(HUB_LFS_MULTIPART_THRESHOLD="5MB", HUB_LFS_PART_SIZE="2MB")
    user = hub.make_user()
    folder = tmp_path / "computer"
    folder.mkdir()
    mine = Computer(hub.url, folder, user.token, str(PYTHON))
    mine.run(
        """
import os, pathlib, sys
from huggingface_hub import HfApi, hf_hub_download
repo, hub, big = sys.argv[1], HfApi(), os.urandom(7_000_001)
hub.create_repo(repo)
hub.upload_file(path_or_fileobj=big, path_in_repo="model.bin", repo_id=repo)
assert pathlib.Path(hf_hub_download(repo, "model.bin")).read_bytes() == big
""",
        f"{user.name}/parts",
    )
    assert hub.log.read_text().count("/-/lfs/part/") == 4
