"""Fetches by the stock client: protocols, tags, shallow and partial clones."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.git

DAY = 86_400
START = 1_700_000_000


class Sample(NamedTuple):
    url: str
    work: Path


@pytest.fixture
def sample(ada: LiveUser, git: GitClient) -> Sample:
    """A repository with ten commits a day apart, a branch and two tags; `work` pushed them."""
    url = ada.git_url(ada.make_repo())
    work = git.clone(url, "work")
    for number in range(10):
        files = {"README.md": f"change {number}\n", f"folder/{number}.txt": f"{number}\n" * 50}
        dated(git, work, number, files)
    git("tag", "light", "HEAD~3", cwd=work)
    git("tag", "-a", "-m", "first words", "v1.0", "HEAD~2", cwd=work)
    git("push", "-q", "origin", "HEAD:main", "HEAD~5:refs/heads/side", "--tags", cwd=work)
    return Sample(url, work)


def dated(git: GitClient, work: Path, number: int, files: dict[str, str]) -> str:
    for name, text in files.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(text)
    git("add", "-A", cwd=work)
    when = f"{START + number * DAY} +0000"
    git("commit", "-qm", f"change {number}", cwd=work, GIT_COMMITTER_DATE=when)
    return git("rev-parse", "HEAD", cwd=work)


def count(git: GitClient, clone: Path, what: str = "HEAD") -> int:
    return int(git("rev-list", "--count", what, cwd=clone))


@pytest.mark.parametrize("version", [0, 1, 2])
def test_every_protocol_version(git: GitClient, sample: Sample, version: int):
    speak = ("-c", f"protocol.version={version}")
    git(*speak, "clone", "-q", sample.url, "clone")
    clone = git.folder / "clone"
    assert count(git, clone) == 11
    assert git("tag", cwd=clone).splitlines() == ["light", "v1.0"]
    dated(git, sample.work, 11, {"new.txt": "new\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=sample.work)
    git(*speak, "pull", "-q", "--ff-only", cwd=clone)
    assert (clone / "new.txt").read_text() == "new\n"
    dated(git, clone, 12, {"back.txt": "back\n"})
    git(*speak, "push", "-q", "origin", "HEAD:main", cwd=clone)
    git(*speak, "fetch", "-q", "origin", cwd=sample.work)
    assert git("rev-parse", "FETCH_HEAD", cwd=sample.work) == git("rev-parse", "HEAD", cwd=clone)
    git("fsck", "--full", "--strict", cwd=clone)


@pytest.mark.parametrize(("version", "said"), [(0, None), (1, "version 1"), (2, "version 2")])
def test_the_server_speaks_the_version_it_is_asked_for(
    git: GitClient, sample: Sample, version: int, said: str | None
):
    done = git.run(
        "-c", f"protocol.version={version}", "ls-remote", sample.url, GIT_TRACE_PACKET="1"
    )
    spoken = [line for line in done.err.splitlines() if "< version " in line]
    assert bool(spoken) == (said is not None)
    assert said is None or said in spoken[0]


def test_heads_and_tags_are_listed_with_what_tags_stand_for(git: GitClient, sample: Sample):
    refs = git.remote_refs(sample.url)
    heads = {"refs/heads/main", "refs/heads/side"}
    tags = {"refs/tags/light", "refs/tags/v1.0", "refs/tags/v1.0^{}"}
    assert set(refs) == {"HEAD"} | heads | tags
    assert refs["HEAD"] == refs["refs/heads/main"]
    assert refs["refs/tags/v1.0^{}"] == git("rev-parse", "v1.0^{commit}", cwd=sample.work)
    said = git("ls-remote", "--symref", sample.url, "HEAD")
    assert "ref: refs/heads/main\tHEAD" in said


def test_fetch_brings_only_what_is_new(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone")
    dated(git, sample.work, 11, {"README.md": "new words\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=sample.work)
    done = git.run("fetch", "--progress", "origin", cwd=clone)
    assert done.code == 0
    assert "main       -> origin/main" in done.err
    packed = git("count-objects", "-v", cwd=clone)
    assert "count: 3" in packed, "a commit, a tree and a file"


def test_fetch_when_nothing_is_new(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone")
    assert git.said("fetch", "origin", cwd=clone) == ""


def test_a_tag_follows_the_commits_it_marks(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone")
    dated(git, sample.work, 11, {"new.txt": "new\n"})
    git("tag", "-a", "-m", "second", "v2.0", cwd=sample.work)
    git("push", "-q", "origin", "HEAD:main", "v2.0", cwd=sample.work)
    git("fetch", "-q", cwd=clone)
    assert git("cat-file", "-t", "v2.0", cwd=clone) == "tag"


def test_one_branch(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone", "--single-branch", "--branch", "side")
    assert count(git, clone) == 6
    branches = git("for-each-ref", "--format=%(refname)", "refs/remotes", cwd=clone)
    assert branches.splitlines() == ["refs/remotes/origin/side"]


def test_a_branch_that_is_not_there(git: GitClient, sample: Sample):
    said = git.refused("clone", "--branch", "nowhere", sample.url, "clone")
    assert "Remote branch nowhere not found" in said


def test_prune_forgets_deleted_branches(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone")
    git("push", "-q", "origin", ":side", cwd=sample.work)
    assert "[deleted]" in git.said("fetch", "--prune", cwd=clone)


def test_a_mirror_has_everything(git: GitClient, sample: Sample):
    mirror = git.clone(sample.url, "mirror", "--mirror")
    here = git("for-each-ref", "--format=%(objectname) %(refname)", cwd=mirror).splitlines()
    there = git.remote_refs(sample.url)
    plain = {name: value for name, value in there.items() if name[-3:] != "^{}" and name != "HEAD"}
    assert sorted(here) == sorted(f"{value} {name}" for name, value in plain.items())


@pytest.mark.parametrize("version", [0, 2])
def test_shallow_then_deeper_then_whole(git: GitClient, sample: Sample, version: int):
    speak = ("-c", f"protocol.version={version}")
    git(*speak, "clone", "-q", "--depth", "1", sample.url, "clone")
    clone = git.folder / "clone"
    assert count(git, clone) == 1
    dated(git, sample.work, 11, {"new.txt": "new\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=sample.work)
    git(*speak, "fetch", "-q", "origin", cwd=clone)
    assert count(git, clone, "origin/main") == 2
    git(*speak, "fetch", "-q", "--deepen", "2", cwd=clone)
    assert count(git, clone, "origin/main") == 4
    git(*speak, "fetch", "-q", "--unshallow", cwd=clone)
    assert count(git, clone, "origin/main") == 12
    git("fsck", "--full", "--strict", cwd=clone)


def test_shallow_since_and_exclude(git: GitClient, sample: Sample):
    since = f"--shallow-since={START + 6 * DAY - DAY // 2} +0000"
    assert count(git, git.clone(sample.url, "since", since)) == 4
    exclude = git.clone(sample.url, "exclude", "--shallow-exclude=light")
    assert count(git, exclude) == 3


def test_push_from_a_shallow_clone(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone", "--depth", "1")
    pushed = git.commit(clone, {"from-shallow.txt": "here\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    whole = git.clone(sample.url, "whole")
    assert git("rev-parse", "HEAD", cwd=whole) == pushed
    assert count(git, whole) == 12
    git("fsck", "--full", "--strict", cwd=whole)


@pytest.mark.parametrize("flags", [["--filter=blob:none"], ["--filter=blob:none", "--depth=1"]])
def test_a_partial_clone_checks_out(git: GitClient, sample: Sample, flags: list[str]):
    clone = git.clone(sample.url, "clone", *flags)
    assert (clone / "folder/9.txt").read_text() == "9\n" * 50
    if len(flags) == 1:
        git("checkout", "-q", "HEAD~4", cwd=clone)
        assert not (clone / "folder/9.txt").exists()
        assert (clone / "README.md").read_text() == "change 5\n"


def test_a_partial_clone_holds_no_file_it_was_not_asked_for(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone", "--filter=blob:none", "--no-checkout")
    missing = git("rev-list", "--objects", "--all", "--missing=print", cwd=clone)
    assert missing.count("\n?") > 10


def test_treeless_and_limited_clones(git: GitClient, sample: Sample):
    treeless = git.clone(sample.url, "treeless", "--filter=tree:0")
    assert len(git("log", "--oneline", cwd=treeless).splitlines()) == 11
    assert "folder/3.txt" in git("ls-tree", "-r", "--name-only", "HEAD~2", cwd=treeless)
    limited = git.clone(sample.url, "limited", "--filter=blob:limit=20", "--no-checkout")
    git("cat-file", "-e", "HEAD:README.md", cwd=limited, GIT_NO_LAZY_FETCH="1")
    git("checkout", "-q", "main", cwd=limited)
    assert (limited / "folder/4.txt").read_text() == "4\n" * 50


def test_sparse_checkout_of_a_partial_clone(git: GitClient, sample: Sample):
    clone = git.clone(sample.url, "clone", "--filter=blob:none", "--sparse")
    assert not (clone / "folder").exists()
    git("sparse-checkout", "set", "folder", cwd=clone)
    assert (clone / "folder/1.txt").exists()


def test_a_commit_by_its_id(git: GitClient, sample: Sample):
    wanted = git("rev-parse", "HEAD~4", cwd=sample.work)
    git("init", "-q", "here")
    git("fetch", "-q", "--depth=1", sample.url, wanted, cwd=git.folder / "here")
    assert git("rev-parse", "FETCH_HEAD", cwd=git.folder / "here") == wanted


def test_what_no_ref_reaches_is_refused(git: GitClient, sample: Sample):
    never = git.commit(sample.work, message="never pushed")
    git("init", "-q", "here")
    for version in (0, 2):
        speak = ("-c", f"protocol.version={version}")
        said = git.refused(*speak, "fetch", sample.url, never, cwd=git.folder / "here")
        assert "not our ref" in said or "unadvertised object" in said


def test_refs_of_pull_requests_come_only_when_asked_for(git: GitClient, sample: Sample):
    assert not [name for name in git.remote_refs(sample.url) if name.startswith("refs/pr/")]


def test_large_haves_come_gzipped(git: GitClient, sample: Sample):
    """A client with thousands of commits of its own asks in a body that git compresses."""
    clone = git.clone(sample.url, "clone")
    stream = "".join(
        f"commit refs/heads/own\ncommitter A <a@b> {START + n} +0000\ndata 1\nx\n"
        for n in range(2000)
    )
    git("fast-import", "--quiet", cwd=clone, given=stream.encode())
    dated(git, sample.work, 11, {"new.txt": "new\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=sample.work)
    git("fetch", "-q", cwd=clone)
    assert count(git, clone, "origin/main") == 12


def test_a_server_without_a_git_program(make_hub, git: GitClient):
    """The same words from the code that needs no git binary."""
    hub: LiveHub = make_hub(HUB_GIT_BINARY="")
    eve = hub.make_user("eve")
    url = eve.git_url(eve.make_repo())
    work = git.clone(url, "work")
    for number in range(4):
        dated(git, work, number, {"a.txt": f"{number}\n" * 100})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert count(git, git.clone(url, "whole")) == 5
    shallow = git.clone(url, "shallow", "--depth=1", "--filter=blob:none")
    assert (shallow / "a.txt").read_text() == "3\n" * 100
    git("fetch", "-q", "--unshallow", cwd=shallow)
    assert count(git, shallow) == 5
    git("fsck", "--full", cwd=git.folder / "whole")
