"""Commits, last commits, logs and diffs, beside the same work done by `git` in the same run.

Run as `python -m bench.git_objects`; prints "name  ours  reference  ratio", times in milliseconds.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hub_server import git
from hub_server.git import NewObject, Pack, PackSet, Put, Signature

ADA = Signature("Ada", "ada@example.org", 1_700_000_000)
FILES = 100_000
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


class Bare:
    """A bare repository, seen by us and by git."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "--bare", "--initial-branch=main", ".")
        self.packs: list[Pack] = []

    def git(self, *args: str | bytes, stdin: bytes = b"") -> bytes:
        return subprocess.run(
            ["git", *args],
            cwd=self.path,
            input=stdin,
            capture_output=True,
            env=ENVIRONMENT,
            check=True,
        ).stdout

    def store(self, objects: Sequence[NewObject]) -> None:
        files = git.write_pack(objects, self.path / "objects/pack")
        self.packs.insert(0, Pack.open(files.pack, files.idx))

    def load(self) -> None:
        folder = self.path / "objects/pack"
        self.packs = [Pack.open(path, path.with_suffix(".idx")) for path in folder.glob("*.pack")]

    @property
    def tip(self) -> str:
        return self.git("rev-parse", "main").decode().strip()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _commits(folder, "folders of 1,000", lambda n: b"d%03d/f%06d.bin" % (n // 1000, n))
        _commits(folder, "one flat folder", lambda n: b"f%06d.bin" % n)
        _history(Bare(folder / "history"))


def _commits(folder: Path, name: str, path_of: Callable[[int], bytes]) -> None:
    repo = Bare(folder / name)
    blob = git.new_blob(b"the same everywhere")
    base = git.splice(PackSet([]), None, [Put(path_of(n), blob.id) for n in range(FILES)])
    first = git.new_commit(base.tree, [], ADA, ADA, "first")
    repo.store([blob, *base.objects.values(), first])
    repo.git("update-ref", "refs/heads/main", first.id)
    repo.git("read-tree", "main")
    places = random.Random(1).sample(range(FILES), 60)
    theirs = [_timed(lambda n=n: _git_commit(repo, path_of(n), n)) for n in places[:5]]
    tip = first.id
    ours, cpu = [], []
    for place in places:
        start, before = time.perf_counter(), time.thread_time()
        tip = _our_commit(repo, tip, path_of(place), place)
        ours.append(time.perf_counter() - start)
        cpu.append(time.thread_time() - before)
    _report(f"commit 1 of 100k files, {name}, p50", ours, theirs)
    rate, busy = 1 / statistics.mean(ours), statistics.median(cpu) * 1000
    print(
        f"  {rate:.0f} commits/s, of which computing {busy:.2f} ms p50; the rest waits for the disk"
    )
    repo.git("fsck", "--connectivity-only", tip)


def _our_commit(repo: Bare, parent: str, path: bytes, number: int) -> str:
    objects = PackSet(repo.packs)
    blob = git.new_blob(b"content %d" % number)
    tree = git.read_commit(objects, parent).tree
    spliced = git.splice(objects, tree, [Put(path, blob.id)])
    commit = git.new_commit(spliced.tree, [parent], ADA, ADA, "change one file")
    repo.store([blob, *spliced.objects.values(), commit])
    return commit.id


def _git_commit(repo: Bare, path: bytes, number: int) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"content %d" % number).strip()
    repo.git("update-index", "-z", "--index-info", stdin=b"100644 %s\t%s\0" % (blob, path))
    tree = repo.git("write-tree").decode().strip()
    repo.git("commit-tree", tree, "-p", "main", stdin=b"change one file")


def _history(repo: Bare) -> None:
    """3,000 commits with merges over 2,000 files in 40 folders."""
    dice = random.Random(2)
    stream = []
    for number in range(3000):
        stream.append(b"commit refs/heads/main\nmark :%d\n" % (number + 1))
        stream.append(b"committer A <a@b> %d +0000\ndata 1\nx\n" % (1_600_000_000 + number * 600))
        if number > 10 and number % 7 == 0:
            stream.append(b"from :%d\nmerge :%d\n" % (number, number - dice.randrange(2, 9)))
        for _ in range(400 if number == 0 else dice.randrange(1, 4)):
            path = b"dir%02d/file%04d" % (dice.randrange(40), dice.randrange(50))
            data = b"".join(b"line %d\n" % dice.randrange(99) for _ in range(30))
            stream.append(b"M 644 inline %s\ndata %d\n%s\n" % (path, len(data), data))
    repo.git("fast-import", "--quiet", stdin=b"".join(stream))
    repo.git("repack", "-adfq")
    repo.load()
    tip = repo.tip
    for folder in (b"", b"dir07"):
        _last_commits(repo, tip, folder)
    path = b"dir03/file0007"
    _report(
        "log of one path",
        [_timed(lambda: git.log(PackSet(repo.packs), tip, path=path, limit=50))],
        [_timed(lambda: repo.git("log", "--format=%H", "-50", tip, "--", path))],
    )
    _report(
        "log, page of 50",
        [_timed(lambda: git.log(PackSet(repo.packs), tip, limit=50))],
        [_timed(lambda: repo.git("log", "--format=%H", "-50", tip))],
    )
    old = repo.git("rev-parse", "main~30").decode().strip()
    _report(
        "diff over 30 commits",
        [_timed(lambda: list(git.unified(PackSet(repo.packs), old, tip)))],
        [_timed(lambda: repo.git("diff", old, tip))],
    )
    _report(
        "is_ancestor, 2,000 commits apart",
        [_timed(lambda: git.is_ancestor(PackSet(repo.packs), _far(repo), tip))],
        [_timed(lambda: repo.git("merge-base", "--is-ancestor", _far(repo), tip))],
    )


def _far(repo: Bare) -> str:
    return repo.git("rev-parse", "main~2000").decode().strip()


def _last_commits(repo: Bare, tip: str, folder: bytes) -> None:
    found: dict[bytes, str] = {}
    ours = _timed(lambda: found.update(git.last_commits(PackSet(repo.packs), tip, folder)))
    prefix = folder + b"/" if folder else b""

    def theirs() -> None:
        for name, commit in found.items():
            said = repo.git("log", "-1", "--format=%H", tip, "--", prefix + name).decode().strip()
            if said != commit:
                raise AssertionError((folder, name, said, commit))

    shown = folder.decode() or "the root"
    _report(f"last commits of {shown}, {len(found)} entries, cold", [ours], [_timed(theirs)])


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _report(name: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    our, their = statistics.median(ours) * 1000, statistics.median(theirs) * 1000
    print(f"{name}  {our:.2f}  {their:.2f}  {our / their:.3f}", flush=True)


if __name__ == "__main__":
    main()
