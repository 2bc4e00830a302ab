"""Clones by the stock client: every address a repository has, and who may."""

from pathlib import Path

import pytest

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.git

KINDS = ["model", "dataset", "space"]
HELPER = "credential.helper=!f() {{ echo username=anyone; echo password={}; }}; f"


def plain_url(hub: LiveHub, path: str) -> str:
    """An address without credentials."""
    return f"{hub.url}/{path}"


@pytest.mark.parametrize("suffix", ["", ".git", "/"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_pushed_can_be_cloned(ada: LiveUser, git: GitClient, kind: str, suffix: str):
    repo = ada.make_repo(kind=kind)
    first = git.clone(ada.git_url(repo, kind=kind, suffix=suffix), "first")
    pushed = git.commit(first, {"notes/one.txt": "one\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=first)
    second = git.clone(ada.git_url(repo, kind=kind, suffix=suffix), "second")
    assert git("rev-parse", "HEAD", cwd=second) == pushed
    assert (second / "notes/one.txt").read_text() == "one\n"
    assert git("log", "--format=%s", cwd=second).splitlines() == ["change", "initial commit"]


def test_kinds_are_namespaces_of_their_own(ada: LiveUser, git: GitClient):
    for kind in KINDS:
        assert ada.make_repo("samename", kind=kind) == "ada/samename"
        clone = git.clone(ada.git_url("ada/samename", kind=kind), kind)
        git.commit(clone, {"kind.txt": kind})
        git("push", "-q", "origin", "HEAD:main", cwd=clone)
    for kind in KINDS:
        again = git.clone(ada.git_url("ada/samename", kind=kind), f"again-{kind}")
        assert (again / "kind.txt").read_text() == kind


def test_anybody_clones_what_is_public(hub: LiveHub, ada: LiveUser, git: GitClient):
    repo = ada.make_repo()
    clone = git.clone(plain_url(hub, repo), "clone")
    assert (clone / ".gitattributes").exists()


def test_a_name_in_another_case_is_the_same_repository(ada: LiveUser, git: GitClient):
    repo = ada.make_repo("MixedCase")
    tip = git.remote_refs(ada.git_url(repo))["refs/heads/main"]
    assert git.remote_refs(ada.git_url("ADA/mixedcase"))["refs/heads/main"] == tip


def test_a_one_segment_alias(hub: LiveHub, ada: LiveUser, git: GitClient):
    repo = ada.make_repo()
    hub.command("alias", "add", "onename", repo)
    tip = git.remote_refs(ada.git_url(repo))["refs/heads/main"]
    for suffix in ("", ".git"):
        clone = git.clone(plain_url(hub, f"onename{suffix}"), f"clone{suffix}")
        assert git("rev-parse", "HEAD", cwd=clone) == tip


def move(user: LiveUser, old: str, new: str, kind: str = "model") -> None:
    with user.client() as client:
        answer = client.post("/api/repos/move", json={"fromRepo": old, "toRepo": new, "type": kind})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_rename_old_addresses_lead_to_the_new_one(ada: LiveUser, git: GitClient, kind: str):
    old = ada.make_repo(kind=kind)
    clone = git.clone(ada.git_url(old, kind=kind), "before")
    new = f"{old}-renamed"
    move(ada, old, new, kind)
    git.commit(clone, {"after.txt": "renamed\n"})
    said = git.said("push", "origin", "HEAD:main", cwd=clone)
    assert f"redirecting to {ada.hub.url}" in said.replace(f"ada:{ada.token}@", "")
    again = git.clone(ada.git_url(old, kind=kind, suffix=".git"), "again")
    assert (again / "after.txt").read_text() == "renamed\n"
    fresh = git.clone(ada.git_url(new, kind=kind), "fresh")
    assert git("rev-parse", "HEAD", cwd=fresh) == git("rev-parse", "HEAD", cwd=again)


def test_a_private_repository_that_moved_does_not_tell_its_new_name(
    hub: LiveHub, ada: LiveUser, bob: LiveUser, git: GitClient
):
    old = ada.make_repo(private=True)
    move(ada, old, f"{old}-hidden")
    said = git.refused("ls-remote", bob.git_url(old)) + git.refused(
        "ls-remote", plain_url(hub, old)
    )
    assert "hidden" not in said


def test_a_deleted_repository_is_gone(ada: LiveUser, git: GitClient):
    repo = ada.make_repo()
    with ada.client() as client:
        body = {"name": repo.partition("/")[2], "type": "model"}
        assert client.request("DELETE", "/api/repos/delete", json=body).status_code == 200
    assert "Repository not found" in git.refused("clone", ada.git_url(repo), "clone")


def test_credentials_from_a_helper(hub: LiveHub, ada: LiveUser, git: GitClient):
    repo = ada.make_repo(private=True)
    words = ["-c", "credential.helper=", "-c", HELPER.format(ada.token)]
    git(*words, "clone", "-q", plain_url(hub, repo), "clone")
    clone = git.folder / "clone"
    git.commit(clone, {"a.txt": "a"})
    git(*words, "push", "-q", "origin", "HEAD:main", cwd=clone)


def test_git_asks_for_credentials_and_takes_the_token_as_password(
    hub: LiveHub, ada: LiveUser, git: GitClient
):
    repo = ada.make_repo(private=True)
    asked, asker = git.folder / "asked", git.folder / "asker"
    asker.write_text(f'#!/bin/sh\necho "$1" >> {asked}\necho {ada.token}\n')
    asker.chmod(0o755)
    git("ls-remote", plain_url(hub, repo), GIT_ASKPASS=str(asker))
    assert [line.split()[0] for line in asked.read_text().splitlines()] == ["Username", "Password"]


def test_the_token_may_stand_alone_in_the_address(hub: LiveHub, ada: LiveUser, git: GitClient):
    repo = ada.make_repo(private=True)
    address = f"http://{ada.token}:@127.0.0.1:{hub.port}/{repo}"
    assert "refs/heads/main" in git.remote_refs(address)


def test_a_password_gets_the_sentence_that_says_what_to_use(
    hub: LiveHub, ada: LiveUser, git: GitClient
):
    repo = ada.make_repo(private=True)
    address = f"http://{ada.name}:{ada.password}@127.0.0.1:{hub.port}/{repo}"
    said = git.refused("clone", address, "clone")
    assert f"use a token from {hub.url}/settings/tokens" in said
    assert "Authentication failed" in said


def test_a_wrong_token_is_refused_even_where_nobody_needs_one(
    hub: LiveHub, ada: LiveUser, git: GitClient
):
    wrong = f"http.extraHeader=Authorization: Bearer hf_{'x' * 34}"
    said = git.refused("-c", wrong, "ls-remote", plain_url(hub, ada.make_repo()))
    assert "could not read Username" in said


def test_a_wrong_token_is_called_so(hub: LiveHub, ada: LiveUser, git: GitClient):
    repo = ada.make_repo(private=True)
    said = git.refused("ls-remote", f"http://ada:hf_{'x' * 34}@127.0.0.1:{hub.port}/{repo}")
    assert "Invalid credentials in Authorization header" in said
    assert "/settings/tokens" in said


@pytest.mark.parametrize("repo", ["private", "ada/never-was", "nobody/nothing"])
def test_anonymous_callers_are_asked_to_sign_in(
    hub: LiveHub, ada: LiveUser, git: GitClient, repo: str
):
    path = ada.make_repo(private=True) if repo == "private" else repo
    assert "could not read Username" in git.refused("clone", plain_url(hub, path), "clone")


@pytest.mark.parametrize("missing", [False, True])
def test_a_private_repository_of_others_does_not_exist(
    ada: LiveUser, bob: LiveUser, git: GitClient, missing: bool
):
    repo = "ada/never-was" if missing else ada.make_repo(private=True)
    said = git.refused("clone", bob.git_url(repo), "clone")
    assert "Repository not found" in said
    assert f"/{repo}/' not found" in said


def test_anonymous_push_is_asked_to_sign_in(hub: LiveHub, ada: LiveUser, git: GitClient):
    clone = git.clone(plain_url(hub, ada.make_repo()), "clone")
    git.commit(clone)
    assert "could not read Username" in git.refused("push", "origin", "HEAD:main", cwd=clone)


def test_a_read_token_may_not_push(hub: LiveHub, ada: LiveUser, git: GitClient):
    repo = ada.make_repo(private=True)
    token = hub.command("token", "create", "ada", "--role", "read")
    reader = LiveUser(hub, "ada", token, "")
    clone = git.clone(reader.git_url(repo), "clone")
    git.commit(clone)
    said = git.refused("push", "origin", "HEAD:main", cwd=clone)
    assert "remote: " in said
    assert "403" in said


def test_others_may_not_push(ada: LiveUser, bob: LiveUser, git: GitClient):
    clone = git.clone(bob.git_url(ada.make_repo()), "clone")
    git.commit(clone)
    assert "403" in git.refused("push", "origin", "HEAD:main", cwd=clone)


def test_the_dumb_protocol_is_told_to_speak_the_smart_one(
    hub: LiveHub, ada: LiveUser, git: GitClient
):
    said = git.refused("ls-remote", plain_url(hub, ada.make_repo()), GIT_SMART_HTTP="0")
    assert "smart HTTP protocol" in said


def test_submodules_with_relative_addresses(ada: LiveUser, git: GitClient, tmp_path: Path):
    inner, outer = ada.make_repo(), ada.make_repo()
    clone = git.clone(ada.git_url(outer), "outer")
    relative = f"../{inner.partition('/')[2]}"
    git("submodule", "--quiet", "add", relative, "inner", cwd=clone)
    git.commit(clone)
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    again = git.clone(ada.git_url(outer), "again", "--recurse-submodules")
    assert (again / "inner" / ".gitattributes").exists()
