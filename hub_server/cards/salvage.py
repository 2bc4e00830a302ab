"""What can still be read of a metadata block that is not valid YAML: its fields, one by one."""

import re
from collections.abc import Iterator
from itertools import pairwise

from hub_server.cards import yaml_block
from hub_server.cards.problems import Place
from hub_server.cards.yaml_block import Node

MAX_BLOCK = 100_000
MAX_FIELDS = 500
_FIELD = re.compile(r"^(?=[A-Za-z_][\w-]{0,63}:(?:\s|$))", re.MULTILINE | re.ASCII)
_NEWLINE = re.compile(r"\r\n|\r|\n")


def fields_of(source: str, first_line: int) -> Node | None:
    """The fields at the left margin that can be read alone; the last of repeated ones counts.

    None where there are none, or where the block is too large for a second look.
    """
    if len(source) > MAX_BLOCK:
        return None
    children: dict[str, Node] = {}
    size = 0
    for text, line in _pieces(source, first_line):
        root = yaml_block.parse(text, line).root
        below = root.children if root else None
        if root is None or not isinstance(below, dict):
            continue
        size += root.size
        if size > yaml_block.MAX_VALUES:
            break
        children |= below
    return _map_of(children, first_line)


def merged(root: Node) -> Node | None:
    """The map that was meant by a list of maps (`- language: fr`), None for anything else."""
    items = root.children if isinstance(root.children, list) else []
    children: dict[str, Node] = {}
    for item in items:
        if not isinstance(item.children, dict):
            return None
        children |= item.children
    return _map_of(children, root.place.line)


def _pieces(source: str, first_line: int) -> Iterator[tuple[str, int]]:
    text = _NEWLINE.sub("\n", source)
    starts = [match.start() for match in _FIELD.finditer(text)][:MAX_FIELDS]
    line, at = first_line, 0
    for start, end in pairwise([*starts, len(text)]):
        line += text.count("\n", at, start)
        at = start
        yield text[start:end], line


def _map_of(children: dict[str, Node], line: int) -> Node | None:
    if not children:
        return None
    value = {key: below.value for key, below in children.items()}
    return Node(value, Place(line, 1), children=children)
