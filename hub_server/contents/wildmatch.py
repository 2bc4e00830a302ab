"""Git's patterns for paths, as `.gitattributes` and `.gitignore` hold them.

Matching never backtracks out of bounds: a component is a chain of atomic groups, and components
are matched by a table, so no pattern of a user can take the server's time.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\v\f\r",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_STAR = None
_ANY_DEPTH = "**"
_NOTHING = r"(?!)"
_Token = str | None
_Component = re.Pattern[str] | str


def by_bytes(text: str) -> str:
    """One character for each byte: Git's patterns know no encoding."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


class Wildmatch:
    """One pattern without its leading slash; `anchored` ones are matched against whole paths."""

    def __init__(self, pattern: str, *, anchored: bool) -> None:
        self._name = None if anchored else _component(pattern)
        self._components = [_parsed(part) for part in _split(pattern)] if anchored else []

    def matches(self, segments: Sequence[str]) -> bool:
        """Whether the path of these segments, itself and not what lies below it, is meant."""
        if self._name is not None:
            return bool(self._name.fullmatch(segments[-1]))
        reached = {0}
        for number, component in enumerate(self._components):
            if component == _ANY_DEPTH:
                last = number == len(self._components) - 1
                first = min(reached) + (1 if last else 0)
                reached = set(range(first, len(segments) + 1))
            elif isinstance(component, re.Pattern):
                full = component.fullmatch
                reached = {at + 1 for at in reached if at < len(segments) and full(segments[at])}
            if not reached:
                return False
        return len(segments) in reached


def _split(pattern: str) -> Iterator[str]:
    """The parts between slashes; a slash in a class or behind a backslash parts nothing."""
    start = at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            try:
                at = _class(pattern, at + 1)[1]
                continue
            except ValueError:
                at = len(pattern)
                break
        if pattern[at] == "/":
            yield pattern[start:at]
            start = at + 1
        at += 2 if pattern[at] == "\\" else 1
    yield pattern[start:]


def _parsed(part: str) -> _Component:
    return _ANY_DEPTH if part == "**" else _component(part)


@lru_cache(4096)
def _component(pattern: str) -> re.Pattern[str]:
    chunks: list[str] = [""]
    try:
        for token in _tokens(pattern):
            if token is _STAR:
                chunks.append("")
            else:
                chunks[-1] += token
    except ValueError:
        return re.compile(_NOTHING)
    first, *others = chunks
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{chunk})" for chunk in others[:-1] if chunk)
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def _tokens(pattern: str) -> Iterator[_Token]:
    """Regular expressions of one character each, None for a star; ValueError if malformed."""
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            yield _STAR
        elif char == "?":
            yield "."
        elif char == "[":
            text, at = _class(pattern, at)
            yield text
        elif char == "\\":
            if at == len(pattern):
                raise ValueError(pattern)
            yield re.escape(pattern[at])
            at += 1
        else:
            yield re.escape(char)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """The class that begins behind "[", and where the pattern goes on."""
    negated = pattern[at : at + 1] in ("!", "^") and at < len(pattern)
    at += negated
    parts: list[str] = []
    start = at
    while at < len(pattern) and (pattern[at] != "]" or at == start):
        if pattern.startswith("[:", at) and (end := pattern.find(":]", at)) > 0:
            parts.append(_CLASSES.get(pattern[at + 2 : end], ""))
            at = end + 2
            continue
        low, at = _one(pattern, at)
        if pattern[at : at + 1] == "-" and at + 1 < len(pattern) and pattern[at + 1] != "]":
            high, at = _one(pattern, at + 1)
            if low <= high:
                parts.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            parts.append(re.escape(low))
    if at >= len(pattern):
        raise ValueError(pattern)
    inside = "".join(parts).replace("[", r"\[").replace(r"\\[", r"\[")
    if not inside:
        return ("." if negated else _NOTHING), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _one(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\" and at + 1 < len(pattern):
        at += 1
    return pattern[at], at + 1
