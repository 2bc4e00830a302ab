"""The rules that find TeX in Markdown, and leave prices alone."""

import re

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from hub_server.cards.markdown.tex import MAX_FORMULA

_MAX_LINES = 200
_PROSE = re.compile(r"\d[\d.,]*(?:\s|$)|[A-Za-z]{3,}\s+[A-Za-z]{3,}")
_OPERATORS = frozenset("\\^_={}<>+")


def _is_formula(content: str) -> bool:
    """Not a price: `$5 or 10$` and `$HOME and $PATH` stay text."""
    if not content or content[0].isspace() or content[-1].isspace() or "`" in content:
        return False
    if not _OPERATORS.isdisjoint(content):
        return True
    return not _PROSE.match(content) and "\n" not in content


def _closing(source: str, start: int, end: int, mark: str) -> int:
    """Where the next `mark` that no backslash escapes stands, -1 if none is near."""
    end = min(end, start + MAX_FORMULA)
    while (found := source.find(mark, start, end)) >= 0:
        slashes = found - len(source[start:found].rstrip("\\")) - start
        if slashes % 2 == 0 or mark[0] == "\\":
            return found
        start = found + 1
    return -1


def dollars(state: StateInline, silent: bool) -> bool:
    """Inline rule: `$…$`, and `$$…$$` inside a line."""
    source, start = state.src, state.pos
    if source[start] != "$":
        return False
    mark = "$$" if source.startswith("$$", start) else "$"
    begin = start + len(mark)
    end = _closing(source, begin, state.posMax, mark)
    if end < 0:
        return False
    content = source[begin:end]
    after = end + len(mark)
    if mark == "$":
        before_word = start > 0 and source[start - 1].isalnum()
        after_word = after < state.posMax and (source[after].isalnum() or source[after] == "$")
        if before_word or after_word or not _is_formula(content):
            return False
    elif not content.strip():
        return False
    return _found(state, silent, content, after, block=mark == "$$")


def parentheses(state: StateInline, silent: bool) -> bool:
    r"""Inline rule: `\\( … \\)` and `\\[ … \\]`, the backslashes doubled for Markdown's sake."""
    for opening, closing in ((r"\\(", r"\\)"), (r"\\[", r"\\]")):
        if state.src.startswith(opening, state.pos):
            begin = state.pos + len(opening)
            end = _closing(state.src, begin, state.posMax, closing)
            if end < 0 or not state.src[begin:end].strip():
                return False
            content = state.src[begin:end]
            return _found(state, silent, content, end + 3, block=opening == r"\\[")
    return False


def _found(state: StateInline, silent: bool, content: str, after: int, *, block: bool) -> bool:
    if not silent:
        token = state.push("tex_block" if block else "tex", "span", 0)
        token.content = content
    state.pos = after
    return True


def dollar_block(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Block rule: `$$` begins a line, `$$` ends it or a later one, no empty line between."""
    begin = state.bMarks[first] + state.tShift[first]
    if state.is_code_block(first) or not state.src.startswith("$$", begin):
        return False
    lines = _block_lines(state, first, min(end, first + _MAX_LINES))
    content = "\n".join(lines)[2:-2]
    if not content.strip() or "$$" in content:
        return False
    state.line = first + len(lines)
    if not silent:
        token = state.push("tex_paragraph", "div", 0)
        token.content = content
        token.map = [first, state.line]
    return True


def _block_lines(state: StateBlock, first: int, end: int) -> list[str]:
    """The lines up to the one that ends with `$$`; none when the block is not closed."""
    lines: list[str] = []
    for number in range(first, end):
        if state.isEmpty(number) or (lines and state.sCount[number] < state.blkIndent):
            return []
        begin = state.bMarks[number] + state.tShift[number]
        lines.append(state.src[begin : state.eMarks[number]].rstrip())
        if lines[-1].endswith("$$") and len("".join(lines)) > len("$$$"):
            return lines
    return []
