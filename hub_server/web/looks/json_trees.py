"""JSON as a tree that folds. Numbers keep the writing of the file, and keys that repeat stay."""

import json
from dataclasses import dataclass
from typing import Any

from hub_server.web.views.looks import JsonNode

MOST_NODES = 4000
MOST_CHILDREN = 500
MOST_TEXT = 2000
DEEPEST = 24
OPEN_NODES = 60
"""A tree opens so far that about this many values are seen at first."""


class _Written(str):
    """A number or a word, as it stands in the file."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """A map with every pair, in order."""


def json_tree(text: str) -> JsonNode | None:
    """None for what is no JSON, or nests too deeply to be read."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_int=_Written,
            parse_float=_Written,
            parse_constant=_Written,
        )
    except (ValueError, RecursionError):
        return None
    return _Grower().node(None, value, 0)


@dataclass
class _Grower:
    left: int = MOST_NODES

    def node(self, key: str | None, value: Any, depth: int) -> JsonNode:
        self.left -= 1
        if isinstance(value, _Pairs):
            return self._branch("map", key, value, depth)
        if isinstance(value, list):
            return self._branch("list", key, list(enumerate(value)), depth)
        if isinstance(value, _Written):
            return JsonNode("number", key, str(value))
        if isinstance(value, str):
            return JsonNode("text", key, json.dumps(_cut(value), ensure_ascii=False))
        return JsonNode("word", key, json.dumps(value))

    def _branch(self, kind: Any, key: str | None, pairs: list[Any], depth: int) -> JsonNode:
        is_open = depth == 0 or (self.left > MOST_NODES - OPEN_NODES and len(pairs) < OPEN_NODES)
        most = 0 if depth >= DEEPEST else MOST_CHILDREN
        children = []
        for name, value in pairs[:most]:
            if self.left <= 0:
                break
            children.append(self.node(str(name), value, depth + 1))
        return JsonNode(kind, key, "", tuple(children), len(pairs), is_open)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…"
