"""What a repository holds, by our own reading and by real git's."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from hub_server.db import Database
from hub_server.db.tables.git import Pack
from hub_server.gitstore import GitStore

ROOT = Path(__file__).parents[3]


def states(database: Database) -> dict[str, list[str]]:
    """State → names of packs."""
    found: dict[str, list[str]] = {"uploading": [], "live": [], "retired": []}
    with database.read() as session:
        for name, state in session.execute(select(Pack.name, Pack.state).order_by(Pack.id)):
            found[state].append(name)
    return found


def blobs(store: GitStore) -> set[str]:
    """Names of packs that have bytes in the store."""
    return {blob.key.removeprefix("pack/").rpartition(".")[0] for blob in store.blobs.list("pack/")}


def contents(store: GitStore, repo_id: int) -> dict[str, tuple[str, bytes]]:
    """Every object that is stored."""
    objects = store.open(repo_id).objects
    ids = {raw.hex() for pack in objects.packs for raw, _ in pack.ids()}
    return {each: objects.read(each) for each in ids}


class RealGit:
    """Real git on the live packs and refs of a repository."""

    def __init__(self, store: GitStore, repo_id: int, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "-q", "--bare", folder], check=True, env=_environment())
        view = store.open(repo_id)
        refs = view.refs([b"refs/"])
        for pack in view.objects.packs:
            for path in (pack.pack_path, pack.idx_path):
                os.link(path, folder / "objects" / "pack" / path.name)
        for line in refs:
            self("update-ref", line.name.decode(), line.id)

    def __call__(self, *words: str, given: str = "") -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, input=given, text=True, check=False,
            capture_output=True, env=_environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fsck(self) -> None:
        self("fsck", "--full", "--strict", "--no-dangling")

    def reachable(self) -> set[str]:
        return set(self("rev-list", "--objects", "--no-object-names", "--all").split())

    def stored(self) -> set[str]:
        return {
            line.split()[0]
            for line in self("cat-file", "--batch-all-objects", "--batch-check").splitlines()
        }


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C"}


class Failed(Exception):
    """In a thread beside the test."""


@contextmanager
def meanwhile(*loops: Callable[[], object]) -> Iterator[list[int]]:
    """Each again and again in its thread while the block runs; how often each ran, at its end."""
    over = threading.Event()
    turns = [0] * len(loops)
    failures: list[BaseException] = []

    def run(number: int, work: Callable[[], object]) -> None:
        try:
            while not over.is_set():
                work()
                turns[number] += 1
        except BaseException as failure:  # noqa: BLE001 - told to the test
            failures.append(failure)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(loops)]
    for thread in threads:
        thread.start()
    try:
        yield turns
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise Failed(repr(failures[0])) from failures[0]
