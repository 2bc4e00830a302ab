"""Twenty outages of database and bucket, of every kind, and full disks; nothing lost."""

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.soak.state import State, scaled
from tests.support.faulting import unexpected
from tests.support.load import Load
from tests.support.outages import (
    FrailHub,
    filled,
    frail_hub,
    scene_of,
    small_disk,
    wait,
    worked,
)
from tests.support.postgres import Cluster
from tests.support.proxy import Mode
from tests.support.s3 import make_bucket
from tests.support.server import LiveHub

pytestmark = [pytest.mark.soak, pytest.mark.git, pytest.mark.timeout(0)]

A_ROUND = 10
MODES: tuple[Mode, ...] = ("refuse", "slow", "cut", "hang")
OUTAGES = [(what, mode) for mode in MODES for what in ("database", "bucket")]
MIXED = ("push", "commit", "upload", "move", "read", "parts", "commit")


@pytest.mark.s3
@pytest.mark.postgres
@pytest.mark.xdist_group("ceph")
def test_outages_of_database_and_bucket(
    tmp_path: Path, postgres_cluster: Cluster, ceph_endpoint: str
) -> None:
    state = State("outages", tmp_path)
    while state.total("outages") < scaled(20):
        number, count = len(state.rounds), min(A_ROUND, scaled(20) - state.total("outages"))
        folder = tmp_path / f"round{number}"
        folder.mkdir()
        name = postgres_cluster.create()
        place = make_bucket(ceph_endpoint)
        begun = time.monotonic()
        with frail_hub(folder / "hub", postgres_cluster.url(name), place) as frail:
            figures = _round(frail, folder, number, (state.total("outages"), count))
        postgres_cluster.drop(name)
        state.add({**figures, "seconds": round(time.monotonic() - begun)})
        print(f"\nround {number}: {state.rounds[-1]}", flush=True)


def _round(frail: FrailHub, folder: Path, seed: int, which: tuple[int, int]) -> dict[str, Any]:
    first, count = which
    scene = scene_of(frail.hub, folder / "people", large=(1000, 100_000), patience=180.0)
    chance = random.Random(seed)
    with Load(scene, seed=seed) as load:
        load.start(MIXED)
        for number in range(first, first + count):
            worked(load, 6)
            what, mode = OUTAGES[number % len(OUTAGES)]
            frail.fail(what, mode, chance.uniform(1, 6), load.check)
        worked(load, 6)
    return {"outages": count, **_checked(frail.hub, load)}


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root")
def test_disks_that_fill_up(tmp_path: Path) -> None:
    state = State("full-disks", tmp_path)
    while state.total("outages") < scaled(10):
        number = len(state.rounds)
        folder = tmp_path / f"round{number}"
        folder.mkdir()
        chance = random.Random(number)
        with small_disk(folder / "disk", 96) as disk:
            parts = {"HUB_LFS_MULTIPART_THRESHOLD": "60000", "HUB_LFS_PART_SIZE": "32768"}
            hub = LiveHub(disk / "hub", parts).start()
            try:
                scene = scene_of(hub, folder / "people", large=(1000, 100_000), patience=180.0)
                with Load(scene, seed=number) as load:
                    load.start(("push", "commit", "upload", "move", "read"))
                    for _ in range(5):
                        worked(load, 6)
                        with filled(disk, but=chance.choice([0, 4096, 50_000, 200_000])):
                            wait(chance.uniform(1, 4), load.check)
                    worked(load, 6)
                state.add({"outages": 5, **_checked(hub, load)})
            finally:
                hub.close()
        print(f"\nround {number}: {state.rounds[-1]}", flush=True)


def _checked(hub: LiveHub, load: Load) -> dict[str, Any]:
    load.check()
    assert not (problems := unexpected(hub.log)), problems[0]
    hub.command("fsck")
    tally = load.scene.tally
    return {
        "steps": load.steps,
        "acknowledged": dict(load.scene.ledger.counts),
        "statuses": {str(status): n for status, n in tally.statuses.items()},
        "broken": tally.broken,
        "longest": round(tally.longest, 1),
        "bytes": load.audit(hub.url),
    }
