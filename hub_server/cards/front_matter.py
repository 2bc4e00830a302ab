"""A README to its metadata and its body. Never an exception: what is wrong becomes problems."""

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hub_server.cards import salvage, yaml_block
from hub_server.cards.problems import Place, Problem, brief, problem

MAX_BLOCK_BYTES = 1_000_000
# Numbers to YAML, but "3.10" is not 3.1 to the one who wrote it.
_VERBATIM = ("sdk_version", "python_version")

_OPENING = re.compile(r"\s*---[ \t]*(?:\r\n|\r|\n)")
_CLOSING = re.compile(r"(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\r|\n|\Z)")
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Card:
    """`metadata` holds JSON values only. Where the block as a whole cannot be read it has the
    fields that can (`partial`), and else is empty.

    `problems` are errors of the block; `block_line` and `body_line` are the lines (from 1) on
    which the block opens and `body` begins.
    """

    metadata: dict[str, Any]
    body: str
    body_line: int
    problems: tuple[Problem, ...] = ()
    block: Literal["missing", "unclosed", "empty", "present"] = "present"
    root: yaml_block.Node | None = field(default=None, repr=False, compare=False)
    partial: bool = False
    block_line: int = 1

    def place(self, *path: str | int) -> Place | None:
        """Where `path` of the metadata (or its nearest parent) stands in the README."""
        return yaml_block.locate(self.root, path)


def read_card(content: bytes | str) -> Card:
    """Split and read a README; bytes that are no UTF-8 are replaced."""
    text = _text(content)
    opening = _OPENING.match(text)
    if not opening:
        return Card({}, text, 1, block="missing")
    first_line = _lines(opening.group()) + 1
    # From the last character of the opening line, so that an empty block closes at once.
    closing = _CLOSING.search(text, opening.end() - 1)
    if not closing:
        return Card({}, text, 1, block="unclosed", block_line=first_line - 1)
    source = text[opening.end() : max(opening.end(), closing.start())]
    blank = Card({}, text[closing.end() :], _lines(text[: closing.end()]) + 1)
    return _read_block(source, replace(blank, block_line=first_line - 1))


def _text(content: bytes | str) -> str:
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    return raw.decode("utf-8", "replace").removeprefix("\ufeff")


def _lines(text: str) -> int:
    return len(_NEWLINE.findall(text))


def _read_block(source: str, blank: Card) -> Card:
    """`blank` is the card without its metadata."""
    first_line = blank.block_line + 1
    if len(source.encode()) > MAX_BLOCK_BYTES:
        sentence = "The metadata is larger than {limit} bytes"
        found = problem(sentence, Place(first_line, 1), limit=MAX_BLOCK_BYTES)
        return replace(blank, problems=(found,))
    parsed = yaml_block.parse(source, first_line)
    root = parsed.root
    if root is None and parsed.problems:
        return _partial(blank, salvage.fields_of(source, first_line), parsed.problems)
    if root is None or root.value is None:
        return replace(blank, block="empty")
    if not isinstance(root.value, dict):
        sentence = "The metadata must be a map of keys to values, not {value}"
        found = problem(sentence, root.place, value=brief(root.value))
        return _partial(blank, salvage.merged(root), (*parsed.problems, found))
    block: Literal["empty", "present"] = "present" if root.value else "empty"
    metadata = _mended(root)
    return replace(blank, metadata=metadata, problems=parsed.problems, block=block, root=root)


def _partial(blank: Card, root: yaml_block.Node | None, problems: tuple[Problem, ...]) -> Card:
    """A card whose block is wrong, with what can be read of it."""
    metadata = _mended(root) if root else {}
    return replace(blank, metadata=metadata, problems=problems, root=root, partial=True)


def _mended(root: yaml_block.Node) -> dict[str, Any]:
    """Undo what YAML 1.1 writers do to `no` (Norwegian), and keep versions as written."""
    metadata = dict(root.value)
    language = metadata.get("language")
    if language is False:
        metadata["language"] = "no"
    elif isinstance(language, list):
        metadata["language"] = ["no" if code is False else code for code in language]
    children = root.children if isinstance(root.children, dict) else {}
    for key in _VERBATIM:
        if isinstance(metadata.get(key), int | float) and children[key].text:
            metadata[key] = children[key].text
    return metadata
