"""`fsck` and `gc` beside `sha256sum` of the same bytes, and how both grow with the data."""

import os
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bench.table import SCALE, Table, in_turns, least, timed
from hub_server.app import build_hub
from hub_server.contents import AddFile, CommitRequest, Hub, commit, create_repository
from hub_server.db import Database
from hub_server.db.schema import Schema
from hub_server.lfs import Pointer, format_pointer
from hub_server.objects import Claim
from hub_server.settings import Settings, data_path, ensure_secret_key
from hub_server.upkeep import Plan, Scope, collect, fsck, preview
from tests.support.people import caller, make_user

LARGE = 20_000_000
SMALL_FILES = 200
NOTHING = Plan(timedelta(hours=24), timedelta(days=7))
EVERYTHING = Plan(timedelta(hours=-1), timedelta(0))


def main(table: Table, folder: Path) -> None:
    table.head("hub-server fsck and gc, beside sha256sum of every file of the store")
    seconds = []
    for times in (1, 10):
        hub = _hub(folder / f"x{times}", max(1, round(times * SCALE)))
        seconds.append(_measure(table, hub, times))
        hub.close()
    for name, small, large in zip(("fsck", "fsck --fast", "gc"), *seconds, strict=True):
        table.figure(f"{name}: tenfold data takes so many times as long", large / small, "times")


def _measure(table: Table, hub: Hub, times: int) -> Sequence[float]:
    """Milliseconds of a check, a fast check and a collection that finds nothing."""
    files = [path for path in (hub.settings.data_dir / "blobs").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    table.note(f"{times}x: {size:,.0f} MB in {len(files)} files")
    results = in_turns(
        lambda _: timed(lambda: _check(hub)),
        lambda _: timed(lambda: _check(hub, fast=True)),
        lambda _: timed(lambda: list(preview(hub, NOTHING))),
        lambda _: timed(lambda: _sums(files)),
    )
    full, fast, nothing, sums = (least(each) for each in results)
    table.compare(f"fsck, {times}x", size / full * 1000, size / sums * 1000, "MB/s")
    table.compare(f"fsck --fast, {times}x", size / fast * 1000, size / sums * 1000, "MB/s")
    table.figure(f"gc that finds nothing, {times}x", nothing, "ms")
    count = _orphans(hub, 200)
    took = timed(lambda: collect(hub, EVERYTHING))
    table.figure(f"gc of {count} files, {times}x", count / took * 1000, "files/s")
    return full, fast, nothing


def _check(hub: Hub, *, fast: bool = False) -> None:
    summary = fsck(hub, Scope(fast=fast), lambda _: None, lambda _: None)
    assert summary.errors == 0


def _sums(files: Sequence[Path]) -> None:
    names = b"\0".join(bytes(path) for path in files)
    subprocess.run(["xargs", "-0", "sha256sum"], input=names, stdout=subprocess.DEVNULL, check=True)


def _hub(folder: Path, repos: int) -> Hub:
    settings = ensure_secret_key(Settings(data_dir=folder))
    database = Database(settings.database_url)
    Schema(database, data_path("migrations")).prepare("auto")
    with database.write() as session:
        make_user(session, "ada")
    database.dispose()
    hub = build_hub(settings)
    for number in range(repos):
        _fill(hub, f"ada/r{number}")
    return hub


def _fill(hub: Hub, full_name: str) -> None:
    """A large file, some small ones, and a few commits that change them."""
    ada = caller(hub.database, "ada")
    repo = create_repository(hub, ada, "model", full_name)
    data = os.urandom(LARGE)
    path = hub.incoming.folder / "body"
    path.write_bytes(data)
    with path.open("rb") as body:
        received = hub.incoming.receive(body, limit=LARGE)
    path.unlink()
    info = hub.objects.store_received(received, Claim(repo.id, ada.user_id))
    pointer = format_pointer(Pointer(info.sha256, info.size))
    files = [AddFile(f"f{number}.txt", os.urandom(2000)) for number in range(SMALL_FILES)]
    commit(hub, ada, repo, CommitRequest("main", [AddFile("w.bin", pointer), *files], "first"))
    for number in range(10):
        change = AddFile(f"f{number}.txt", os.urandom(2000))
        commit(hub, ada, repo, CommitRequest("main", [change], "change"))


def _orphans(hub: Hub, count: int) -> int:
    path = hub.settings.data_dir / "orphan"
    for number in range(count):
        path.write_bytes(b"%d" % number)
        hub.blobs.put(f"lfs/{number:064x}", path)
    return count
