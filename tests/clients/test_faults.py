"""A hub that is killed at any step, under load: what was acknowledged is there afterwards."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.faulting import Kills, kill_at, unexpected
from tests.support.load import Load
from tests.support.server import LiveHub
from tests.support.workers import Scene

pytestmark = [pytest.mark.git, pytest.mark.timeout(300)]

SMALL = {"HUB_LFS_MULTIPART_THRESHOLD": "60000", "HUB_LFS_PART_SIZE": "32768"}
TEN = (
    "push.quarantined",
    "pack.recorded",
    "pack.indexed",
    "push.staged",
    "landing.written",
    "push.landed",
    "commit.landed",
    "upload.adopted",
    "part.stored",
    "verification.copied",
)


def test_ten_kills_lose_nothing(make_hub: Callable[..., LiveHub], tmp_path: Path) -> None:
    hub = make_hub(**SMALL)
    ada = hub.make_user("ada")
    scene = Scene([hub.url], ada.token, ada.make_repo("work"), tmp_path / "people")
    chance, kills = random.Random(11), Kills()
    hub.stop()
    with Load(scene, seed=11) as load:
        load.start()
        for point in TEN:
            came = kill_at(hub, f"{point}:kill:n={chance.randint(1, 3)}", meanwhile=load.check)
            (kills.died if came else kills.missed)[point] += 1
        hub.start()
    load.check()
    assert not kills.missed
    assert not unexpected(hub.log)
    assert load.audit(hub.url)
    print(kills, scene.tally, scene.ledger.counts)
