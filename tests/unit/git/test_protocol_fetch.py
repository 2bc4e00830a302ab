"""Fetches of the stock client, in every protocol version, with and without a git program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.unit.git.samples import DAY, START, commit
from tests.unit.git.smart_http import GitFailed, Server, git

pytestmark = pytest.mark.git
ALL_VERSIONS = [0, 1, 2]
VERSIONS = [0, 2]  # 1 is 0 with one line before it: where 0 works and clones work, so does 1


@pytest.fixture
def work(tmp_path: Path, hub: Server, sample: Path) -> Path:
    """A copy of the sample's clone; the hub serves a copy of its bare repository as `repo`."""
    shutil.copytree(sample / "repo", hub.folder / "repo")
    shutil.copytree(sample / "work", tmp_path / "work")
    return tmp_path / "work"


def publish(hub: Server, work: Path, bare: Path) -> None:
    git("push", "-q", "--mirror", bare, cwd=work)
    hub.pack(bare)


def fetch_git(version: int, *arguments: str | Path, cwd: Path | None = None) -> str:
    return git("-c", f"protocol.version={version}", *arguments, cwd=cwd)


def refs_of(repo: Path) -> str:
    return git("for-each-ref", "--format=%(objectname) %(refname)", cwd=repo)


def is_sound(repo: Path) -> None:
    git("fsck", "--full", "--strict", "--connectivity-only", cwd=repo)


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_a_clone_has_every_ref_and_object(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    fetch_git(version, "clone", "-q", "--mirror", f"{hub.url}/repo", tmp_path / "copy")
    assert refs_of(tmp_path / "copy") == refs_of(hub.folder / "repo")
    git("fsck", "--full", "--strict", cwd=tmp_path / "copy")
    assert git("rev-parse", "--abbrev-ref", "HEAD", cwd=tmp_path / "copy") == "main"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_fetch_brings_only_what_is_new(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    copy = tmp_path / "copy"
    fetch_git(version, "clone", "-q", f"{hub.url}/repo", copy)
    before = count_objects(copy)
    for number in range(30, 33):
        commit(work, number, {f"folder/{number}/new.txt": f"new {number}\n"})
    git("tag", "-a", "-m", "two", "v2.0", cwd=work)
    publish(hub, work, hub.folder / "repo")
    fetch_git(version, "fetch", "-q", cwd=copy)
    assert git("rev-parse", "origin/main", "v2.0", cwd=copy) == git(
        "rev-parse", "main", "v2.0", cwd=work
    )
    assert count_objects(copy) - before == 3 * 5 + 1, "3 commits of 5 objects each and a tag"
    is_sound(copy)


def count_objects(repo: Path) -> int:
    output = git("cat-file", "--batch-check", "--batch-all-objects", cwd=repo)
    return len(output.splitlines())


@pytest.mark.parametrize("version", VERSIONS)
def test_diverged_clones_negotiate_a_common_past(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    copy = tmp_path / "copy"
    fetch_git(version, "clone", "-q", f"{hub.url}/repo", copy)
    git("fast-import", "--quiet", cwd=copy, stdin=many_commits(80))
    git("reset", "-q", "--hard", cwd=copy)
    commit(work, 40, {"theirs.txt": "theirs\n"})
    publish(hub, work, hub.folder / "repo")
    before = count_objects(copy)
    fetch_git(version, "fetch", "-q", cwd=copy)
    assert count_objects(copy) == before + 3
    git("merge", "-q", "origin/main", cwd=copy)
    is_sound(copy)


def many_commits(count: int) -> bytes:
    """More commits on main than one round of negotiation names."""
    lines = []
    for number in range(count):
        parent = "" if number else "from refs/heads/main^0\n"
        when = START + (100 + number) * DAY
        lines.append(
            f"commit refs/heads/main\ncommitter A <a@b> {when} +0000\ndata 4\nmine\n{parent}"
            f"M 100644 inline mine.txt\ndata {len(str(number))}\n{number}\n"
        )
    return "".join(lines).encode()


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_an_empty_repository_can_be_cloned(hub: Server, tmp_path: Path, version: int) -> None:
    repo = hub.create("empty")
    git("symbolic-ref", "HEAD", "refs/heads/trunk", cwd=repo)
    fetch_git(version, "clone", "-q", f"{hub.url}/empty", tmp_path / "copy")
    assert refs_of(tmp_path / "copy") == ""
    if version == 2:
        head = git("symbolic-ref", "HEAD", cwd=tmp_path / "copy")
        assert head == "refs/heads/trunk", "an unborn branch is told in protocol 2"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_shallow_clone_grows_and_becomes_whole(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    copy = tmp_path / "copy"
    fetch_git(version, "clone", "-q", "--depth", "1", f"{hub.url}/repo", copy)
    assert git("rev-list", "--count", "HEAD", cwd=copy) == "1"
    assert count_objects(copy) == 1 + 14, "a commit, its 7 trees and 7 different blobs"
    commit(work, 50, {"README.md": "shorter\n"})
    commit(work, 51, {"README.md": "shorter still\n"})
    publish(hub, work, hub.folder / "repo")
    fetch_git(version, "fetch", "-q", cwd=copy)
    assert git("rev-list", "--count", "origin/main", cwd=copy) == "3"
    is_sound(copy)
    fetch_git(version, "fetch", "-q", "--deepen", "2", cwd=copy)
    assert git("rev-list", "--count", "origin/main", cwd=copy) == "7", "a merge has two parents"
    fetch_git(version, "fetch", "-q", "--unshallow", cwd=copy)
    assert git("rev-list", "--count", "origin/main", cwd=copy) == git(
        "rev-list", "--count", "main", cwd=work
    )
    assert git("rev-parse", "--is-shallow-repository", cwd=copy) == "false"
    is_sound(copy)


@pytest.mark.parametrize("depth", [1, 2, 4, 9])
def test_depth_cuts_where_stock_git_cuts(
    hub: Server, work: Path, tmp_path: Path, depth: int
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    git("clone", "-q", f"--depth={depth}", f"{hub.url}/repo", ours)
    git("clone", "-q", f"--depth={depth}", f"file://{hub.folder / 'repo'}", theirs)
    assert cuts(ours) == cuts(theirs)
    git("fetch", "-q", "--depth=3", cwd=ours)
    git("fetch", "-q", "--depth=3", cwd=theirs)
    assert cuts(ours) == cuts(theirs)
    is_sound(ours)


def cuts(repo: Path) -> set[str]:
    return set((repo / ".git" / "shallow").read_text().split())


@pytest.mark.parametrize("version", VERSIONS)
def test_history_since_a_date_or_without_a_branch(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    url = f"{hub.url}/repo"
    recent, reference = tmp_path / "recent", tmp_path / "recent-reference"
    since = f"--shallow-since={START + 12 * DAY + 5}"
    fetch_git(version, "clone", "-q", since, "--single-branch", url, recent)
    git("clone", "-q", since, "--single-branch", f"file://{hub.folder / 'repo'}", reference)
    listed = git("rev-list", "HEAD", cwd=recent)
    assert listed == git("rev-list", "HEAD", cwd=reference)
    assert 0 < len(listed.splitlines()) < 12
    is_sound(recent)
    without = tmp_path / "without"
    fetch_git(version, "clone", "-q", "--shallow-exclude=light", "--single-branch", url, without)
    assert git("rev-list", "--count", "HEAD", cwd=without) == git(
        "rev-list", "--count", "main", "^light", cwd=work
    )
    is_sound(without)


def test_a_date_without_commits_is_told(hub: Server, work: Path, tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="no commits selected for shallow requests"):
        git("clone", "-q", "--shallow-since=2036-01-01", f"{hub.url}/repo", tmp_path / "copy")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("filter_", ["blob:none", "blob:limit=100", "tree:0", "tree:2"])
def test_a_partial_clone_fetches_what_a_checkout_needs(
    hub: Server, work: Path, tmp_path: Path, version: int, filter_: str
) -> None:
    bare = tmp_path / "bare"
    fetch_git(version, "clone", "-q", "--bare", f"--filter={filter_}", f"{hub.url}/repo", bare)
    reference = tmp_path / "reference"
    git("config", "uploadpack.allowFilter", "true", cwd=hub.folder / "repo")
    url = f"file://{hub.folder / 'repo'}"
    git("clone", "-q", "--bare", f"--filter={filter_}", url, reference)
    assert have(bare) == have(reference)
    copy = tmp_path / "copy"
    fetch_git(version, "clone", "-q", f"--filter={filter_}", f"{hub.url}/repo", copy)
    assert (copy / "README.md").read_text() == (work / "README.md").read_text()
    fetch_git(version, "checkout", "-q", "HEAD~5", cwd=copy)
    assert git("status", "--porcelain", cwd=copy) == ""
    git("log", "-p", "--oneline", cwd=copy)


def have(repo: Path) -> set[str]:
    output = git("cat-file", "--batch-check", "--batch-all-objects", "--unordered", cwd=repo)
    return set(output.splitlines())


@pytest.mark.parametrize("version", VERSIONS)
def test_depth_one_without_blobs_can_be_checked_out(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    copy = tmp_path / "copy"
    options = ["--depth", "1", "--filter=blob:none"]
    fetch_git(version, "clone", "-q", *options, f"{hub.url}/repo", copy)
    assert (copy / "README.md").read_text() == (work / "README.md").read_text()
    assert git("status", "--porcelain", cwd=copy) == ""


def test_filters_can_be_combined(hub: Server, work: Path, tmp_path: Path) -> None:
    filters = ["--filter=blob:limit=60", "--filter=tree:3"]
    git("clone", "-q", "--bare", *filters, f"{hub.url}/repo", tmp_path / "copy")
    git("config", "uploadpack.allowFilter", "true", cwd=hub.folder / "repo")
    git("clone", "-q", "--bare", *filters, f"file://{hub.folder / 'repo'}", tmp_path / "other")
    assert have(tmp_path / "copy") == have(tmp_path / "other")


@pytest.mark.parametrize("version", VERSIONS)
def test_tags_come_with_the_commits_they_name(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    copy = tmp_path / "copy"
    fetch_git(
        version, "clone", "-q", "--single-branch", "--branch", "main", f"{hub.url}/repo", copy
    )
    assert git("tag", cwd=copy).split() == ["light", "v1.0"]
    assert git("cat-file", "-t", "v1.0", cwd=copy) == "tag"


@pytest.mark.parametrize("version", VERSIONS)
def test_any_reachable_commit_can_be_fetched_by_its_id(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    copy = tmp_path / "copy"
    git("init", "-q", copy)
    old = git("rev-parse", "main~7", cwd=work)
    fetch_git(version, "fetch", "-q", "--depth", "1", f"{hub.url}/repo", old, cwd=copy)
    assert git("rev-parse", "FETCH_HEAD", cwd=copy) == old


@pytest.mark.parametrize("version", VERSIONS)
def test_what_no_ref_reaches_is_refused(
    hub: Server, work: Path, tmp_path: Path, version: int
) -> None:
    lost = commit(work, 90, {"lost.txt": "lost\n"})
    publish(hub, work, hub.folder / "repo")
    git("reset", "-q", "--hard", "HEAD~1", cwd=work)
    git("push", "-q", "--mirror", hub.folder / "repo", cwd=work)
    git("init", "-q", tmp_path / "copy")
    with pytest.raises(GitFailed, match=f"not our ref {lost}"):
        fetch_git(version, "fetch", "-q", f"{hub.url}/repo", lost, cwd=tmp_path / "copy")


def test_pull_requests_are_listed_only_when_asked_for(
    hub: Server, work: Path, tmp_path: Path
) -> None:
    git("update-ref", "refs/pr/1", "main~1", cwd=hub.folder / "repo")
    url = f"{hub.url}/repo"
    for version in VERSIONS:
        assert "refs/pr/" not in fetch_git(version, "ls-remote", url)
        mirror = tmp_path / f"mirror-{version}"
        fetch_git(version, "clone", "-q", "--mirror", url, mirror)
        assert "refs/pr/" not in refs_of(mirror)
    copy = tmp_path / "copy"
    git("clone", "-q", url, copy)
    git("fetch", "-q", "origin", "refs/pr/1:pr", cwd=copy)
    assert git("rev-parse", "pr", cwd=copy) == git("rev-parse", "main~1", cwd=work)
    git("fetch", "-q", "origin", "refs/pr/*:refs/remotes/pr/*", cwd=copy)
    assert "refs/remotes/pr/1" in refs_of(copy)


def test_ls_remote_lists_head_branches_and_peeled_tags(hub: Server, work: Path) -> None:
    reference = git("ls-remote", f"file://{hub.folder / 'repo'}")
    for version in ALL_VERSIONS:
        assert fetch_git(version, "ls-remote", f"{hub.url}/repo") == reference
        symref = fetch_git(version, "ls-remote", "--symref", f"{hub.url}/repo", "HEAD")
        assert symref.startswith("ref: refs/heads/main\tHEAD")
    assert "refs/tags/v1.0^{}" in reference


@pytest.mark.parametrize("version", VERSIONS)
def test_odd_names_survive(hub: Server, tmp_path: Path, version: int) -> None:
    work, copy = tmp_path / "odd", tmp_path / "copy"
    git("init", "-q", "-b", "main", work)
    names = [b"with space", b"new\nline", b"caf\xe9", "été/ü".encode(), b"%2F", b"100644 x", b"-n"]
    for name in names:
        path = work / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name)
    commit(work, 1, {})
    branches = ["ünï", "a/b/c", "%2F", "caf\udce9", "'quo\"ted'", "#hash"]
    for branch in branches:
        git("branch", branch, cwd=work)
    publish(hub, work, hub.create("odd"))
    fetch_git(version, "clone", "-q", f"{hub.url}/odd", copy)
    for name in names:
        assert (copy / os.fsdecode(name)).read_bytes() == name
    listed = git("branch", "-r", "--format=%(refname:lstrip=3)", cwd=copy)
    assert set(listed.splitlines()) >= set(branches)


@pytest.mark.parametrize("version", VERSIONS)
def test_ten_thousand_refs(hub: Server, work: Path, tmp_path: Path, version: int) -> None:
    bare = hub.folder / "repo"
    main = git("rev-parse", "main", cwd=work)
    lines = "".join(f"create refs/heads/b/{n} {main}\n" for n in range(10_000))
    git("update-ref", "--stdin", cwd=bare, stdin=lines.encode())
    git("pack-refs", "--all", cwd=bare)
    assert len(fetch_git(version, "ls-remote", f"{hub.url}/repo").splitlines()) > 10_000
    copy = tmp_path / "copy"
    fetch_git(version, "clone", "-q", "--bare", f"{hub.url}/repo", copy)
    assert len(refs_of(copy).splitlines()) == len(refs_of(bare).splitlines())


def test_a_pull_merges_and_many_packs_serve_one_clone(
    hub: Server, work: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    git("clone", "-q", f"{hub.url}/repo", copy)
    for number in range(60, 70):
        commit(work, number, {"README.md": f"version {number}\n" * 50})
        git("push", "-q", f"{hub.url}/repo", "main", cwd=work)
    assert len(list((hub.folder / "repo" / "objects" / "pack").glob("*.pack"))) == 11
    git("pull", "-q", cwd=copy)
    assert git("rev-parse", "HEAD", cwd=copy) == git("rev-parse", "main", cwd=work)
    git("clone", "-q", f"{hub.url}/repo", tmp_path / "fresh")
    git("fsck", "--full", "--strict", cwd=tmp_path / "fresh")


def test_a_refetch_brings_everything_again(hub: Server, work: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    git("clone", "-q", "--filter=blob:none", "--no-checkout", f"{hub.url}/repo", copy)
    git("config", "--unset", "remote.origin.partialclonefilter", cwd=copy)
    git("fetch", "-q", "--refetch", cwd=copy)
    git("-c", "remote.origin.promisor=false", "fsck", "--full", cwd=copy)


def test_negotiation_alone_finds_what_is_common(hub: Server, work: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    git("clone", "-q", f"{hub.url}/repo", copy)
    mine = git("rev-parse", "HEAD", cwd=copy)
    commit(copy, 99, {"mine.txt": "mine\n"})
    options = ["--negotiate-only", "--negotiation-tip=HEAD"]
    found = git("fetch", "-q", *options, "origin", cwd=copy)
    assert mine in found.split()
    assert git("rev-parse", "HEAD", cwd=copy) not in found.split()
