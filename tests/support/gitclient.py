"""The stock git client in a folder of its own, without anybody's configuration."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SECONDS = 300


@dataclass(frozen=True)
class Done:
    """How a command ended; `out` and `err` keep odd bytes as surrogate escapes."""

    code: int
    out: str
    err: str


class GitClient:
    """`git("push", "origin", "main", cwd=clone)` is what it printed; it must succeed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / ".home"
        home.mkdir()
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
        }

    def run(
        self, *words: str | bytes | Path, cwd: Path | None = None, given: bytes = b"", **env: str
    ) -> Done:
        done = subprocess.run(
            ["git", "-c", "init.defaultBranch=main", *words],
            cwd=cwd or self.folder,
            env={**self.environment, **env},
            input=given,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        return Done(done.returncode, _text(done.stdout), _text(done.stderr))

    def raw(self, *words: str, cwd: Path, given: bytes) -> bytes:
        """What a command that succeeds prints, byte for byte."""
        return subprocess.run(
            ["git", *words], cwd=cwd, env=self.environment, input=given, capture_output=True,
            timeout=SECONDS, check=True,
        ).stdout  # fmt: skip

    def __call__(
        self, *words: str | bytes | Path, cwd: Path | None = None, given: bytes = b"", **env: str
    ) -> str:
        done = self.run(*words, cwd=cwd, given=given, **env)
        assert done.code == 0, done.err
        return done.out.strip()

    def said(self, *words: str | bytes | Path, cwd: Path | None = None, **env: str) -> str:
        """What a command that succeeds writes for people to read."""
        done = self.run(*words, cwd=cwd, given=b"", **env)
        assert done.code == 0, done.err
        return done.err

    def refused(self, *words: str | bytes | Path, cwd: Path | None = None, **env: str) -> str:
        """What a command that fails writes for people to read."""
        done = self.run(*words, cwd=cwd, given=b"", **env)
        assert done.code != 0, f"it succeeded: {done.out}{done.err}"
        return done.err

    def clone(self, url: str, name: str, *flags: str) -> Path:
        self("clone", "-q", *flags, url, name)
        return self.folder / name

    def commit(
        self, clone: Path, files: Mapping[str, str | bytes] | None = None, message: str = "change"
    ) -> str:
        """Write files, commit everything (also nothing); the commit's id."""
        for name, data in (files or {}).items():
            path = clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        self("add", "-A", cwd=clone)
        self("commit", "-q", "--allow-empty", "-m", message, cwd=clone)
        return self("rev-parse", "HEAD", cwd=clone)

    def remote_refs(self, url: str, *patterns: str) -> dict[str, str]:
        """Name and id of each ref that a hub shows."""
        lines = self("ls-remote", url, *patterns).splitlines()
        return {name: value for value, _, name in (line.partition("\t") for line in lines)}


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


@pytest.fixture
def git(tmp_path: Path) -> GitClient:
    """git without LFS; clones go into this test's folder."""
    return GitClient(tmp_path)


@pytest.fixture
def git_lfs(git: GitClient) -> GitClient:
    """git with git-lfs switched on, as after `git lfs install`."""
    git("lfs", "install", "--skip-repo")
    return git
