"""Backup, incremental backup, verification and restore, beside `sha256sum` of the same bytes.

SQLite and a directory, once with some data and once with ten times as much.
"""

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from bench.table import ROUNDS, SCALE, Table, timed
from hub_server import contents
from hub_server.accounts import OPERATOR, NewUser, users
from hub_server.app import build_hub
from hub_server.contents import AddFile, AddLfs, CommitRequest, Hub
from hub_server.db.schema import Schema
from hub_server.keys import Keys
from hub_server.objects import Claim
from hub_server.settings import Settings, data_path
from hub_server.upkeep.backup import Order, back_up
from hub_server.upkeep.restore import Target, plan, restore

KEY = "the secret of a measurement"
LARGE = 8_000_000
SIZES = (64_000_000, 640_000_000)
COMMITS = (50, 500)


def main(table: Table, folder: Path) -> None:
    for size, commits in zip(SIZES, COMMITS, strict=True):
        wanted = int(size * SCALE)
        place = folder / str(size)
        with _hub(place / "hub") as hub:
            _fill(hub, wanted, commits)
            table.head(f"Backup of {wanted / 1e6:,.0f} MB in large files, {commits} commits")
            _measure(table, hub, place)
        shutil.rmtree(place)


def _measure(table: Table, hub: Hub, place: Path) -> None:
    blobs = [path for path in (place / "hub/blobs").rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in blobs)
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        shutil.rmtree(place / "backup", ignore_errors=True)
        for what, took in _round(hub, place, blobs):
            times.setdefault(what, []).append(took / 1000)
    best = {what: min(found) for what, found in times.items()}
    reference = total / best.pop("sha256sum") / 1e6
    seconds = best.pop("unchanged")
    for what, took in best.items():
        table.compare(what, total / took / 1e6, reference, "MB/s")
    table.figure("unchanged hub again", seconds, "s", target="≤ 10")
    table.note(f"{len(blobs)} blobs, {total / 1e6:,.0f} MB")


def _round(hub: Hub, place: Path, blobs: list[Path]) -> Iterator[tuple[str, float]]:
    schema = Schema(hub.database, data_path("migrations"))
    target = place / "backup"

    def save(*, verify: bool = False) -> None:
        back_up(hub.database, hub.blobs, schema, Order(target, verify=verify))

    names = "\0".join(map(str, blobs)).encode()
    words = ["xargs", "-0", "sha256sum"]
    yield (
        "sha256sum",
        timed(lambda: subprocess.run(words, input=names, stdout=subprocess.DEVNULL, check=True)),
    )
    os.sync()
    yield "backup", timed(save)
    yield "unchanged", timed(save)
    yield "unchanged, all read back", timed(lambda: save(verify=True))
    shutil.rmtree(place / "second", ignore_errors=True)
    with _hub(place / "second", empty=True) as other:
        into = Target(other.database, other.blobs, Schema(other.database, data_path("migrations")))
        os.sync()
        yield "restore", timed(lambda: restore(plan(target), into, Keys.of(KEY)))


@contextmanager
def _hub(folder: Path, *, empty: bool = False) -> Iterator[Hub]:
    hub = build_hub(Settings(data_dir=folder, secret_key=SecretStr(KEY)))
    if not empty:
        Schema(hub.database, data_path("migrations")).prepare("auto")
    try:
        yield hub
    finally:
        hub.incoming.close()
        hub.spool.close()
        hub.close()


def _fill(hub: Hub, size: int, commits: int) -> None:
    with hub.database.write() as session:
        users.create_user(session, NewUser("ada", None))
    repo = contents.create_repository(hub, OPERATOR, "model", "ada/tiny")
    for number in range(max(1, size // LARGE)):
        received = hub.incoming.receive(io.BytesIO(os.urandom(LARGE)), limit=LARGE)
        found = hub.objects.store_received(received, Claim(repo.id, None))
        wanted = [AddLfs(f"large-{number}.bin", found.sha256, found.size)]
        contents.commit(hub, OPERATOR, repo, CommitRequest("main", wanted, "large"))
    for number in range(commits):
        text = os.urandom(2000).hex().encode()
        wanted_text = [AddFile(f"text/{number}.txt", text)]
        contents.commit(hub, OPERATOR, repo, CommitRequest("main", wanted_text, "text"))
