"""Pushes by the stock client: what moves, what does not, and what git then prints."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import rawgit
from tests.support.gitclient import GitClient
from tests.support.server import LiveUser

pytestmark = pytest.mark.git

ODD_PATHS = [
    b"with space.txt",
    b"new\nline.txt",
    b"tab\there.txt",
    b"quote\"and's.txt",
    b"percent%2Fslash.txt",
    b"question?mark&and#hash.txt",
    b"latin-1 caf\xe9.txt",
    "καφές/한국어/☕.txt".encode(),
    b"-rf",
    b"a" * 200,
]


class Clone(NamedTuple):
    url: str
    repo: str
    work: Path


@pytest.fixture
def clone(ada: LiveUser, git: GitClient) -> Clone:
    """A fresh repository and a clone of it."""
    repo = ada.make_repo()
    url = ada.git_url(repo)
    return Clone(url, repo, git.clone(url, "work"))


def push_first(git: GitClient, clone: Clone, other: Path, *refspecs: str) -> None:
    """Let `other` push after `clone` has seen the refs and before it sends its own."""
    hook = clone.work / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\nunset GIT_DIR\ngit -C {other} push -q {' '.join(refspecs)}\n")
    hook.chmod(0o755)


def test_branches_and_tags_come_and_go(git: GitClient, clone: Clone):
    tip = git.commit(clone.work, {"a.txt": "a"})
    git("tag", "light", cwd=clone.work)
    git("tag", "-a", "-m", "words", "v1", cwd=clone.work)
    said = git.said(
        "push", "origin", "HEAD:main", "HEAD:refs/heads/dev", "light", "v1", cwd=clone.work
    )
    assert "[new branch]" in said
    assert "[new tag]" in said
    refs = git.remote_refs(clone.url)
    assert refs["refs/heads/main"] == refs["refs/heads/dev"] == refs["refs/tags/light"] == tip
    assert refs["refs/tags/v1^{}"] == tip != refs["refs/tags/v1"]
    said = git.said("push", "origin", ":dev", ":light", ":v1", cwd=clone.work)
    assert said.count("[deleted]") == 3
    assert set(git.remote_refs(clone.url)) == {"HEAD", "refs/heads/main"}


def test_pull_and_push_between_two_people(git: GitClient, clone: Clone):
    other = git.clone(clone.url, "other")
    git.commit(clone.work, {"mine.txt": "mine"})
    git("push", "-q", "origin", "HEAD:main", cwd=clone.work)
    git.commit(other, {"yours.txt": "yours"})
    said = git.refused("push", "origin", "HEAD:main", cwd=other)
    assert "fetch first" in said
    git("pull", "-q", "--rebase", "origin", "main", cwd=other)
    git("push", "-q", "origin", "HEAD:main", cwd=other)
    git("pull", "-q", "--ff-only", "origin", "main", cwd=clone.work)
    assert (clone.work / "yours.txt").exists()


def test_force(git: GitClient, clone: Clone):
    git.commit(clone.work, {"a.txt": "first thoughts"})
    git("push", "-q", "origin", "HEAD:main", cwd=clone.work)
    git("commit", "-q", "--amend", "-m", "second thoughts", cwd=clone.work)
    assert "non-fast-forward" in git.refused("push", "origin", "HEAD:main", cwd=clone.work)
    said = git.said("push", "--force-with-lease", "origin", "HEAD:main", cwd=clone.work)
    assert "(forced update)" in said
    tip = git("rev-parse", "HEAD", cwd=clone.work)
    assert git.remote_refs(clone.url)["refs/heads/main"] == tip


def test_deleting_what_is_not_there_is_no_failure(git: GitClient, clone: Clone):
    """A push that was cut off after it landed is tried again like this."""
    git.commit(clone.work, {"a.txt": "a"})
    git("push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/dev", cwd=clone.work)
    said = git.said("push", "origin", "--delete", "refs/tags/never", cwd=clone.work)
    assert "warning: there is no refs/tags/never to delete" in said
    said = git.said(
        "push", "origin", ":refs/heads/never", ":refs/heads/dev", "HEAD:refs/heads/new",
        cwd=clone.work,
    )  # fmt: skip
    assert "warning: there is no refs/heads/never to delete" in said
    listed = git("ls-remote", clone.url)
    assert ("refs/heads/new" in listed, "refs/heads/dev" in listed) == (True, False)


def test_the_default_branch_is_not_deleted(git: GitClient, clone: Clone):
    said = git.refused("push", "origin", ":main", cwd=clone.work)
    assert "default branch" in said
    assert "refs/heads/main" in git.remote_refs(clone.url)


def test_another_default_branch(ada: LiveUser, git: GitClient, clone: Clone):
    git.commit(clone.work, {"a.txt": "a"})
    git("push", "-q", "origin", "HEAD:refs/heads/trunk", cwd=clone.work)
    with ada.client() as client:
        answer = client.put(f"/api/models/{clone.repo}/settings", json={"defaultBranch": "trunk"})
    if answer.status_code >= 400:
        pytest.skip(f"no way to rename the default branch over the API: {answer.text}")
    again = git.clone(clone.url, "again")
    assert git("symbolic-ref", "HEAD", cwd=again) == "refs/heads/trunk"
    assert "[deleted]" in git.said("push", "origin", ":main", cwd=again)


def test_a_push_that_is_overtaken_is_stale(git: GitClient, clone: Clone):
    other = git.clone(clone.url, "other")
    theirs = git.commit(other, {"b.txt": "theirs"})
    git.commit(clone.work, {"a.txt": "ours"})
    push_first(git, clone, other, "origin", "HEAD:main")
    said = git.refused("push", "origin", "HEAD:main", cwd=clone.work)
    assert "[remote rejected]" in said
    assert git.remote_refs(clone.url)["refs/heads/main"] == theirs


def test_an_atomic_push_with_one_bad_ref_moves_nothing(git: GitClient, clone: Clone):
    before = git.remote_refs(clone.url)
    git.commit(clone.work, {"a.txt": "a"})
    refs = ["HEAD:main", "HEAD:refs/heads/dev", "HEAD:refs/convert/parquet"]
    said = git.refused("push", "--atomic", "origin", *refs, cwd=clone.work)
    assert said.count("rejected]") == 3
    assert git.remote_refs(clone.url) == before
    said = git.refused("push", "origin", *refs, cwd=clone.work)
    assert said.count("rejected]") == 1, "without --atomic the others move"
    assert "refs/heads/dev" in git.remote_refs(clone.url)


def test_an_atomic_push_that_is_overtaken_moves_nothing(git: GitClient, clone: Clone):
    other = git.clone(clone.url, "other")
    theirs = git.commit(other, {"b.txt": "theirs"})
    git.commit(clone.work, {"a.txt": "ours"})
    push_first(git, clone, other, "origin", "HEAD:main")
    words = ["push", "--atomic", "origin", "HEAD:main", "HEAD:refs/heads/dev"]
    git.refused(*words, cwd=clone.work)
    refs = git.remote_refs(clone.url)
    assert refs["refs/heads/main"] == theirs
    assert "refs/heads/dev" not in refs


@pytest.mark.parametrize("rivals", [2, 6])
def test_of_simultaneous_pushes_exactly_one_wins(
    ada: LiveUser, git: GitClient, clone: Clone, rivals: int
):
    """Bodies made beforehand, all from the same old id, sent at once."""
    old = git.remote_refs(clone.url)["refs/heads/main"]
    bodies = {}
    for number in range(rivals):
        data = b"words of %d" % number
        tree = rawgit.tree(("100644", b"a.txt", rawgit.object_id("blob", data)))
        made = rawgit.commit(rawgit.object_id("tree", tree), old, message=f"{number}")
        pack = rawgit.pack_of(("blob", data), ("tree", tree), ("commit", made))
        new = rawgit.object_id("commit", made)
        bodies[new] = rawgit.push_body("refs/heads/main", old=old, new=new, pack=pack)

    def send(body: bytes) -> bytes:
        with ada.client() as client:
            return client.post(f"/{clone.repo}/git-receive-pack", content=body).content

    with ThreadPoolExecutor(rivals) as pool:
        reports = dict(zip(bodies, pool.map(send, bodies.values()), strict=True))
    won = [new for new, report in reports.items() if b"ok refs/heads/main" in report]
    lost = [report for report in reports.values() if b"ng refs/heads/main" in report]
    assert (len(won), len(lost)) == (1, rivals - 1), reports
    assert git.remote_refs(clone.url)["refs/heads/main"] == won[0]


def test_two_people_push_at_once(git: GitClient, clone: Clone):
    """To branches of their own both succeed; to one branch nobody's commit is lost."""
    works = [clone.work, git.clone(clone.url, "other")]
    for number, work in enumerate(works):
        git.commit(work, {f"{number}.txt": "x" * 1000})
    running = [
        subprocess.Popen(
            ["git", "push", "-q", "origin", f"HEAD:refs/heads/own-{number}", "HEAD:main"],
            cwd=work, env=git.environment, stderr=subprocess.PIPE, text=True,
        )
        for number, work in enumerate(works)
    ]  # fmt: skip
    said = [process.communicate(timeout=60)[1] for process in running]
    codes = sorted(process.returncode for process in running)
    assert codes == [0, 1], said
    assert "rejected]" in "".join(said)
    winner = next(work for work, p in zip(works, running, strict=True) if p.returncode == 0)
    assert git.remote_refs(clone.url)["refs/heads/main"] == git("rev-parse", "HEAD", cwd=winner)


def test_names_of_every_kind_come_back_unharmed(git: GitClient, clone: Clone):
    for name in ODD_PATHS:
        path = clone.work / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name)
    git.commit(clone.work)
    git("push", "-q", "origin", "HEAD:main", cwd=clone.work)
    again = git.clone(clone.url, "again")
    for name in ODD_PATHS:
        assert (again / os.fsdecode(name)).read_bytes() == name


@pytest.mark.parametrize(
    "branch", ["feat/x", "a%2Fb", "ünï/コード", "user@host", "v1.0-rc+1", "x" * 200]
)
def test_odd_branch_names(git: GitClient, clone: Clone, branch: str):
    tip = git.commit(clone.work, {"a.txt": branch})
    git("push", "-q", "origin", f"HEAD:refs/heads/{branch}", cwd=clone.work)
    assert git.remote_refs(clone.url)[f"refs/heads/{branch}"] == tip
    again = git.clone(clone.url, "again", "--branch", branch)
    assert git("rev-parse", "HEAD", cwd=again) == tip


@pytest.mark.parametrize("name", ["refs/notes/commits", "refs/secret", "refs/convert/parquet"])
def test_refs_that_are_not_for_people(git: GitClient, clone: Clone, name: str):
    git.commit(clone.work)
    said = git.refused("push", "origin", f"HEAD:{name}", cwd=clone.work)
    assert "[remote rejected]" in said
    assert name not in git.remote_refs(clone.url)


def test_push_options_are_accepted(git: GitClient, clone: Clone):
    git.commit(clone.work)
    git("push", "-q", "-o", "topic=one", "origin", "HEAD:main", cwd=clone.work)


def test_a_push_of_what_is_there(git: GitClient, clone: Clone):
    assert "Everything up-to-date" in git.said("push", "origin", "HEAD:main", cwd=clone.work)


def test_a_large_push_comes_in_chunks(git: GitClient, clone: Clone):
    data = os.urandom(3_000_000)
    git.commit(clone.work, {"data.dat": data})
    git("-c", "http.postBuffer=65536", "push", "-q", "origin", "HEAD:main", cwd=clone.work)
    assert (git.clone(clone.url, "again") / "data.dat").read_bytes() == data


def test_history_of_another_project_replaces_ours(git: GitClient, clone: Clone):
    git("init", "-q", "elsewhere")
    work = git.folder / "elsewhere"
    for number in range(3):
        git.commit(work, {"a.txt": f"{number}"})
    said = git.said("push", "--force", clone.url, "HEAD:main", cwd=work)
    assert "forced update" in said
    assert len(git("log", "--oneline", cwd=git.clone(clone.url, "again")).splitlines()) == 3


def test_a_file_too_large_for_git_is_refused_with_the_way_out(git: GitClient, clone: Clone):
    git.commit(clone.work, {"weights/model.data": os.urandom(11 * 1024 * 1024)})
    said = git.refused("push", "origin", "HEAD:main", cwd=clone.work)
    assert "weights/model.data (11.5 MB)" in said
    assert 'git lfs migrate import --include="*.data"' in said
    assert "[remote rejected]" in said


def test_a_large_file_in_an_older_commit_is_found_too(git: GitClient, clone: Clone):
    git.commit(clone.work, {"old.data": os.urandom(11 * 1024 * 1024)})
    (clone.work / "old.data").unlink()
    git.commit(clone.work, message="removed again")
    said = git.refused("push", "origin", "HEAD:main", cwd=clone.work)
    assert "old.data" in said


def test_a_file_of_200_mb_is_refused_with_the_way_out(git: GitClient, clone: Clone):
    with (clone.work / "huge.data").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    git.commit(clone.work)
    said = git.refused("push", "origin", "HEAD:main", cwd=clone.work)
    assert "store large files with Git LFS" in said
    assert "refs/heads/main" in git.remote_refs(clone.url)


def test_a_card_with_wrong_metadata_is_refused_and_says_where(git: GitClient, clone: Clone):
    git.commit(clone.work, {"README.md": "---\nlicense: [unclosed\n---\n# Tiny\n"})
    said = git.refused("push", "origin", "HEAD:main", cwd=clone.work)
    assert "remote: error: Invalid metadata in README.md" in said
    assert "(invalid metadata in README.md)" in said


def test_after_a_push_the_api_knows(ada: LiveUser, git: GitClient, clone: Clone):
    card = "---\nlicense: mit\ntags: [tiny]\n---\n# Tiny\n"
    tip = git.commit(clone.work, {"README.md": card})
    git("push", "-q", "origin", "HEAD:main", cwd=clone.work)
    with ada.client() as client:
        info = client.get(f"/api/models/{clone.repo}").json()
    assert info["sha"] == tip
    assert "license:mit" in info["tags"]


def test_an_empty_repository(ada: LiveUser, git: GitClient):
    """As an import leaves one: a row without a commit. It is cloned, then filled."""
    from hub_server import repos
    from hub_server.db import Database
    from tests.support.people import caller

    database = Database(f"sqlite:///{ada.hub.data_dir}/hub.db")
    who = caller(database, "ada")
    with database.write() as session:
        name = repos.create(session, who, "model", f"ada/empty-{os.getpid()}").full_name
    database.dispose()
    done = git.run("clone", ada.git_url(name), "work")
    assert done.code == 0
    assert "empty repository" in done.err
    assert git.remote_refs(ada.git_url(name)) == {}
    work = git.folder / "work"
    tip = git.commit(work, {"a.txt": "first"})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert git.remote_refs(ada.git_url(name)) == {"HEAD": tip, "refs/heads/main": tip}
