"""Hundreds of kills over all fault points, on one machine and on two nodes; nothing lost."""

import contextlib
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.soak.state import State, scaled
from tests.support.faulting import (
    COMMANDS,
    SERVED,
    Kills,
    kill_at,
    kill_command,
    points,
    unexpected,
)
from tests.support.load import Load
from tests.support.nginx import StartNginx
from tests.support.nodes import running_nodes
from tests.support.postgres import Cluster
from tests.support.s3 import make_bucket
from tests.support.server import LiveHub
from tests.support.workers import Scene

pytestmark = [pytest.mark.soak, pytest.mark.git, pytest.mark.timeout(0)]

A_ROUND = 10
ALL = points(*SERVED, *COMMANDS)
DIRECTORY = {"HUB_LFS_MULTIPART_THRESHOLD": "60000", "HUB_LFS_PART_SIZE": "32768"}


def test_kills_on_sqlite_and_a_directory(tmp_path: Path) -> None:
    state = State("kills-sqlite", tmp_path)

    @contextlib.contextmanager
    def begin(folder: Path, number: int) -> Iterator[tuple[LiveHub, Scene]]:
        hub = LiveHub(folder / "hub", {**DIRECTORY, "HUB_SECRET_KEY": secrets.token_hex(24)})
        try:
            ada = hub.start().make_user("ada")
            yield hub, Scene([hub.url], ada.token, ada.make_repo("work"), folder / "people")
        finally:
            hub.close()

    run(state, scaled(300), tmp_path, begin)


@pytest.mark.s3
@pytest.mark.postgres
@pytest.mark.nginx
@pytest.mark.xdist_group("ceph")
def test_kills_of_a_node_on_postgresql_and_ceph(
    tmp_path: Path, postgres_cluster: Cluster, ceph_endpoint: str, start_nginx: StartNginx
) -> None:
    state = State("kills-nodes", tmp_path)

    @contextlib.contextmanager
    def begin(folder: Path, number: int) -> Iterator[tuple[LiveHub, Scene]]:
        name, place = postgres_cluster.create(), make_bucket(ceph_endpoint)
        url = postgres_cluster.url(name)
        try:
            with running_nodes(folder, start_nginx, url, place) as nodes:
                ada = nodes.user()
                scene = Scene([nodes.url], ada.token, ada.make_repo("work"), folder / "people")
                scene.nodes = [node.url for node in nodes.each]
                scene.tally.proxied = True
                yield nodes.each[number % 2], scene
        finally:
            postgres_cluster.drop(name)

    only_files = {"parts.joined"}  # a step of the directory store
    mixed = ("push", "commit", "upload", "move", "read", "push", "commit", "parts")
    run(state, scaled(100), tmp_path, begin, without=only_files, workers=mixed)


Begin = Callable[[Path, int], contextlib.AbstractContextManager[tuple[LiveHub, Scene]]]


def run(
    state: State,
    kills: int,
    folder: Path,
    begin: Begin,
    *,
    without: set[str] = frozenset(),  # type: ignore[assignment]
    workers: tuple[str, ...] = (),
) -> None:
    """Rounds of kills until there were so many, those of an earlier run included."""
    names = [name for name in ALL if name not in without]
    while state.total("kills") < kills:
        number = len(state.rounds)
        count = min(A_ROUND, kills - state.total("kills"))
        tried = Kills(Counter(state.counted("died")), Counter(state.counted("missed")))
        place = folder / f"round{number}"
        place.mkdir()
        begun = time.monotonic()
        with begin(place, number) as (victim, scene):
            figures = one_round(victim, scene, number, count, (names, tried, workers))
        state.add({**figures, "seconds": round(time.monotonic() - begun)})
        print(f"\nround {number}: {state.rounds[-1]}", flush=True)
    died = state.counted("died")
    print(
        f"\n{state.path.stem}: {state.total('kills')} kills at {len(died)} of {len(names)} points, "
        f"{state.total('steps')} steps, {state.total('bytes')} bytes compared, "
        f"never died at: {sorted(set(names) - died.keys())}"
    )


def one_round(
    hub: LiveHub,
    scene: Scene,
    number: int,
    count: int,
    plan: tuple[list[str], Kills, tuple[str, ...]],
) -> dict[str, Any]:
    """So many kills of one hub under load, then fsck and the audit; what happened."""
    names, tried, workers = plan
    chance, here = random.Random(number), Kills()
    with Load(scene, seed=number) as load:
        load.start(*([workers] if workers else []))
        for _ in range(100):  # until something was acknowledged, so that commands have work
            if load.steps > 20:
                break
            load.check()
            time.sleep(0.2)
        while here.died.total() < count and here.missed.total() < 3 * count:
            point = tried.rarest(names, chance)
            came = _kill(hub, point, chance.randint(1, 3), load)
            for kills in (tried, here):
                (kills.died if came else kills.missed)[point] += 1
        if hub.process is None or hub.process.poll() is not None:
            hub.start()
    load.check()
    assert not (problems := unexpected(hub.log)), problems[0]
    hub.command("fsck")
    return {
        "kills": here.died.total(),
        "died": dict(here.died),
        "missed": dict(here.missed),
        "steps": load.steps,
        "acknowledged": dict(scene.ledger.counts),
        "statuses": {str(status): n for status, n in scene.tally.statuses.items()},
        "broken": scene.tally.broken,
        "longest": round(scene.tally.longest, 1),
        "bytes": load.audit(hub.url),
    }


def _kill(hub: LiveHub, point: str, turn: int, load: Load) -> bool:
    room = point.partition(".")[0]
    if room not in COMMANDS:
        if hub.process is not None and hub.process.poll() is None:
            hub.kill()
        return kill_at(hub, f"{point}:kill:n={turn}", meanwhile=load.check)
    if hub.process is None or hub.process.poll() is not None:
        hub.start()
    load.check()
    words = [*COMMANDS[room], *([str(hub.data_dir / "backup")] if room == "backup" else [])]
    return kill_command(hub, f"{point}:kill", words)
