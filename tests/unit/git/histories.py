"""Repositories of the real `git`, with histories made up from a seed."""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from hub_server.git.packs import Pack, PackSet

ODD_NAMES = [
    b"plain.txt",
    b"with space.txt",
    b"line\nbreak",
    b'quo"te',
    b"tab\there",
    "ünï/cödé.bin".encode(),
    b"caf\xe9/latin1",
    b"a",
    b"a.b",
    b"a-b/c",
    b"a0/z",
    b"deep/er/and/deeper/file",
    b"%2F/percent",
    b"100644 x",
    b"-dash",
]

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "LC_ALL": "C.UTF-8",
}


@dataclass
class Repo:
    """A bare repository on disk, driven by the real git."""

    path: Path
    packs: list[Pack] = field(default_factory=list)

    @classmethod
    def create(cls, path: Path) -> Repo:
        path.mkdir(parents=True)
        repo = cls(path)
        repo.git("init", "-q", "--bare", "--initial-branch=main", ".")
        repo.git("config", "core.abbrev", "7")
        return repo

    def git(self, *args: str | bytes, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            input=stdin,
            capture_output=True,
            env=ENVIRONMENT,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def text(self, *args: str | bytes, stdin: bytes = b"") -> str:
        return self.git(*args, stdin=stdin).decode().strip()

    def blob(self, data: bytes) -> str:
        return self.text("hash-object", "-w", "--stdin", stdin=data)

    def tree(self, files: dict[bytes, bytes | tuple[int, bytes]]) -> str:
        """A tree of these paths, through an index of git's own."""
        lines = []
        for path, content in files.items():
            mode, data = content if isinstance(content, tuple) else (0o100644, content)
            lines.append(b"%o %s\t%s\0" % (mode, self.blob(data).encode(), path))
        self.git("read-tree", "--empty")
        self.git("update-index", "-z", "--index-info", stdin=b"".join(lines))
        return self.text("write-tree")

    def commit(self, tree: str, *parents: str, message: str = "words", time: int = 0) -> str:
        flags = [flag for parent in parents for flag in ("-p", parent)]
        when = f"{1_700_000_000 + time} +0000"
        done = subprocess.run(
            ["git", "commit-tree", tree, *flags],
            cwd=self.path,
            input=message.encode(),
            capture_output=True,
            env=ENVIRONMENT | {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when},
            check=True,
        )
        return done.stdout.decode().strip()

    def objects(self, *, repack: bool = True) -> PackSet:
        """Everything in this repository; loose objects are packed first."""
        if repack:
            everything = self.text("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
            self.git("pack-objects", "-q", "objects/pack/pack", stdin=everything.encode())
        self.packs = [
            Pack.open(path, path.with_suffix(".idx"))
            for path in sorted((self.path / "objects/pack").glob("*.pack"))
        ]
        return PackSet(self.packs)

    @property
    def tip(self) -> str:
        return self.text("rev-parse", "main")


Files = dict[bytes, bytes]


def make_history(repo: Repo, commits: int, *, seed: int, files: int = 40) -> None:
    """Branches, merges, edits, deletions and odd names on `main`, by `git fast-import`."""
    dice = random.Random(seed)
    states: list[Files] = []
    stream: list[bytes] = []
    heads: list[int] = []
    for number in range(commits):
        parents = dice.sample(heads, k=min(len(heads), 2 if dice.random() < 0.2 else 1))
        if heads and not parents:
            parents = [heads[-1]]
        state = dict(states[parents[0]]) if parents else {}
        if len(parents) == 2:
            _merge(dice, state, states[parents[1]])
        before = states[parents[0]] if parents else {}
        _edit(dice, state, files)
        stream += _commit(number, parents, before, state, dice)
        states.append(state)
        heads = [head for head in heads if head not in parents or dice.random() < 0.3] + [number]
    stream.append(b"reset refs/heads/main\nfrom :%d\n\n" % commits)
    repo.git("fast-import", "--quiet", stdin=b"".join(stream))


def _merge(dice: random.Random, state: Files, other: Files) -> None:
    for path in sorted(set(state) | set(other)):
        if state.get(path) == other.get(path) or dice.random() < 0.5:
            continue
        if path in other:
            _put(state, path, other[path])
        else:
            del state[path]


def _edit(dice: random.Random, state: Files, files: int) -> None:
    for _ in range(dice.choice([0, 1, 1, 1, 2, 5])):
        if state and dice.random() < 0.15:
            del state[dice.choice(sorted(state))]
            continue
        if dice.random() < 0.3:
            path = dice.choice(ODD_NAMES)
        else:
            path = b"d%d/f%d" % (dice.randrange(4), dice.randrange(files))
        lines = state.get(path, b"").split(b"\n")
        lines.insert(dice.randrange(len(lines)), b"line %d" % dice.randrange(50))
        if len(lines) > 5 and dice.random() < 0.3:
            del lines[dice.randrange(len(lines))]
        _put(state, path, b"\n".join(lines))


def _put(state: Files, path: bytes, data: bytes) -> None:
    """Files in the way of a folder go, and folders in the way of a file."""
    for other in list(state):
        if other.startswith(path + b"/") or path.startswith(other + b"/"):
            del state[other]
    state[path] = data


def _commit(
    number: int, parents: list[int], before: Files, after: Files, dice: random.Random
) -> list[bytes]:
    # Some clocks stand still, and some go back.
    when = 1_600_000_000 + number * 60 - (dice.randrange(400) if dice.random() < 0.1 else 0)
    who = b"Ada <ada@example.org> %d +0000" % when
    out = [b"commit refs/heads/work\nmark :%d\ncommitter %s\n" % (number + 1, who)]
    out.append(b"data <<END\ncommit %d\nEND\n" % number)
    if parents:
        out.append(b"from :%d\n" % (parents[0] + 1))
        out += [b"merge :%d\n" % (parent + 1) for parent in parents[1:]]
    else:
        out.append(b"deleteall\n")
    out += [b"D %s\n" % quoted(path) for path in before if path not in after]
    for path, data in after.items():
        if before.get(path) != data:
            out.append(b"M 100644 inline %s\ndata %d\n%s\n" % (quoted(path), len(data), data))
    return out


def quoted(path: bytes) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'
