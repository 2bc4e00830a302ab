"""How far a long command has come, told now and then."""

import threading
import time
from collections.abc import Callable

Tell = Callable[[str], None]
EVERY = 5.0


class Meter:
    """Counts from any thread; `tell` gets a line of words at most every `every` seconds."""

    def __init__(self, tell: Tell, *, every: float = EVERY) -> None:
        self.bytes = 0
        self.repos = 0
        self.objects = 0
        self._tell = tell
        self._every = every
        self._next = time.monotonic() + every
        self._lock = threading.Lock()

    def add(self, *, size: int = 0, repos: int = 0, objects: int = 0) -> None:
        with self._lock:
            self.bytes += size
            self.repos += repos
            self.objects += objects
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + self._every
        self._tell(self.words)

    @property
    def words(self) -> str:
        counted = f"{self.repos} repositories, {self.objects} large files"
        return f"{counted}, {shown_size(self.bytes)} read"


def shown_size(size: float) -> str:
    """`1.2 GB`: decimal units, as the settings take them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - the next unit
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
