"""What the history says is what `git log` says, on histories with branches and odd names."""

import random
import time

import pytest

from hub_server.git.errors import NotACommit, ObjectMissing
from hub_server.git.history import (
    commits_ahead,
    count_commits,
    is_ancestor,
    last_commits,
    log,
    merge_base,
    peel,
    read_commit,
    search,
)
from hub_server.git.trees import walk
from tests.unit.git.histories import Repo

SEEDS = [1, 2, 3]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_log_has_the_order_of_git_log(history, seed):
    repo = history(seed)
    objects = repo.objects()
    expected = repo.text("log", "--format=%H", "main").split()
    assert [commit.id for commit in log(objects, repo.tip, limit=10_000)] == expected
    assert [commit.id for commit in log(objects, repo.tip, skip=7, limit=5)] == expected[7:12]
    assert log(objects, repo.tip, limit=0) == []
    assert count_commits(objects, repo.tip) == len(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_log_of_a_path_follows_the_parent_that_has_the_same(history, seed):
    repo = history(seed)
    objects = repo.objects()
    tree = read_commit(objects, repo.tip).tree
    paths = [path for path, _ in walk(objects, tree)]
    for path in [*random.Random(seed).sample(paths, min(25, len(paths))), b"d1/f1", b"no/such"]:
        expected = repo.git("log", "--format=%H", "main", "--", b":(literal)" + path).split()
        found = [commit.id.encode() for commit in log(objects, repo.tip, path=path, limit=10_000)]
        assert found == expected, path


@pytest.mark.parametrize("most", [1, 2, 7])
def test_a_search_that_stops_goes_on_from_where_it_stopped(tmp_path, most):
    repo = Repo.create(tmp_path / "line.git")
    parents: list[str] = []
    for number in range(10):
        tree = repo.tree({b"a": b"%d" % (number // 4), b"b": b"%d" % number})
        parents = [repo.commit(tree, *parents, time=number)]
    repo.git("update-ref", "refs/heads/main", parents[0])
    objects = repo.objects()
    expected = [commit.id for commit in log(objects, repo.tip, path=b"a", limit=100)]
    assert len(expected) == 3
    found, at = [], repo.tip
    while at:
        part, at = search(objects, at, path=b"a", limit=100, most=most)
        found += [commit.id for commit in part]
    assert found == expected
    assert search(objects, repo.tip, path=b"a", limit=1, most=100).stopped is None


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_commits_of_a_folder_are_those_of_git_log(history, seed):
    repo = history(seed)
    objects = repo.objects()
    for folder in (b"", b"d0", b"d3", b"deep/er"):
        found = last_commits(objects, repo.tip, folder)
        prefix = folder + b"/" if folder else b""
        listed = repo.git("ls-tree", "-z", "--name-only", "main", prefix or b"--").split(b"\0")
        assert {prefix + name for name in found} == {path for path in listed if path}
        for name, commit_id in found.items():
            spec = b":(literal)" + prefix + name
            assert repo.text("log", "-1", "--format=%H", "main", "--", spec) == commit_id, name


def test_the_last_commits_of_a_folder_that_is_not_there_are_none(history):
    repo = history(1)
    assert last_commits(repo.objects(), repo.tip, b"no/such/folder") == {}
    assert last_commits(repo.objects(), repo.tip, b"a") == {}


def test_a_bounded_walk_leaves_out_what_it_did_not_reach(history):
    repo = history(2)
    objects = repo.objects()
    everything = last_commits(objects, repo.tip)
    some = last_commits(objects, repo.tip, max_commits=10)
    assert some.items() < everything.items()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_known_answer_ends_the_walk(history, seed):
    repo = history(seed)
    objects = repo.objects()
    commits = repo.text("rev-list", "main").split()
    expected = last_commits(objects, repo.tip)
    for older in commits[1:8]:
        answers = {older: last_commits(objects, older)}
        assert last_commits(objects, repo.tip, known=answers.get) == expected
    lies = {repo.tip: dict.fromkeys(expected, "f" * 40)}
    assert last_commits(objects, repo.tip, known=lies.get) == lies[repo.tip]


@pytest.mark.parametrize("seed", SEEDS)
def test_ancestors_and_merge_bases_are_those_of_git(history, seed):
    repo = history(seed)
    objects = repo.objects()
    commits = repo.text("rev-list", "main").split()
    dice = random.Random(seed)
    for _ in range(40):
        a, b = dice.choice(commits), dice.choice(commits)
        bases = repo.text("merge-base", "--all", a, b).split() if a != b else [a]
        assert merge_base(objects, a, b) in bases
        assert is_ancestor(objects, a, b) == (bases == [a])
        ahead = {commit.id for commit in commits_ahead(objects, a, b)}
        assert ahead == set(repo.text("rev-list", f"{a}..{b}").split())


def test_clocks_that_lie_do_not_change_who_descends_from_whom(repo: Repo):
    tree = repo.tree({b"a": b"1"})
    old = repo.commit(tree, message="old", time=5_000)
    ancient = repo.commit(tree, old, message="says it is ancient", time=-900_000)
    new = repo.commit(tree, ancient, message="new", time=6_000)
    other = repo.commit(tree, message="unrelated", time=5_500)
    objects = repo.objects()
    assert is_ancestor(objects, old, new)
    assert not is_ancestor(objects, new, old)
    assert not is_ancestor(objects, other, new)
    assert merge_base(objects, other, new) is None
    assert merge_base(objects, old, new) == old
    assert [commit.id for commit in commits_ahead(objects, old, new)] == [new, ancient]


def test_a_tag_of_a_tag_stands_for_its_commit(repo: Repo):
    commit = repo.commit(repo.tree({b"a": b"1"}))
    repo.git("tag", "-a", "-m", "one", "one", commit)
    repo.git("tag", "-a", "-m", "two", "two", "one")
    repo.git("tag", "-a", "-m", "a tree", "three", f"{commit}^{{tree}}")
    objects = repo.objects()
    tag = repo.text("rev-parse", "two")
    assert tag != commit
    assert peel(objects, tag) == commit
    assert read_commit(objects, tag).id == commit
    assert [found.id for found in log(objects, tag, limit=9)] == [commit]
    with pytest.raises(NotACommit):
        peel(objects, repo.text("rev-parse", "three"))
    with pytest.raises(ObjectMissing):
        peel(objects, "1" * 40)
    with pytest.raises(NotACommit):
        log(objects, read_commit(objects, commit).tree, limit=1)


def test_the_last_commits_of_a_large_flat_folder_are_found_at_once(repo: Repo):
    blob = repo.blob(b"x")
    names = b"".join(b"100644 blob %s\tf%06d\0" % (blob.encode(), n) for n in range(20_000))
    tree = repo.text("mktree", "-z", stdin=names)
    first = tip = repo.commit(tree)
    for number in range(10):
        other = repo.blob(b"%d" % number)
        names = names.replace(
            b"%s\tf%06d\0" % (blob.encode(), number * 7),
            b"%s\tf%06d\0" % (other.encode(), number * 7),
        )
        tip = repo.commit(repo.text("mktree", "-z", stdin=names), tip, time=number)
    objects = repo.objects()
    start = time.perf_counter()
    found = last_commits(objects, tip)
    assert time.perf_counter() - start < 2
    assert found[b"f000063"] == tip
    assert sum(commit == first for commit in found.values()) == 19_990
