"""A hub killed during the upload of xorbs, the registration of shards, conversion and expiry."""

import contextlib
import os
import random
import secrets
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.soak.state import State, scaled
from tests.support.faulting import Kills, kill_at, points, unexpected
from tests.support.load import Load
from tests.support.s3 import make_bucket
from tests.support.scripts import Computer
from tests.support.server import LiveHub
from tests.support.workers import Scene
from tests.support.xetworkers import failed_jobs, read_by_xet, weeks_later

pytestmark = [pytest.mark.soak, pytest.mark.git, pytest.mark.timeout(0)]

A_ROUND = 20
REAL = """
import sys
from huggingface_hub import HfApi, hf_hub_download
repo, file = sys.argv[1:]
HfApi().upload_file(path_or_fileobj=file, path_in_repo=file, repo_id=repo)
hf_hub_download(repo, file, local_dir="got")
"""
POINTS = points("xorb", "file", "convert", "slim")
RARE = [*points("slim"), "xorb.collecting"]
WORKERS = ("xet", "shard", "upload", "read")
GC = ("gc", "--delete", "--grace", "0s", "--keep", "0s")


@contextlib.contextmanager
def running(folder: Path, settings: dict[str, str]) -> Iterator[tuple[LiveHub, Scene]]:
    hub = LiveHub(folder / "hub", {"HUB_SECRET_KEY": secrets.token_hex(24), **settings})
    try:
        ada = hub.start().make_user("ada")
        yield hub, Scene([hub.url], ada.token, ada.make_repo("work"), folder / "people")
    finally:
        hub.close()


def test_kills_on_a_directory(tmp_path: Path) -> None:
    run(State("xet-kills", tmp_path), scaled(80), tmp_path, {})


@pytest.mark.s3
@pytest.mark.xdist_group("ceph")
def test_kills_on_ceph(tmp_path: Path, ceph_endpoint: str) -> None:
    place = make_bucket(ceph_endpoint)
    settings = {
        "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
        "HUB_S3_ENDPOINT": place.endpoint or "",
        "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
        "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
    }
    run(State("xet-kills-ceph", tmp_path), scaled(40), tmp_path, settings)


@pytest.mark.client
def test_the_real_client_tries_again(tmp_path: Path) -> None:
    """By itself, within one upload, at each step that it takes part in."""
    with running(tmp_path, {}) as (hub, scene):
        mine = Computer(hub.url, tmp_path, scene.token, xet=True, seconds=600)
        for number, point in enumerate(points("xorb", "file") * scaled(3)):
            if point == "xorb.collecting":
                continue
            data, name = os.urandom(100_000_000), f"{number}.bin"
            (tmp_path / name).write_bytes(data)
            hub.kill()
            with ThreadPoolExecutor(1) as pool:
                armed = {**hub.settings, "HUB_FAULT": f"{point}:kill"}
                plain, hub.settings = hub.settings, armed
                hub.start()
                hub.settings = plain
                upload = pool.submit(mine.run, REAL, scene.repo, name)
                assert hub.process
                assert hub.process.wait(60) == -signal.SIGKILL
                hub.start()
                upload.result()
            assert (tmp_path / "got" / name).read_bytes() == data
        hub.command("fsck")


def run(state: State, kills: int, folder: Path, settings: dict[str, str]) -> None:
    """Rounds of kills until there were so many, those of an earlier run included."""
    while state.total("kills") < kills:
        number = len(state.rounds)
        count = min(A_ROUND, kills - state.total("kills"))
        tried = Kills(Counter(state.counted("died")), Counter(state.counted("missed")))
        place = folder / f"round{number}"
        place.mkdir()
        begun = time.monotonic()
        with running(place, settings) as (hub, scene):
            figures = one_round(hub, scene, number, count, tried)
        state.add({**figures, "seconds": round(time.monotonic() - begun)})
        print(f"\nround {number}: {state.rounds[-1]}", flush=True)
    died = state.counted("died")
    print(
        f"\n{state.path.stem}: {state.total('kills')} kills at {len(died)} of {len(POINTS)} "
        f"points, {state.total('steps')} steps, {state.total('bytes')} bytes compared, "
        f"never died at: {sorted(set(POINTS) - died.keys())}"
    )


def one_round(hub: LiveHub, scene: Scene, number: int, count: int, tried: Kills) -> dict[str, Any]:
    """So many kills of one hub under load, then fsck, collection, fsck and the audit."""
    chance, here = random.Random(number), Kills()
    with Load(scene, seed=number) as load:
        load.start(WORKERS)
        while load.steps < 20 and not load.failures:
            time.sleep(0.2)
        while here.died.total() < count and here.missed.total() < 3 * count:
            point = tried.rarest(POINTS, chance)
            hub.kill()
            weeks_later(hub)
            turn = 1 if point in RARE else chance.randint(1, 3)
            fault = f"{point}:kill:n={turn}"
            came = kill_at(hub, fault, meanwhile=load.check)
            for kills in (tried, here):
                (kills.died if came else kills.missed)[point] += 1
        weeks_later(hub)
        hub.start()
    load.check()
    assert not (problems := unexpected(hub.log)), problems[0]
    assert not (problems := failed_jobs(hub)), problems[0]
    hub.command("fsck")
    hub.command(*GC)
    hub.command("fsck")
    with hub.client(scene.token) as client:
        compared = read_by_xet(client, scene.repo)
    return {
        "kills": here.died.total(),
        "died": dict(here.died),
        "missed": dict(here.missed),
        "steps": load.steps,
        "statuses": {str(status): n for status, n in scene.tally.statuses.items()},
        "longest": round(scene.tally.longest, 1),
        "bytes": compared + load.audit(hub.url),
    }
