"""A bound on the work of one rendering, in processor time of this thread.

Processor time, so that a busy machine does not turn cards into plain text. Code that cannot be
interrupted (one regular expression, the sanitiser) is bounded by the size of its input instead.
"""

import time

SECONDS = 1.0
_STRIDE = 8


class OutOfBounds(Exception):
    """The input costs more than a page may; the caller shows plain text."""


class Budget:
    """Raises `OutOfBounds` from `spend()` once the time is used up."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._end = time.thread_time() + seconds
        self._calls = 0

    def spend(self) -> None:
        """Call often: looks at the clock once in a while."""
        self._calls += 1
        if self._calls % _STRIDE == 0:
            self.check()

    def check(self) -> None:
        if time.thread_time() > self._end:
            raise OutOfBounds
