"""Writers of one repository wait in line, first come first served, so that none starves."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from hub_server.errors import Unavailable

PATIENCE = 30.0


class Queues:
    """One line for each repository in this process; nobody waits longer than `patience` seconds."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._lines: dict[int, deque[threading.Event]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, repo_id: int) -> Iterator[None]:
        """Raises Unavailable when the turn does not come in time."""
        mine = threading.Event()
        with self._lock:
            line = self._lines.setdefault(repo_id, deque())
            line.append(mine)
            if line[0] is mine:
                mine.set()
        try:
            if not mine.wait(self.patience):
                raise Unavailable("Many are writing to this repository; try again shortly.")
            yield
        finally:
            self._leave(repo_id, mine)

    def _leave(self, repo_id: int, mine: threading.Event) -> None:
        with self._lock:
            line = self._lines[repo_id]
            line.remove(mine)
            if line:
                line[0].set()
            else:
                del self._lines[repo_id]
