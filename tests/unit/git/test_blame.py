"""Every line has the commit that `git blame` names."""

import random
import sys

import pytest

from hub_server.git.blame import blame
from tests.unit.git.histories import Repo


def said_by_git(repo: Repo, path: str, *, revision: str = "main") -> list[str]:
    told = repo.text("blame", "--porcelain", revision, "--", path)
    return [
        line.split()[0]
        for line in told.split("\n")
        if len(line.split()) in (3, 4) and len(line.split()[0]) == 40
    ]


def line_of_edits(repo: Repo, seed: int) -> None:
    """A file that is changed, copied over, moved, and merged from two sides."""
    dice = random.Random(seed)
    lines = [b"line %d" % number for number in range(40)]
    parents: list[str] = []
    name = b"a.txt"

    def commit(text: list[bytes], *above: str, time: int) -> str:
        data = b"\n".join(text) + b"\n"
        tree = repo.tree({name: data, b"other": b"%d" % time})
        return repo.commit(tree, *above, time=time)

    for time in range(40):
        for _ in range(dice.randint(0, 4) if time != 30 else 0):
            at = dice.randrange(len(lines))
            lines[at : at + dice.randint(0, 3)] = [
                b"new %d" % dice.randrange(10**6) for _ in range(dice.randint(0, 3))
            ]
        if time == 30:
            name = b"moved/b.txt"
            parents = [commit(lines, *parents, time=time)]
            continue
        if time % 20 == 10:
            side = [*lines, b"side %d" % time]
            left = commit(lines, *parents, time=time)
            right = commit(side, *parents, time=time)
            parents = [left, right]
            lines = side
        parents = [commit(lines, *parents, time=time)]
    repo.git("update-ref", "refs/heads/main", parents[0])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_line_has_the_commit_that_git_names(tmp_path, seed):
    repo = Repo.create(tmp_path / "edits.git")
    line_of_edits(repo, seed)
    found = blame(repo.objects(), repo.tip, b"moved/b.txt")
    assert found is not None
    assert found.is_whole
    assert found.commits == said_by_git(repo, "moved/b.txt")
    assert len(set(found.commits)) > 5


def test_a_file_that_moved_unchanged_keeps_its_commits(tmp_path):
    repo = Repo.create(tmp_path / "moved.git")
    first = repo.commit(repo.tree({b"a": b"1\n2\n"}), time=1)
    second = repo.commit(repo.tree({b"b/c": b"1\n2\n"}), first, time=2)
    third = repo.commit(repo.tree({b"b/c": b"1\n3\n"}), second, time=3)
    found = blame(repo.objects(), third, b"b/c")
    assert found is not None
    assert found.commits == [first, third]


def test_no_file_and_an_empty_one(tmp_path):
    repo = Repo.create(tmp_path / "none.git")
    tip = repo.commit(repo.tree({b"empty": b"", b"d/x": b"1"}))
    objects = repo.objects()
    assert blame(objects, tip, b"nothing") is None
    assert blame(objects, tip, b"d") is None
    found = blame(objects, tip, b"empty")
    assert found is not None
    assert found.commits == []


def test_time_that_is_up_leaves_lines_open(tmp_path):
    repo = Repo.create(tmp_path / "slow.git")
    tip = repo.commit(repo.tree({b"a": b"1\n2\n"}))
    found = blame(repo.objects(), tip, b"a", seconds=0)
    assert found is not None
    assert found.commits == [None, None]
    assert not found.is_whole


def test_an_older_version_that_is_huge_is_not_looked_into(tmp_path, monkeypatch):
    repo = Repo.create(tmp_path / "huge.git")
    first = repo.commit(repo.tree({b"a": b"1\n" + b"x" * 100}), time=1)
    second = repo.commit(repo.tree({b"a": b"1\n"}), first, time=2)
    monkeypatch.setattr(sys.modules[blame.__module__], "LARGEST", 50)
    found = blame(repo.objects(), second, b"a")
    assert found is not None
    assert found.commits == [second]
