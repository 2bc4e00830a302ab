"""Our diffs are, byte for byte, those of `git diff`."""

import random
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.git.changes import changes, with_renames
from hub_server.git.diffs import DiffLimits, diff_texts, file_diffs, unified
from hub_server.git.history import read_commit
from hub_server.git.linediff import diff_lines, split_lines
from tests.unit.git.histories import ODD_NAMES, Repo

NO_LIMITS = DiffLimits(files=10**6, lines=10**6, total_lines=10**6, bytes=10**9)


def assert_same_as_git(repo: Repo, old: str, new: str) -> None:
    ours = b"".join(unified(repo.objects(), old, new, limits=NO_LIMITS))
    assert ours == repo.git("diff", "--find-renames=100%", old, new)


def test_files_that_come_go_and_change_in_all_odd_ways(repo: Repo):
    long = b"".join(b"def f%d():\n    pass\n\n" % n for n in range(60))
    before = {
        b"gone": b"1\n2\n",
        b"empty-gone": b"",
        b"edited": long,
        b"no newline": b"a\nb",
        b"gets newline": b"a\nb",
        b"mode": b"same\n",
        b"mode and more": b"one\n",
        b"binary": b"\0\1\2",
        b"becomes link": b"target",
        b"link": (0o120000, b"here"),
        b"moved/from": b"the same bytes\n" * 9,
        b"dir": b"was a file\n",
        b"nest/file": b"was in a folder\n",
        **{name: name + b"\n" for name in ODD_NAMES},
    }
    after = {
        b"new": b"1\n2\n3\n",
        b"empty-new": b"",
        b"edited": long.replace(b"f30()", b"thirty(x)").replace(b"f50()", b"fifty(x)"),
        b"no newline": b"a\nc",
        b"gets newline": b"a\nb\n",
        b"mode": (0o100755, b"same\n"),
        b"mode and more": (0o100755, b"two\n"),
        b"binary": b"\0\1\3",
        b"becomes link": (0o120000, b"target"),
        b"link": (0o120000, b"there"),
        b"moved/to": b"the same bytes\n" * 9,
        b"dir/now": b"in a folder\n",
        b"nest": b"now a file\n",
        **{name: name + b" more\n" for name in ODD_NAMES},
    }
    old = repo.commit(repo.tree(before))
    new = repo.commit(repo.tree(after), old)
    assert_same_as_git(repo, old, new)
    assert_same_as_git(repo, new, old)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_commits_of_a_history_against_each_other(history, seed):
    repo = history(seed)
    objects = repo.objects()
    commits = repo.text("rev-list", "main").split()
    dice = random.Random(seed)
    for _ in range(12):
        old, new = dice.choice(commits), dice.choice(commits)
        ours = b"".join(unified(objects, old, new, limits=NO_LIMITS))
        assert ours == repo.git("diff", "--find-renames=100%", old, new)
        trees = read_commit(objects, old).tree, read_commit(objects, new).tree
        names = [change.path for change in changes(objects, *trees)]
        listed = repo.git("diff-tree", "-r", "-z", "--name-only", *trees).split(b"\0")[:-1]
        assert names == listed


def test_the_first_commit_is_compared_with_nothing(repo: Repo):
    only = repo.commit(repo.tree({b"a/b": b"1\n", b"c": b"2\n"}))
    ours = b"".join(unified(repo.objects(), None, only))
    assert ours == repo.git("diff-tree", "-p", "--root", "--no-commit-id", only)


def test_submodules_are_one_line(repo: Repo):
    lines = b"160000 commit %s\tsub\n"
    trees = [repo.text("mktree", "--missing", stdin=lines % (b"%d" % n * 40)) for n in (1, 2)]
    old, new = (repo.commit(tree) for tree in trees)
    ours = b"".join(unified(repo.objects(), old, new))
    assert ours == repo.git("diff", "--submodule=short", old, new)


def test_what_is_beyond_a_limit_is_named_and_not_shown(repo: Repo):
    old = repo.commit(repo.tree({b"big": b"x\n" * 10, b"many": b"", b"small": b"1\n"}))
    files = {b"big": b"y\n" * 900, b"many": b"line\n" * 50, b"small": b"2\n", b"z": b"3\n"}
    new = repo.commit(repo.tree(files), old)
    objects = repo.objects()
    trees = read_commit(objects, old).tree, read_commit(objects, new).tree

    def flags(**limits: int) -> list[bool]:
        found = file_diffs(objects, *trees, limits=DiffLimits(**limits))
        return [diff.is_too_large for diff in found]

    assert flags() == [False, False, False, False]
    assert flags(bytes=1000) == [True, False, False, False]
    assert flags(lines=49) == [True, True, False, False]
    assert flags(files=2) == [False, False, True, True]
    assert flags(total_lines=960) == [False, False, True, True]
    text = b"".join(unified(objects, old, new, limits=DiffLimits(lines=49)))
    assert b"+line" not in text
    assert text.count(b"too large to be shown") == 2
    small = list(file_diffs(objects, *trees))[2]
    assert (small.added, small.removed) == (1, 1)


def test_a_file_larger_than_the_limit_is_not_even_read(repo: Repo):
    old = repo.commit(repo.tree({b"a": b""}))
    new = repo.commit(repo.tree({b"a": bytes(300_000)}))
    objects = repo.objects()
    objects.limit = 200_000  # reading more would raise
    assert b"too large" in b"".join(unified(objects, old, new, limits=DiffLimits(bytes=100_000)))


def test_renames_prefer_a_file_of_the_same_name(repo: Repo):
    old = repo.tree({b"a/x": b"same", b"b/y": b"same"})
    new = repo.tree({b"c/y": b"same", b"d/x": b"same", b"e": b"same"})
    found = with_renames(list(changes(repo.objects(), old, new)))
    assert [(one.old_path, one.path) for one in found] == [
        (b"b/y", b"c/y"), (b"a/x", b"d/x"), (None, b"e")]  # fmt: skip


words = st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"  d\n", b"\te\n", b"}\n"])
texts = st.lists(words, max_size=40)


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_blocks_turn_the_old_text_into_the_new_one(old, new):
    blocks = diff_lines(old, new, limit=10**6)
    at, built = 0, []
    for block in blocks:
        built += old[at : block.old_start] + new[block.new_start : block.new_end]
        at = block.old_end
    assert built + old[at:] == new


@settings(max_examples=60, deadline=None)
@given(texts, texts, st.booleans())
def test_hunks_are_those_of_git(tmp_path_factory, old, new, cut):
    folder = tmp_path_factory.mktemp("diff")
    assert_hunks_are_those_of_git(folder, b"".join(old), b"".join(new)[: -1 if cut else None])


def assert_hunks_are_those_of_git(folder: Path, before: bytes, after: bytes) -> None:
    (folder / "old").write_bytes(before)
    (folder / "new").write_bytes(after)
    command = ["git", "diff", "--no-index", "old", "new"]
    theirs = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    hunks = diff_texts(before, after, limit=10**6)
    ours = b"".join(b"".join([hunk.header, b"\n", *hunk.lines]) for hunk in hunks)
    start = theirs.find(b"\n@@") + 1
    assert ours == (theirs[start:] if start else b"")


def test_two_long_texts_with_nothing_in_common_cost_little():
    old = split_lines(b"".join(b"old %d\n" % n for n in range(200_000)))
    new = split_lines(b"".join(b"new %d\n" % n for n in range(200_000)))
    assert diff_lines(old, new, limit=3000) is None


def test_two_shuffled_texts_end_soon():
    dice = random.Random(1)
    old = [b"l%d\n" % dice.randrange(300) for _ in range(3000)]
    new = [b"l%d\n" % dice.randrange(300) for _ in range(3000)]
    blocks = diff_lines(old, new, limit=10**6)
    built, at = [], 0
    for block in blocks:
        built += old[at : block.old_start] + new[block.new_start : block.new_end]
        at = block.old_end
    assert built + old[at:] == new


def test_texts_that_take_too_long_are_not_compared():
    dice = random.Random(2)
    old = [b"%d\n" % dice.randrange(9) for _ in range(150_000)]
    new = [b"%d\n" % dice.randrange(9) for _ in range(150_000)]
    start = time.thread_time()
    assert diff_lines(old, new, limit=10**6) is None
    assert time.thread_time() - start < 20


@pytest.mark.parametrize("seed", range(25))
def test_code_is_cut_where_git_cuts_it(tmp_path, seed):
    """Groups that could stand in several places, and lines that are everywhere."""
    dice = random.Random(seed)
    words = [
        b"%sline %d\n" % (b" " * dice.randrange(9), n) for n in range(dice.choice([3, 10, 50]))
    ]
    words += [b"\n", b"\t\n", b"}\n", b"\tdo\n", b" " * 210 + b"far\n"]
    old = [dice.choice(words) for _ in range(dice.choice([0, 5, 30, 200]))]
    new = list(old)
    for _ in range(dice.randrange(15)):
        at = dice.randrange(len(new) + 1)
        chance = dice.random()
        if chance < 0.3:
            new[at:at] = dice.choices(words, k=dice.randrange(1, 6))
        elif chance < 0.4:
            new[at:at] = [b"\n"] * 25
        elif chance < 0.7:
            del new[at : at + dice.randrange(1, 5)]
        else:
            new[at:at] = new[at // 2 : at // 2 + 4]
    assert_hunks_are_those_of_git(tmp_path, b"".join(old), b"".join(new))
