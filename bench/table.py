"""Rounds that take turns, and the table "what / ours / reference / ratio"."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))

Direction = Literal["least", "most"]
Work = Callable[[], object]


@dataclass
class Table:
    """Prints each row as it is known. A ratio is ours by the reference.

    `target` is what the ratio, or where there is no reference our own figure, should reach.
    """

    missed: list[str] = field(default_factory=list)

    def head(self, title: str) -> None:
        print(f"\n{title}")
        print(f"  {'':52} {'ours':>12} {'reference':>12} {'ratio':>7}  target", flush=True)

    def compare(
        self, what: str, ours: float, theirs: float, unit: str, *, target: str = ""
    ) -> None:
        ratio = ours / theirs
        words = f"  {what:52} {_shown(ours, unit):>12} {_shown(theirs, unit):>12} {ratio:7.2f}"
        self._end(what, words, ratio, target)

    def figure(self, what: str, ours: float, unit: str, *, target: str = "") -> None:
        self._end(what, f"  {what:52} {_shown(ours, unit):>12} {'':12} {'':7}", ours, target)

    def note(self, text: str) -> None:
        print(f"    {text}", flush=True)

    def _end(self, what: str, words: str, value: float, target: str) -> None:
        met = _meets(value, target)
        if not met:
            self.missed.append(f"{what}: {value:.2f}, should be {target}")
        print(f"{words}  {target}{'' if met else '  MISSED'}", flush=True)


def _meets(value: float, target: str) -> bool:
    if not target:
        return True
    bound = float(target[1:].split()[0])
    return value <= bound if target.startswith("≤") else value >= bound


def _shown(value: float, unit: str) -> str:
    if unit == "ms":
        return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


def timed(work: Work) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def in_turns(*works: Callable[[int], float], rounds: int = ROUNDS) -> list[list[float]]:
    """What each returned in each round; who goes first changes from round to round."""
    results: list[list[float]] = [[] for _ in works]
    for number in range(rounds):
        order = range(len(works)) if number % 2 == 0 else reversed(range(len(works)))
        for index in order:
            results[index].append(works[index](number))
    return results


def least(figures: Sequence[float]) -> float:
    return min(figures)


def middle(figures: Sequence[float]) -> float:
    return statistics.median(figures)
