"""How far a long command has come, for people who watch and for logs."""

import time
from collections.abc import Callable

EVERY = 5.0


class Progress:
    """Calls `say` with a line now and then: at a new stage, then every few seconds."""

    def __init__(self, say: Callable[[str], object], *, every: float = EVERY) -> None:
        self._say = say
        self._every = every
        self._stage = ""
        self._of = 0
        self._done = 0
        self._bytes = 0
        self._began = self._said = time.monotonic()

    def stage(self, name: str, of: int = 0) -> None:
        """Begin something with `of` steps, 0 where nobody knows how many."""
        self._stage, self._of, self._done, self._bytes = name, of, 0, 0
        self._began = self._said = time.monotonic()
        self._say(name)

    def step(self, count: int = 1, size: int = 0) -> None:
        self._done += count
        self._bytes += size
        if time.monotonic() - self._said >= self._every:
            self._said = time.monotonic()
            self._say(f"{self._stage}: {self._count()}{self._speed()}")

    def _count(self) -> str:
        return f"{self._done:,} of {self._of:,}" if self._of else f"{self._done:,}"

    def _speed(self) -> str:
        if not self._bytes:
            return ""
        speed = self._bytes / max(self._said - self._began, 0.001)
        return f", {self._bytes / 1e6:,.0f} MB at {speed / 1e6:,.0f} MB/s"


def silent(_line: str) -> None:
    """For callers who do not watch."""
