"""Differences of files: values for pages (`file_diffs`), the text of `git diff` (`unified`).

Files are read only within limits; what is beyond them is named and not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hub_server.git.changes import Change, changes, with_renames
from hub_server.git.graph import read_commit
from hub_server.git.linediff import Block, diff_lines, split_lines
from hub_server.git.types import Entry, ObjectId, ObjectReader

__all__ = [
    "Change",
    "DiffLimits",
    "FileDiff",
    "Hunk",
    "changes",
    "diff_file",
    "diff_texts",
    "file_diffs",
    "unified",
    "with_renames",
]

_CONTEXT = 3
_SNIFFED = 8000  # bytes searched for a NUL, as Git does
_HEADING = 80
_HEADING_LINE = re.compile(rb"[A-Za-z_$]")
_NO_NEWLINE = b"\\ No newline at end of file\n"
_SHORT = 7
_QUOTED = re.compile(rb'[\x00-\x1f\x7f-\xff"\\]')
_ESCAPES = {7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r"}
_ESCAPES |= {34: b'\\"', 92: b"\\\\"}


@dataclass(frozen=True, slots=True)
class DiffLimits:
    """Files and changed lines in all, changed lines of one file, bytes of each of its sides."""

    files: int = 300
    lines: int = 3_000
    total_lines: int = 20_000
    bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Hunk:
    """Starts count from 1 (0 before the first line); `lines` begin with " ", "-", "+" or "\\"."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    heading: bytes
    lines: list[bytes]

    @property
    def header(self) -> bytes:
        old, new = _span(self.old_start, self.old_count), _span(self.new_start, self.new_count)
        return b"@@ -%s +%s @@%s" % (old, new, b" " + self.heading if self.heading else b"")


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One changed file; no hunks when it is binary, too large, or only its mode changed."""

    change: Change
    hunks: Sequence[Hunk] = ()
    is_binary: bool = False
    is_too_large: bool = False
    added: int = 0
    removed: int = 0


def file_diffs(
    objects: ObjectReader,
    old_tree: ObjectId | None,
    new_tree: ObjectId | None,
    *,
    limits: DiffLimits | None = None,
    renames: bool = True,
) -> Iterator[FileDiff]:
    """All changed files in Git's order; those beyond `limits` come as too large, without hunks.

    With `renames`, a file that moved without a change is one file.
    """
    limits = limits or DiffLimits()
    found = list(changes(objects, old_tree, new_tree))
    if renames:
        found = with_renames(found)
    left = limits.total_lines
    for number, change in enumerate(found):
        if number >= limits.files or left <= 0:
            yield FileDiff(change, is_too_large=True)
            continue
        diff = diff_file(objects, change, replace(limits, lines=min(left, limits.lines)))
        left -= diff.added + diff.removed
        yield diff


def diff_file(objects: ObjectReader, change: Change, limits: DiffLimits) -> FileDiff:
    """The hunks of one change, within `limits.lines` and `limits.bytes`."""
    old, new = change.old, change.new
    if old and new and old.id == new.id:
        return FileDiff(change)
    if max(_size(objects, old), _size(objects, new)) > limits.bytes:
        return FileDiff(change, is_too_large=True)
    before, after = _content(objects, old), _content(objects, new)
    if b"\0" in before[:_SNIFFED] or b"\0" in after[:_SNIFFED]:
        return FileDiff(change, is_binary=True)
    hunks = diff_texts(before, after, limit=limits.lines)
    if hunks is None:
        return FileDiff(change, is_too_large=True)
    lines = [line[:1] for hunk in hunks for line in hunk.lines]
    return FileDiff(change, hunks, added=lines.count(b"+"), removed=lines.count(b"-"))


def diff_texts(old: bytes, new: bytes, *, limit: int) -> list[Hunk] | None:
    """The hunks between two texts; None when more than `limit` lines differ."""
    before, after = split_lines(old), split_lines(new)
    blocks = diff_lines(before, after, limit=limit)
    if blocks is None:
        return None
    return [_hunk(before, after, group) for group in _grouped(blocks)]


def unified(
    objects: ObjectReader,
    old_commit: ObjectId | None,
    new_commit: ObjectId,
    *,
    limits: DiffLimits | None = None,
    renames: bool = True,
) -> Iterator[bytes]:
    """Pieces of the text that `git diff old new` prints; against nothing when `old_commit` is None.

    A file beyond `limits` is a header and a sentence. Renames are found for unchanged files only.
    """
    old_tree = read_commit(objects, old_commit).tree if old_commit else None
    new_tree = read_commit(objects, new_commit).tree
    for diff in file_diffs(objects, old_tree, new_tree, limits=limits, renames=renames):
        for part in _parts(objects, diff, limits or DiffLimits()):
            yield from _patch(part)


def _parts(objects: ObjectReader, diff: FileDiff, limits: DiffLimits) -> Sequence[FileDiff]:
    """A file that became a link (and the like) is printed as one that went and one that came."""
    old, new = diff.change.old, diff.change.new
    if old is None or new is None or old.mode >> 12 == new.mode >> 12:
        return [diff]
    halves = (replace(diff.change, new=None), replace(diff.change, old=None))
    return [diff_file(objects, half, limits) for half in halves]


def _patch(diff: FileDiff) -> Iterator[bytes]:
    change = diff.change
    old_name = _quote(b"a/" + (change.old_path or change.path))
    new_name = _quote(b"b/" + change.path)
    yield b"".join(_header(change, old_name, new_name))
    if change.old is None:
        old_name = b"/dev/null"
    if change.new is None:
        new_name = b"/dev/null"
    if diff.is_too_large:
        yield b"The changes of this file are too large to be shown\n"
    elif diff.is_binary:
        yield b"Binary files %s and %s differ\n" % (old_name, new_name)
    elif diff.hunks:
        yield b"--- %s%s\n+++ %s%s\n" % (old_name, _tab(old_name), new_name, _tab(new_name))
        for hunk in diff.hunks:
            yield b"".join([hunk.header, b"\n", *hunk.lines])


def _header(change: Change, old_name: bytes, new_name: bytes) -> Iterator[bytes]:
    old, new = change.old, change.new
    yield b"diff --git %s %s\n" % (old_name, new_name)
    if old is None and new is not None:
        yield b"new file mode %o\n" % new.mode
    elif new is None and old is not None:
        yield b"deleted file mode %o\n" % old.mode
    elif old and new and old.mode != new.mode:
        yield b"old mode %o\nnew mode %o\n" % (old.mode, new.mode)
    if change.old_path is not None:
        yield b"similarity index 100%\n"
        yield b"rename from %s\nrename to %s\n" % (_quote(change.old_path), _quote(change.path))
    old_id, new_id = _id(old), _id(new)
    if old_id != new_id:
        mode = b" %o" % new.mode if old and new and old.mode == new.mode else b""
        yield b"index %s..%s%s\n" % (old_id[:_SHORT], new_id[:_SHORT], mode)


def _grouped(blocks: list[Block]) -> Iterator[list[Block]]:
    """Blocks whose contexts touch are one hunk."""
    group: list[Block] = []
    for block in blocks:
        if group and block.old_start - group[-1].old_end > 2 * _CONTEXT:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _hunk(old: list[bytes], new: list[bytes], group: list[Block]) -> Hunk:
    first, last = group[0], group[-1]
    start, new_start = max(first.old_start - _CONTEXT, 0), max(first.new_start - _CONTEXT, 0)
    after = min(_CONTEXT, len(old) - last.old_end, len(new) - last.new_end)
    end, new_end = last.old_end + after, last.new_end + after
    lines: list[bytes] = []
    at = start
    for block in group:
        lines += _marked(b" ", old[at : block.old_start])
        lines += _marked(b"-", old[block.old_start : block.old_end])
        lines += _marked(b"+", new[block.new_start : block.new_end])
        at = block.old_end
    lines += _marked(b" ", old[at:end])
    return Hunk(
        start + (end > start),
        end - start,
        new_start + (new_end > new_start),
        new_end - new_start,
        _heading(old, start),
        lines,
    )


def _marked(mark: bytes, lines: list[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line.endswith(b"\n"):
            yield mark + line
        else:
            yield mark + line + b"\n"
            yield _NO_NEWLINE


def _heading(lines: list[bytes], start: int) -> bytes:
    """The nearest line above that looks like the beginning of a function or section."""
    for line in reversed(lines[:start]):
        if _HEADING_LINE.match(line):
            return line[:_HEADING].rstrip()
    return b""


def _span(start: int, count: int) -> bytes:
    return b"%d" % start if count == 1 else b"%d,%d" % (start, count)


def _size(objects: ObjectReader, entry: Entry | None) -> int:
    return 0 if entry is None or entry.is_submodule else objects.size(entry.id)


def _content(objects: ObjectReader, entry: Entry | None) -> bytes:
    if entry is None:
        return b""
    if entry.is_submodule:
        return b"Subproject commit %s\n" % entry.id.encode()
    return objects.read(entry.id)[1]


def _id(entry: Entry | None) -> bytes:
    return entry.id.encode() if entry else b"0" * 40


def _quote(name: bytes) -> bytes:
    if not _QUOTED.search(name):
        return name
    return b'"%s"' % _QUOTED.sub(_escape, name)


def _escape(found: re.Match[bytes]) -> bytes:
    byte = found[0][0]
    return _ESCAPES.get(byte) or b"\\%03o" % byte


def _tab(name: bytes) -> bytes:
    """Ends a name that holds spaces, so that `patch` does not take the rest for a date."""
    return b"\t" if b" " in name else b""
