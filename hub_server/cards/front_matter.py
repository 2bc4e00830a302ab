"""A README to its metadata and its body. Never an exception: what is wrong becomes problems."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from hub_server.cards import yaml_block
from hub_server.cards.problems import Place, Problem, brief, problem

MAX_BLOCK_BYTES = 1_000_000
# Numbers to YAML, but "3.10" is not 3.1 to the one who wrote it.
_VERBATIM = ("sdk_version", "python_version")

_OPENING = re.compile(r"\s*---[ \t]*(?:\r\n|\r|\n)")
_CLOSING = re.compile(r"(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\r|\n|\Z)")
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Card:
    """`metadata` holds JSON values only, and is empty where the block cannot be read.

    `problems` are errors of the block; `body_line` is the line (from 1) on which `body` begins.
    """

    metadata: dict[str, Any]
    body: str
    body_line: int
    problems: tuple[Problem, ...] = ()
    block: Literal["missing", "unclosed", "empty", "present"] = "present"
    root: yaml_block.Node | None = field(default=None, repr=False, compare=False)

    def place(self, *path: str | int) -> Place | None:
        """Where `path` of the metadata (or its nearest parent) stands in the README."""
        return yaml_block.locate(self.root, path)


def read_card(content: bytes | str) -> Card:
    """Split and read a README; bytes that are no UTF-8 are replaced."""
    text = _text(content)
    opening = _OPENING.match(text)
    if not opening:
        return Card({}, text, 1, block="missing")
    # From the last character of the opening line, so that an empty block closes at once.
    closing = _CLOSING.search(text, opening.end() - 1)
    if not closing:
        return Card({}, text, 1, block="unclosed")
    source = text[opening.end() : max(opening.end(), closing.start())]
    first_line = _lines(opening.group()) + 1
    body = text[closing.end() :]
    body_line = _lines(text[: closing.end()]) + 1
    return _read_block(source, first_line, body, body_line)


def _text(content: bytes | str) -> str:
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    return raw.decode("utf-8", "replace").removeprefix("\ufeff")


def _lines(text: str) -> int:
    return len(_NEWLINE.findall(text))


def _read_block(source: str, first_line: int, body: str, body_line: int) -> Card:
    if len(source.encode()) > MAX_BLOCK_BYTES:
        too_big = problem("The metadata is larger than {limit} bytes", limit=MAX_BLOCK_BYTES)
        return Card({}, body, body_line, (too_big,))
    parsed = yaml_block.parse(source, first_line)
    root = parsed.root
    if root is None or root.value is None:
        state: Literal["empty", "present"] = "present" if parsed.problems else "empty"
        return Card({}, body, body_line, parsed.problems, state)
    if not isinstance(root.value, dict):
        found = problem(
            "The metadata must be a map of keys to values, not {value}",
            root.place,
            value=brief(root.value),
        )
        return Card({}, body, body_line, (*parsed.problems, found))
    block: Literal["empty", "present"] = "present" if root.value else "empty"
    return Card(_mended(root), body, body_line, parsed.problems, block, root)


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
