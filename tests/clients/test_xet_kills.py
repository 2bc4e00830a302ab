"""A hub that is killed while large files come by Xet or become chunks: nothing is lost."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.faulting import Kills, kill_at, unexpected
from tests.support.load import Load
from tests.support.server import LiveHub
from tests.support.workers import Scene
from tests.support.xetworkers import failed_jobs, read_by_xet, weeks_later

pytestmark = [pytest.mark.git, pytest.mark.timeout(300)]

FIVE = ("xorb.adopted", "file.recorded", "convert.packed", "xorb.kept", "convert.recorded")


def test_five_kills_lose_nothing(make_hub: Callable[..., LiveHub], tmp_path: Path) -> None:
    hub = make_hub()
    ada = hub.make_user("ada")
    scene = Scene([hub.url], ada.token, ada.make_repo("work"), tmp_path / "people")
    chance, kills = random.Random(5), Kills()
    with Load(scene, seed=5) as load:
        load.start(("xet", "shard", "upload", "read"))
        for point in FIVE:
            hub.kill()
            weeks_later(hub)
            came = kill_at(hub, f"{point}:kill:n={chance.randint(1, 3)}", meanwhile=load.check)
            (kills.died if came else kills.missed)[point] += 1
        hub.start()
    load.check()
    assert not kills.missed
    assert not unexpected(hub.log)
    assert not failed_jobs(hub)
    hub.command("fsck")
    with hub.client(scene.token) as client:
        assert read_by_xet(client, scene.repo)
    assert load.audit(hub.url)
    print(kills, scene.tally, scene.ledger.counts)
