"""git-lfs as people use it beyond a plain push and clone; tests/clients/test_lfs_* has the rest."""

import hashlib
import os
from pathlib import Path

import pytest

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.git


@pytest.fixture
def repo(ada: LiveUser) -> str:
    return ada.make_repo()


@pytest.fixture
def clone(ada: LiveUser, git_lfs: GitClient, repo: str) -> Path:
    return git_lfs.clone(ada.git_url(repo), "work")


def pointer(data: bytes) -> str:
    oid = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"


def test_a_clone_without_the_large_files_fetches_them_later(
    ada: LiveUser, git_lfs: GitClient, clone: Path, repo: str
):
    data = os.urandom(300_000)
    git_lfs.commit(clone, {"weights/model.safetensors": data})
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    url = ada.git_url(repo)
    git_lfs("clone", "-q", url, "light", GIT_LFS_SKIP_SMUDGE="1")
    light = git_lfs.folder / "light"
    assert (light / "weights/model.safetensors").read_text() == pointer(data)
    git_lfs("lfs", "pull", cwd=light)
    assert (light / "weights/model.safetensors").read_bytes() == data
    assert "Git LFS fsck OK" in git_lfs("lfs", "fsck", cwd=light)


def test_pointers_without_their_objects_are_refused_by_name(git: GitClient, ada: LiveUser):
    """A client without git-lfs pushes what somebody else's checkout left behind."""
    repo = ada.make_repo()
    work = git.clone(ada.git_url(repo), "plain")
    lost = {f"lost/{n}.safetensors": pointer(b"never sent %d" % n) for n in range(3)}
    git.commit(work, {**lost, "notes.txt": "text"})
    said = git.refused("push", "origin", "HEAD:main", cwd=work)
    for name in lost:
        assert name in said
    assert "git lfs push --all origin" in said
    assert "[remote rejected]" in said


def test_a_lost_pointer_in_an_older_commit_is_named_too(git: GitClient, ada: LiveUser):
    work = git.clone(ada.git_url(ada.make_repo()), "plain")
    git.commit(work, {"older.safetensors": pointer(b"never sent either")})
    (work / "older.safetensors").unlink()
    git.commit(work, {"newer.txt": "text"})
    assert "older.safetensors" in git.refused("push", "origin", "HEAD:main", cwd=work)


def test_an_object_that_is_not_here_any_more_stops_the_client(git_lfs: GitClient, clone: Path):
    git_lfs.commit(clone, {"model.bin": os.urandom(1000)})
    for path in (clone / ".git/lfs/objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.unlink()
    (clone / "model.bin").unlink()
    said = git_lfs.refused("push", "origin", "HEAD:main", cwd=clone)
    assert "Unable to find source for object" in said


def test_large_files_on_a_branch_and_in_a_tag(
    ada: LiveUser, git_lfs: GitClient, clone: Path, repo: str
):
    first, second = os.urandom(1000), os.urandom(1000)
    git_lfs.commit(clone, {"model.bin": first})
    git_lfs("tag", "v1", cwd=clone)
    git_lfs.commit(clone, {"model.bin": second})
    git_lfs("push", "-q", "origin", "HEAD:refs/heads/dev", "v1", cwd=clone)
    url = ada.git_url(repo)
    for revision, data in (("v1", first), ("dev", second)):
        there = git_lfs.clone(url, f"at-{revision}", "--branch", revision, "--depth", "1")
        assert (there / "model.bin").read_bytes() == data


def test_an_alias_and_a_former_name(hub: LiveHub, ada: LiveUser, git_lfs: GitClient):
    repo = ada.make_repo()
    clone = git_lfs.clone(ada.git_url(repo), "first")
    data = os.urandom(5000)
    git_lfs.commit(clone, {"model.bin": data})
    git_lfs("push", "-q", "origin", "HEAD:main", cwd=clone)
    hub.command("alias", "add", "lfsalias", repo)
    assert (git_lfs.clone(f"{hub.url}/lfsalias", "alias") / "model.bin").read_bytes() == data


def test_migrating_a_history_that_was_refused(git_lfs: GitClient, clone: Path):
    """What the refusal advises works."""
    git_lfs.commit(clone, {"corpus.data": os.urandom(11 * 1024 * 1024)})
    said = git_lfs.refused("push", "origin", "HEAD:main", cwd=clone)
    advice = next(line for line in said.splitlines() if "git lfs migrate import" in line)
    words = advice.replace("remote:", "").replace('"', "").split()[1:]
    git_lfs(*words, cwd=clone)
    git_lfs("push", "-q", "--force", "origin", "HEAD:main", cwd=clone)
