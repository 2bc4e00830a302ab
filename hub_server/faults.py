"""Places where a test may make the process fail: `point("repack.built")` stands between two steps.

Nothing happens there unless the process was armed at its start, by HUB_FAULT (see `parse`). So
what a crash leaves behind is tried at exactly the step that matters, on the code that is shipped.
"""

import errno
import os
import re
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Action = Literal["kill", "error", "sleep"]
_FAULT = re.compile(
    r"(?P<point>[a-z_]+(?:\.[a-z_]+)+):(?:(?P<plain>kill|error)|sleep=(?P<seconds>\d+(?:\.\d+)?))"
    r"(?::n=(?P<turn>[1-9]\d*))?"
)


class InjectedFault(OSError):
    """What `:error` raises: the disk or the network failed here, as far as anybody can tell."""

    def __init__(self, point: str) -> None:
        super().__init__(errno.EIO, f"fault injected at {point}")


@dataclass(frozen=True, slots=True)
class Fault:
    """At the `turn`-th pass of `point`, counted from 1 in each process, at every pass for None."""

    point: str
    action: Action
    seconds: float = 0.0
    turn: int | None = None


def parse(text: str) -> list[Fault]:
    """`repack.built:kill`, `push.staged:error:n=3`, `gc.row_gone:sleep=2`; comma separated.

    `kill` is SIGKILL to this process, `error` raises InjectedFault, `sleep` waits and goes on.
    Raises ValueError.
    """
    faults = []
    for part in filter(None, map(str.strip, text.split(","))):
        match = _FAULT.fullmatch(part)
        if match is None:
            raise ValueError(
                f"{part!r} is not a fault such as repack.built:kill or push.staged:sleep=2:n=3"
            )
        action: Action = match["plain"] or "sleep"  # type: ignore[assignment]
        turn = int(match["turn"]) if match["turn"] else None
        faults.append(Fault(match["point"], action, float(match["seconds"] or 0), turn))
    return faults


class _Armed:
    """The faults of this process and how often each point was passed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: Sequence[Fault] = parse(text)
        self._passes: dict[str, int] = {}
        self._lock = threading.Lock()

    def due(self, name: str) -> list[Fault]:
        here = [fault for fault in self.faults if fault.point == name]
        if not here:
            return []
        with self._lock:
            turn = self._passes[name] = self._passes.get(name, 0) + 1
        return [fault for fault in here if fault.turn in (None, turn)]


_armed: _Armed | None = None


def arm(text: str) -> None:
    """Set what fails from now on, "" nothing; the same text again goes on counting.

    The composition root calls it with the setting. Raises ValueError.
    """
    global _armed
    if _armed is None or _armed.text != text:
        _armed = _Armed(text) if text else None


def point(name: str) -> None:
    """A named step. Costs a comparison when nothing is armed."""
    if _armed is None:
        return
    for fault in _armed.due(name):
        if fault.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.action == "error":
            raise InjectedFault(name)
        time.sleep(fault.seconds)
