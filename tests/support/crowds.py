"""The same thing at the same moment, many times."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hub_server.errors import HubError

T = TypeVar("T")


def at_once(count: int, work: Callable[[int], T]) -> list[T | HubError]:
    """`work(0)` … `work(count - 1)` in as many threads; an expected failure is its result."""
    start = threading.Barrier(count)

    def one(number: int) -> T | HubError:
        start.wait()
        try:
            return work(number)
        except HubError as failure:
            return failure

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
