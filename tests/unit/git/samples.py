"""A small history of the stock git: dates a day apart, a merge, tags of both kinds."""

from __future__ import annotations

from pathlib import Path

from tests.unit.git.smart_http import git

DAY = 86_400
START = 1_700_000_000


def commit(work: Path, number: int, files: dict[str, str | None]) -> str:
    """Write or remove files and commit, a day after the commit before; its id."""
    for name, text in files.items():
        path = work / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("add", "-A", cwd=work)
    when = f"{START + number * DAY} +0000"
    message = f"change {number}"
    git(
        "commit", "-q", "--allow-empty", "-m", message, cwd=work,
        GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when,
    )  # fmt: skip
    return git("rev-parse", "HEAD", cwd=work)


def make_sample(folder: Path) -> None:
    """Make the clone `work` (20 commits, a merge, tags) and the bare `repo` it is pushed to."""
    work = folder / "work"
    git("init", "-q", "-b", "main", work)
    for number in range(20):
        text = "".join(f"line {line} of {number if line % 7 == 0 else 0}\n" for line in range(200))
        commit(work, number, {"README.md": text, f"folder/{number % 5}/file.txt": text[:number]})
    git("checkout", "-q", "-b", "side", "HEAD~6", cwd=work)
    commit(work, 15, {"side.txt": "aside\n"})
    git("checkout", "-q", "main", cwd=work)
    when = f"{START + 20 * DAY} +0000"
    git("merge", "-q", "side", "-m", "merge", cwd=work, GIT_COMMITTER_DATE=when)
    git("tag", "light", "HEAD~3", cwd=work)
    git("tag", "-a", "-m", "first words", "v1.0", "HEAD~2", cwd=work)
    git("init", "-q", "--bare", "-b", "main", folder / "repo")
    git("push", "-q", "--mirror", folder / "repo", cwd=work)
    git("repack", "-adq", cwd=folder / "repo")
