"""Kill a hub at a named step of its code, while people work on it, and start it again."""

import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.server import DidNotStart, LiveHub

SOURCE = Path(__file__).parents[2] / "hub_server"
_POINT = re.compile(r"\bpoint\(f?\"([a-z_.{}]+)\"\)")
_NAMED = "{wanted.name}"
"""Repacking and pruning share steps, whose points begin with the one or the other name."""


def every_point() -> list[str]:
    """The names of all fault points of the hub, from its source."""
    texts = (path.read_text() for path in sorted(SOURCE.rglob("*.py")) if path.name != "faults.py")
    found = {name for text in texts for name in _POINT.findall(text)}
    return sorted({name.replace(_NAMED, room) for name in found for room in ("repack", "prune")})


def points(*rooms: str) -> list[str]:
    """Those whose first word is one of `rooms`."""
    return [name for name in every_point() if name.partition(".")[0] in rooms]


SERVED = ("push", "pack", "landing", "commit", "upload", "part", "parts", "completion",
          "verification", "object")  # fmt: skip
"""Steps of requests: passed as long as somebody works on the hub."""
COMMANDS = {
    "repack": ("repack", "--all", "--full"),
    "prune": ("prune", "--repo", "model/ada/work", "--now"),
    "gc": ("gc", "--delete", "--grace", "0s", "--keep", "0s"),
    "backup": ("backup",),
}
"""What an operator gives to come by the points of each room; `backup` is also told where to."""


@dataclass
class Kills:
    """What happened: by point how often the process died there, and how often it did not come."""

    died: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.died.total() + self.missed.total()

    def rarest(self, names: Sequence[str], chance: random.Random) -> str:
        """The point whose turn it is, so that all come equally often."""
        tries = {name: self.died[name] + self.missed[name] for name in names}
        least = min(tries.values())
        return chance.choice([name for name in names if tries[name] == least])


def kill_at(
    hub: LiveHub, fault: str, *, seconds: float = 20, meanwhile: Callable[[], None] = lambda: None
) -> bool:
    """Start the hub armed and wait until it is dead; False if it was killed for not coming there.

    `fault` as in HUB_FAULT, such as `push.staged:kill:n=2`. `meanwhile` is called now and then and
    may raise.
    """
    plain = dict(hub.settings)
    hub.settings = {**plain, "HUB_FAULT": fault}
    try:
        hub.start()
    except DidNotStart:
        assert hub.process
        if hub.process.poll() != -signal.SIGKILL:
            raise
    finally:
        hub.settings = plain
    assert hub.process
    deadline = time.monotonic() + seconds
    while hub.process.poll() is None and time.monotonic() < deadline:
        meanwhile()
        time.sleep(0.05)
    came = hub.process.poll() is not None
    if came:
        assert hub.process.returncode == -signal.SIGKILL, hub.log.read_text()[-3000:]
    hub.kill()
    return came


def kill_command(hub: LiveHub, fault: str, words: Sequence[str], *, seconds: float = 600) -> bool:
    """Give a command beside the running hub, armed; False if it ended without coming there.

    One that finds itself locked out by a command that was killed before has not come there.
    """
    done = subprocess.run(
        [sys.executable, "-m", hub.module, *words],
        env={**hub.environment, "HUB_FAULT": fault}, capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done.returncode == -signal.SIGKILL


def unexpected(log: Path) -> list[str]:
    """Lines of a hub's log that tell of failures nobody expected, with what follows them."""
    text = log.read_text(errors="replace")
    places = [match.start() for match in re.finditer(r"unexpected error|Traceback", text)]
    return [text[place : place + 3000] for place in places[:3]]
