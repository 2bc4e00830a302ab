"""Which lines differ between two texts, chosen as Git chooses them.

A port of what xdiff does by default: lines that only one side has are set aside, Myers' algorithm
runs on the rest with a bounded effort, and groups of changed lines slide to where they read best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from hub_server.git.slides import slide

_WINDOW = 100  # lines looked at around one that both sides hold many times
_MANY_AT_MOST = 1024
_COST = 256
_EFFORT = 4_000_000  # lines compared in all, about a second; texts that need more are not compared


class Block(NamedTuple):
    """Lines `old_start:old_end` of the old text became `new_start:new_end` of the new one."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def split_lines(data: bytes) -> list[bytes]:
    """Lines with their line feed; only a line feed ends one."""
    lines = data.split(b"\n")
    last = lines.pop()
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended


def diff_lines(old: Sequence[bytes], new: Sequence[bytes], *, limit: int) -> list[Block] | None:
    """The changed blocks in order; None when more than `limit` lines differ or it is too much."""
    numbers: dict[bytes, int] = {}
    a = [numbers.setdefault(line, len(numbers)) for line in old]
    b = [numbers.setdefault(line, len(numbers)) for line in new]
    changed = _Changed(a, b)
    if changed.mark_hopeless() > limit or not changed.mark_rest():
        return None
    slide(changed.old, changed.new, a, b, old)
    slide(changed.new, changed.old, b, a, new)
    if sum(changed.old) + sum(changed.new) > limit:
        return None
    return _blocks(changed.old, changed.new)


def _blocks(old: bytearray, new: bytearray) -> list[Block]:
    blocks = []
    i = j = 0
    rest = len(old) - sum(old)  # lines that both sides share
    while rest > 0 or i < len(old) or j < len(new):
        start_i, start_j = i, j
        while i < len(old) and old[i]:
            i += 1
        while j < len(new) and new[j]:
            j += 1
        if i > start_i or j > start_j:
            blocks.append(Block(start_i, i, start_j, j))
        while i < len(old) and j < len(new) and not old[i] and not new[j]:
            i += 1
            j += 1
            rest -= 1
    return blocks


class _Changed:
    """Marks, one byte a line, on the lines of two sequences of numbers that differ."""

    def __init__(self, a: list[int], b: list[int]) -> None:
        self.a, self.b = a, b
        self.old, self.new = bytearray(len(a)), bytearray(len(b))
        shared = min(len(a), len(b))
        head = 0
        while head < shared and a[head] == b[head]:
            head += 1
        tail = 0
        while tail < shared - head and a[-1 - tail] == b[-1 - tail]:
            tail += 1
        self.head, self.tail = head, tail
        self.places_old: list[int] = []
        self.places_new: list[int] = []

    def mark_hopeless(self) -> int:
        """Mark what need not be compared, keep the places of the rest; return how many."""
        in_a, in_b = Counter(self.a), Counter(self.b)
        self.places_old = self._keep(self.a, in_b, self.old)
        self.places_new = self._keep(self.b, in_a, self.new)
        return sum(self.old) + sum(self.new)

    def _keep(self, side: list[int], other: Counter[int], marks: bytearray) -> list[int]:
        start, end = self.head, len(side) - self.tail
        many = min(_root(len(side)), _MANY_AT_MOST)
        classes = bytearray(
            0 if not (n := other[line]) else 2 if n >= many else 1 for line in side[start:end]
        )
        kept = []
        for at, sort in enumerate(classes):
            if sort == 1 or (sort == 2 and not _is_noise(classes, at)):  # noqa: PLR2004
                kept.append(start + at)
            else:
                marks[start + at] = 1
        return kept

    def mark_rest(self) -> bool:
        """Mark what differs among the kept places; False when that takes too long."""
        a = [self.a[place] for place in self.places_old]
        b = [self.b[place] for place in self.places_new]
        cost = max(_root(len(a) + len(b) + 3), _COST)
        boxes = [_Box(0, len(a), 0, len(b))]
        effort = 0
        while boxes and effort < _EFFORT:
            box = _shrink(a, b, boxes.pop())
            if box.a_start == box.a_end:
                for place in self.places_new[box.b_start : box.b_end]:
                    self.new[place] = 1
            elif box.b_start == box.b_end:
                for place in self.places_old[box.a_start : box.a_end]:
                    self.old[place] = 1
            else:
                split = _Split(a, b, box)
                i, j = split.find(cost)
                effort += split.effort
                boxes.append(_Box(box.a_start, i, box.b_start, j))
                boxes.append(_Box(i, box.a_end, j, box.b_end))
        return not boxes


def _root(n: int) -> int:
    """A power of two near the square root, as xdiff reckons it."""
    root = 1
    while n > 0:
        root <<= 1
        n >>= 2
    return root


def _is_noise(classes: bytearray, at: int) -> bool:
    """Whether a frequent line stands among lines that have no counterpart."""
    before = classes[max(at - _WINDOW, 0) : at][::-1]
    after = classes[at + 1 : at + 1 + _WINDOW]
    lone = frequent = 0
    for run in (before, after):
        stop = run.find(1)
        run = run if stop < 0 else run[:stop]
        if not run.count(0):
            return False
        lone += run.count(0)
        frequent += 1 + run.count(2)
    return frequent * 4 < frequent + lone


class _Box(NamedTuple):
    a_start: int
    a_end: int
    b_start: int
    b_end: int


def _shrink(a: list[int], b: list[int], box: _Box) -> _Box:
    i, i_end, j, j_end = box
    while i < i_end and j < j_end and a[i] == b[j]:
        i += 1
        j += 1
    while i < i_end and j < j_end and a[i_end - 1] == b[j_end - 1]:
        i_end -= 1
        j_end -= 1
    return _Box(i, i_end, j, j_end)


class _Split:
    """The search for a point on a shortest path through a box, from both of its corners.

    `ahead[d]` and `back[d]` hold the furthest place in `a` reached on diagonal d (place in a
    minus place in b) so far.
    """

    def __init__(self, a: list[int], b: list[int], box: _Box) -> None:
        self.a, self.b, self.box = a, b, box
        self.lowest = box.a_start - box.b_end
        self.highest = box.a_end - box.b_start
        first, last = box.a_start - box.b_start, box.a_end - box.b_end
        self.odd = bool((first - last) & 1)
        self.ahead = {first: box.a_start}
        self.back = {last: box.a_end}
        self.ahead_from = self.ahead_to = first
        self.back_from = self.back_to = last
        self.effort = 0

    def find(self, cost: int) -> tuple[int, int]:
        for _ in range(cost):
            found = self._step_ahead() or self._step_back()
            if found or self.effort > _EFFORT:
                break
        return found or self._furthest()

    def _step_ahead(self) -> tuple[int, int] | None:
        a, b, ahead, back = self.a, self.b, self.ahead, self.back
        _, a_end, _, b_end = self.box
        self.ahead_from += -1 if self.ahead_from > self.lowest else 1
        self.ahead_to += 1 if self.ahead_to < self.highest else -1
        meets = range(self.back_from, self.back_to + 1) if self.odd else range(0)
        for d in range(self.ahead_to, self.ahead_from - 1, -2):
            below, above = ahead.get(d - 1, -1), ahead.get(d + 1, -1)
            i = below + 1 if below >= above else above
            j = i - d
            self.effort += 1 - i
            while i < a_end and j < b_end and a[i] == b[j]:
                i += 1
                j += 1
            self.effort += i
            ahead[d] = i
            if d in meets and back[d] <= i:
                return i, j
        return None

    def _step_back(self) -> tuple[int, int] | None:
        a, b, ahead, back = self.a, self.b, self.ahead, self.back
        a_start, a_end, b_start, _ = self.box
        self.back_from += -1 if self.back_from > self.lowest else 1
        self.back_to += 1 if self.back_to < self.highest else -1
        beyond = a_end + len(b) + 1
        meets = range(0) if self.odd else range(self.ahead_from, self.ahead_to + 1)
        for d in range(self.back_to, self.back_from - 1, -2):
            below, above = back.get(d - 1, beyond), back.get(d + 1, beyond)
            i = below if below < above else above - 1
            j = i - d
            self.effort += 1 + i
            while i > a_start and j > b_start and a[i - 1] == b[j - 1]:
                i -= 1
                j -= 1
            self.effort -= i
            back[d] = i
            if d in meets and i <= ahead[d]:
                return i, j
        return None

    def _furthest(self) -> tuple[int, int]:
        """When the effort is spent: the point furthest from its corner, in either direction."""
        a_start, a_end, b_start, b_end = self.box
        best_ahead = max(
            (i + j, i)
            for i, j in (
                _clip_down(self.ahead[d], d, a_end, b_end)
                for d in range(self.ahead_to, self.ahead_from - 1, -2)
            )
        )
        best_back = min(
            (i + j, i)
            for i, j in (
                _clip_up(self.back[d], d, a_start, b_start)
                for d in range(self.back_to, self.back_from - 1, -2)
            )
        )
        if a_end + b_end - best_back[0] < best_ahead[0] - (a_start + b_start):
            total, i = best_ahead
        else:
            total, i = best_back
        return i, total - i


def _clip_down(i: int, d: int, a_end: int, b_end: int) -> tuple[int, int]:
    i = min(i, a_end)
    return (b_end + d, b_end) if i - d > b_end else (i, i - d)


def _clip_up(i: int, d: int, a_start: int, b_start: int) -> tuple[int, int]:
    i = max(i, a_start)
    return (b_start + d, b_start) if i - d < b_start else (i, i - d)
