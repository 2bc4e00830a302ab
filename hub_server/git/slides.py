"""Where a group of changed lines shall stand, when several places mean the same.

A port of Git's compaction and of its indent heuristic; the weights are Git's, found by experiment
on much code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_MAX_INDENT = 200
_MAX_BLANKS = 20
_MAX_SLIDING = 100
_INDENT_WEIGHT = 60
_BLANK = -1  # the indent of a line of white space
_TAB = 8


class _Group:
    """A run of marked lines, possibly empty, that ends before an unmarked line or the end."""

    def __init__(self, marks: bytearray, lines: list[int]) -> None:
        self.marks, self.lines = marks, lines
        self.start = self.end = 0
        self._grow_down()

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    @property
    def size(self) -> int:
        return self.end - self.start

    def next(self) -> bool:
        if self.end == len(self.marks):
            return False
        self.start = self.end = self.end + 1
        self._grow_down()
        return True

    def previous(self) -> bool:
        if self.start == 0:
            return False
        self.start = self.end = self.start - 1
        self._grow_up()
        return True

    def slide_down(self) -> bool:
        if self.end >= len(self.marks) or self.lines[self.start] != self.lines[self.end]:
            return False
        self.marks[self.start], self.marks[self.end] = 0, 1
        self.start += 1
        self.end += 1
        self._grow_down()
        return True

    def slide_up(self) -> bool:
        if self.start == 0 or self.lines[self.start - 1] != self.lines[self.end - 1]:
            return False
        self.start -= 1
        self.end -= 1
        self.marks[self.start], self.marks[self.end] = 1, 0
        self._grow_up()
        return True

    def _grow_down(self) -> None:
        while self.end < len(self.marks) and self.marks[self.end]:
            self.end += 1

    def _grow_up(self) -> None:
        while self.start > 0 and self.marks[self.start - 1]:
            self.start -= 1


def slide(
    marks: bytearray,
    other_marks: bytearray,
    lines: list[int],
    other_lines: list[int],
    text: Sequence[bytes],
) -> None:
    """Move the groups of `marks`: beside a group of the other side, else where it reads best."""
    group, other = _Group(marks, lines), _Group(other_marks, other_lines)
    while True:
        if not group.is_empty:
            _settle(group, other, text)
        if not group.next():
            return
        other.next()


def _settle(group: _Group, other: _Group, text: Sequence[bytes]) -> None:
    earliest, beside = _slide_to_the_ends(group, other)
    if group.end == earliest:
        return
    if beside:
        while other.is_empty:
            group.slide_up()
            other.previous()
        return
    best = _best_end(text, group.size, earliest, group.end)
    while group.end > best:
        group.slide_up()
        other.previous()


def _slide_to_the_ends(group: _Group, other: _Group) -> tuple[int, bool]:
    """Up, then down, again while groups merge: the earliest end, and whether some place is beside
    a group of the other side."""
    while True:
        size = group.size
        while group.slide_up():
            other.previous()
        earliest = group.end
        beside = not other.is_empty
        while group.slide_down():
            other.next()
            beside = beside or not other.is_empty
        if size == group.size:
            return earliest, beside


def _best_end(text: Sequence[bytes], size: int, earliest: int, latest: int) -> int:
    shift = max(earliest, latest - size - 1, latest - _MAX_SLIDING)
    best, best_score = shift, _score(text, shift, size)
    for end in range(shift + 1, latest + 1):
        score = _score(text, end, size)
        indents = (score[0] > best_score[0]) - (score[0] < best_score[0])
        if _INDENT_WEIGHT * indents + score[1] - best_score[1] <= 0:
            best, best_score = end, score
    return best


def _score(text: Sequence[bytes], end: int, size: int) -> tuple[int, int]:
    """Indentation and penalty of a group with this end; less is better."""
    after, before = _measure(text, end), _measure(text, end - size)
    return (
        after.effective_indent + before.effective_indent,
        _penalty(after) + _penalty(before),
    )


class _Surroundings(NamedTuple):
    """Of a place between two lines: the indents around it and the blank lines on both sides."""

    at_end: bool
    indent: int
    pre_indent: int
    pre_blank: int
    next_indent: int
    next_blank: int

    @property
    def post_blank(self) -> int:
        return 1 + self.next_blank if self.indent == _BLANK else 0

    @property
    def effective_indent(self) -> int:
        return self.indent if self.indent != _BLANK else self.next_indent


def _measure(text: Sequence[bytes], place: int) -> _Surroundings:
    at_end = place >= len(text)
    indent = _BLANK if at_end else _indent(text[place])
    pre_indent, pre_blank = _first_words(text, range(place - 1, -1, -1))
    next_indent, next_blank = _first_words(text, range(place + 1, len(text)))
    return _Surroundings(at_end, indent, pre_indent, pre_blank, next_indent, next_blank)


def _first_words(text: Sequence[bytes], places: range) -> tuple[int, int]:
    """Indent of the first line that is not blank, and how many blank ones come before."""
    blanks = 0
    for place in places:
        indent = _indent(text[place])
        if indent != _BLANK:
            return indent, blanks
        blanks += 1
        if blanks == _MAX_BLANKS:
            return 0, blanks
    return _BLANK, blanks


def _penalty(place: _Surroundings) -> int:
    penalty = 0
    if place.pre_indent == _BLANK and place.pre_blank == 0:
        penalty += 1
    if place.at_end:
        penalty += 21
    blanks = place.pre_blank + place.post_blank
    penalty += -30 * blanks + 6 * place.post_blank
    return penalty + _indent_penalty(place, blanks > 0)


def _indent_penalty(place: _Surroundings, blanks: bool) -> int:
    indent = place.effective_indent
    if _BLANK in {indent, place.pre_indent} or indent == place.pre_indent:
        return 0
    if indent > place.pre_indent:
        return 10 if blanks else -4
    if place.next_indent > indent:
        return 17 if blanks else 24
    return 17 if blanks else 23


def _indent(line: bytes) -> int:
    width = 0
    for byte in line:
        if byte == ord(" "):
            width += 1
        elif byte == ord("\t"):
            width += _TAB - width % _TAB
        elif byte not in b"\n\v\f\r":
            return width
        if width >= _MAX_INDENT:
            return _MAX_INDENT
    return _BLANK
