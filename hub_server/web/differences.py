"""Changed files as pages show them: lines with their changed words, pictures, folds."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from markupsafe import Markup, escape

from hub_server.db.tables.repos import Repo
from hub_server.git import FileDiff, Hunk, ObjectId
from hub_server.lfs import Pointer, parse_pointer
from hub_server.web.looking import MEDIA
from hub_server.web.places import address
from hub_server.web.translation import mark
from hub_server.web.views.commits import DiffFile, DiffLine, State
from hub_server.web.views.files import suffix

MOST_LINES = 3000
MOST_FILES = 300
FOLDED = 400
"""Lines of one file, from which on it is folded until somebody wants to see it."""
WORDY = 400
BINARY = mark("Not text: its lines cannot be compared.")
TOO_LARGE = mark("This change is too large to be shown here.")
LARGE_FILE = mark("A large file: only its pointer is in Git.")
NOTHING = mark("Its contents did not change.")
MODE = mark("Only its mode changed.")


def diff_files(
    repo: Repo, old: ObjectId | None, new: ObjectId, diffs: Iterable[FileDiff]
) -> tuple[DiffFile, ...]:
    """As many of the changed files between two commits as a page shows."""
    shown = enumerate(_within(diffs))
    return tuple(_file(repo, (old, new), number, diff) for number, diff in shown)


def _within(diffs: Iterable[FileDiff]) -> Iterator[FileDiff]:
    """The files of a change until the page has shown enough lines."""
    left = MOST_LINES
    for number, diff in enumerate(diffs):
        if left <= 0 or number == MOST_FILES:
            return
        yield diff
        left -= sum(len(hunk.lines) for hunk in diff.hunks) + 1


def _file(
    repo: Repo, commits: tuple[ObjectId | None, ObjectId], number: int, diff: FileDiff
) -> DiffFile:
    old, new = commits
    change = diff.change
    path = change.path.decode("utf-8", "surrogateescape")
    old_path = (change.old_path or change.path).decode("utf-8", "surrogateescape")
    pointers = _pointers(diff)
    lines = () if any(pointers) else tuple(line for hunk in diff.hunks for line in _lines(hunk))
    picture = suffix(path) in MEDIA["image"]
    return DiffFile(
        path=path,
        anchor=f"diff-{number}",
        state=_state(diff),
        lines=lines,
        old_path=old_path if change.old_path else "",
        url=address(repo, "blob", new, path) if change.new else "",
        note="" if picture else LARGE_FILE if any(pointers) else _note(diff),
        is_lfs=any(pointers),
        sizes=(_size(pointers[0]), _size(pointers[1])),
        before=address(repo, "resolve", old, old_path) if picture and change.old and old else "",
        after=address(repo, "resolve", new, path) if picture and change.new else "",
        is_folded=len(lines) > FOLDED,
    )


def _size(pointer: Pointer | None) -> int | None:
    return pointer.size if pointer else None


def _state(diff: FileDiff) -> State:
    change = diff.change
    if change.old is None:
        return "added"
    if change.new is None:
        return "removed"
    return "renamed" if change.old_path else "changed"


def _note(diff: FileDiff) -> str:
    old, new = diff.change.old, diff.change.new
    if diff.is_binary:
        return BINARY
    if diff.is_too_large:
        return TOO_LARGE
    if diff.hunks:
        return ""
    return MODE if old and new and old.mode != new.mode else NOTHING


def _pointers(diff: FileDiff) -> tuple[Pointer | None, Pointer | None]:
    """Those of a large file before and after: three lines that say nothing to people."""
    if len(diff.hunks) != 1:
        return None, None
    sides = ([], [])  # type: tuple[list[bytes], list[bytes]]
    for line in diff.hunks[0].lines:
        if line[:1] in b" -":
            sides[0].append(line[1:])
        if line[:1] in b" +":
            sides[1].append(line[1:])
    return parse_pointer(b"".join(sides[0])), parse_pointer(b"".join(sides[1]))


def _lines(hunk: Hunk) -> Iterator[DiffLine]:
    yield DiffLine("gap", hunk.header.decode("utf-8", "replace"))
    old, new = hunk.old_start, hunk.new_start
    lines = [(line[:1], _text(line)) for line in hunk.lines if line[:1] != b"\\"]
    marked = _marked(lines)
    for place, (sign, text) in enumerate(lines):
        if sign == b"-":
            yield DiffLine("del", marked.get(place, text), old, None)
        elif sign == b"+":
            yield DiffLine("add", marked.get(place, text), None, new)
        else:
            yield DiffLine("same", text, old, new)
        old += sign != b"+"
        new += sign != b"-"


def _text(line: bytes) -> str:
    return line[1:].decode("utf-8", "replace").rstrip("\r\n")


def _marked(lines: Sequence[tuple[bytes, str]]) -> dict[int, Markup]:
    """Where one line became one other: both with their changed words marked, by place."""
    found: dict[int, Markup] = {}
    signs = b"".join(sign for sign, _ in lines)
    for run in re.finditer(rb"(-+)(\++)", signs):
        removed, added = run.start(1), run.start(2)
        if len(run[1]) != len(run[2]):
            continue
        for step in range(len(run[1])):
            pair = _words(lines[removed + step][1], lines[added + step][1])
            if pair:
                found[removed + step], found[added + step] = pair
    return found


def _words(old: str, new: str) -> tuple[Markup, Markup] | None:
    """None when the lines are too long or too different for words to help."""
    if max(len(old), len(new)) > WORDY:
        return None
    before, after = re.findall(r"\w+|\W", old), re.findall(r"\w+|\W", new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.45:  # noqa: PLR2004
        return None
    left, right = Markup(), Markup()
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        gone, come = escape("".join(before[i1:i2])), escape("".join(after[j1:j2]))
        left += gone if tag == "equal" or not gone else Markup("<del>{}</del>").format(gone)
        right += come if tag == "equal" or not come else Markup("<ins>{}</ins>").format(come)
    return left, right
