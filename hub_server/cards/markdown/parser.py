"""Markdown to HTML that still has to be sanitised: GFM, footnotes, TeX, coloured code.

Every rule loop passes a guard that looks at the budget, so hostile nesting ends in
`OutOfBounds` instead of seconds.
"""

import html
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from hub_server.cards.markdown import code, tex_rules
from hub_server.cards.markdown.budget import Budget, OutOfBounds

MAX_HTML = 8_000_000
MAX_NESTING = 60
MAX_RAW_TAGS = 20_000
MAX_RAW_DEPTH = 300
MAX_RAW_WORDS = 40_000

_SEPARATOR = re.compile(r"[\s/=]+")
_RAW_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Elements that never hold others of their kind open: they do not make depth.
_FLAT_NAMES = "area br col dd dt hr img input li link meta p source td th tr track wbr"
_FLAT = frozenset(_FLAT_NAMES.split())
_ALIGNMENT = re.compile(r"text-align:(left|right|center)")
_LANGUAGE = re.compile(r"[{\s:,]")


def to_html(markdown: str, budget: Budget) -> str:
    """HTML with the author's own tags still in it. Raises `OutOfBounds`."""
    env: dict[str, Any] = {"budget": budget}
    parser = _parser()
    tokens = parser.parse(markdown, env)
    _check_size(tokens)
    _check_raw_html(tokens)
    written = parser.renderer.render(tokens, parser.options, env)
    budget.check()
    if len(written) > MAX_HTML:
        raise OutOfBounds
    return str(written)


@cache
def _parser() -> MarkdownIt:
    """One parser for all threads: parsing keeps its state in the environment it is given."""
    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.options["tasklists"] = True
    parser.options["alerts"] = True
    parser.options["strikethrough_single_tilde"] = True
    parser.use(gfm_autolink_plugin)
    parser.use(footnote_plugin, inline=False)
    parser.inline.ruler.before("escape", "tex_dollars", tex_rules.dollars)
    parser.inline.ruler.before("escape", "tex_parentheses", tex_rules.parentheses)
    parser.block.ruler.before(
        "fence", "tex_block", tex_rules.dollar_block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    parser.inline.ruler.before("text", "guard", _inline_guard)
    parser.block.ruler.before("table", "guard", _block_guard)
    parser.core.ruler.push("alignment", _align_cells)
    for name, rule in _RENDER_RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _inline_guard(state: StateInline, silent: bool) -> bool:
    state.env["budget"].spend()
    return False


def _block_guard(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    state.env["budget"].spend()
    return False


def _align_cells(state: StateCore) -> None:
    """Cells say `align`, since `style` is not allowed."""
    for token in state.tokens:
        if token.type in ("td_open", "th_open") and "style" in token.attrs:
            match = _ALIGNMENT.search(str(token.attrs.pop("style")))
            if match:
                token.attrs["align"] = match[1]


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def _check_size(tokens: Sequence[Token]) -> None:
    """One long link definition may be used ten thousand times."""
    size = 0
    for token in _flat(tokens):
        size += len(token.content) + sum(len(str(value)) for value in token.attrs.values())
        if size > MAX_HTML:
            raise OutOfBounds


def _check_raw_html(tokens: Sequence[Token]) -> None:
    """Refuse nesting, and tags of attributes, that a tree builder needs quadratic time for."""
    raw = "".join(
        token.content for token in _flat(tokens) if token.type in ("html_block", "html_inline")
    )
    if len(_SEPARATOR.findall(raw)) > MAX_RAW_WORDS:
        raise OutOfBounds
    depth = 0
    for count, match in enumerate(_RAW_TAG.finditer(raw)):
        if match[2].lower() not in _FLAT:
            depth += -1 if match[1] else 1
        if depth > MAX_RAW_DEPTH or count > MAX_RAW_TAGS:
            raise OutOfBounds


def _fence(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    env: dict[str, Any],
) -> str:
    token = tokens[index]
    words = [word for word in _LANGUAGE.split(token.info.strip()) if word]
    language = words[0].strip(".}").lower() if words else ""
    if language == "math":
        return _tex(renderer, tokens, index, options, env, wrap="div")
    painted = code.paint(token.content, language, env["budget"])
    attribute = f' class="language-{language}"' if language in code.LANGUAGES else ""
    return f"<pre><code{attribute}>{painted}</code></pre>\n"


def _tex(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    env: dict[str, Any],
    *,
    wrap: str = "",
) -> str:
    name = "tex" if tokens[index].type == "tex" else "tex-block"
    span = f'<span class="{name}">{html.escape(tokens[index].content)}</span>'
    return f"<{wrap}>{span}</{wrap}>\n" if wrap else span


def _tex_paragraph(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    env: dict[str, Any],
) -> str:
    return _tex(renderer, tokens, index, options, env, wrap="div")


_RENDER_RULES = {
    "fence": _fence,
    "tex": _tex,
    "tex_block": _tex,
    "tex_paragraph": _tex_paragraph,
}
