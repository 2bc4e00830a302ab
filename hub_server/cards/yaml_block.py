"""YAML to plain JSON values, for text that strangers wrote.

Scalars follow YAML 1.2 (`no`, `on` and dates stay strings), keys are strings, repeated keys and
every other trouble become problems with their place. Reads events, not nodes: libyaml's composer
recurses in C, and a hundred thousand brackets would end the process.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from hub_server.cards.problems import Place, Problem, brief, problem

MAX_DEPTH = 64
MAX_VALUES = 300_000  # counted as JSON would print them, so that aliases cannot multiply
VALUE_TEXT = 16  # so many characters count as one value more
MAX_PROBLEMS = 50
_INT64 = 2**63
_LONGEST_NUMBER = 40
_BASES = {"0o": 8, "0x": 16}

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final[dict[str, bool | None]] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"), None)
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


@dataclass(slots=True)
class Node:
    """A value and where it stands; for a value of a mapping that is the place of its key.

    `text` is a plain (unquoted) scalar as written, None for anything else. `children` has the
    keys or indexes of `value`. `size` counts values and their texts, `height` the levels below.
    """

    value: Any
    place: Place
    text: str | None = None
    children: "dict[str, Node] | list[Node] | None" = None
    size: int = 1
    height: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """`root` is None when the text is empty or cannot be read; then `problems` says why."""

    root: Node | None
    problems: tuple[Problem, ...]


class _Unreadable(Exception):
    def __init__(self, found: Problem) -> None:
        super().__init__(found.message)
        self.problem = found


def parse(text: str, first_line: int) -> Block:
    """Read one YAML document; `first_line` is the line of the file on which `text` begins."""
    composer = _Composer(text, first_line)
    try:
        root = composer.document()
    except _Unreadable as stop:
        return Block(None, (*composer.problems, stop.problem))
    except yaml.YAMLError as error:
        return Block(None, (*composer.problems, _syntax_problem(error, text, first_line)))
    return Block(root, tuple(composer.problems))


def locate(root: Node | None, path: Sequence[str | int]) -> Place | None:
    """The place of `path`, or of its nearest parent that exists."""
    node = root
    for step in path:
        below = _child(node, step)
        if below is None:
            break
        node = below
    return node.place if node else None


def _child(node: Node | None, step: str | int) -> Node | None:
    children = node.children if node else None
    if isinstance(children, dict):
        return children.get(str(step))
    if isinstance(children, list) and isinstance(step, int) and step < len(children):
        return children[step]
    return None


def _syntax_problem(error: yaml.YAMLError, text: str, first_line: int) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark:
        place = Place(mark.line + first_line, mark.column + 1)
    else:
        place = _forbidden_character(text, first_line)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return problem("The metadata is not valid YAML: {reason}", place, reason=brief(reason, 160))


def _forbidden_character(text: str, first_line: int) -> Place:
    """The first character that YAML does not allow; the library counts bytes to it."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    before = text[: found.start()] if found else ""
    line = before.count("\n")
    return Place(first_line + line, len(before) - before.rfind("\n"))


class _Composer:
    def __init__(self, text: str, first_line: int) -> None:
        self.problems: list[Problem] = []
        self._first_line = first_line
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Node | None] = {}  # None while its node is still open
        self._values = 0

    def document(self) -> Node | None:
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), depth=0)
        next(self._events)  # the document ends
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise _Unreadable(
                problem("The metadata must be one YAML document", self._place(following))
            )
        return root

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(mark.line + self._first_line, mark.column + 1)

    def _node(self, event: Any, depth: int, place: Place | None = None) -> Node:
        place = place or self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", depth, place)
        self._count(1, place)
        if depth >= MAX_DEPTH:
            raise _Unreadable(
                problem("The metadata is nested more than {limit} deep", place, limit=MAX_DEPTH)
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = _scalar_node(event, place)
            self._count(node.size - 1, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(depth, place)
        else:
            node = self._mapping(depth, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _count(self, values: int, place: Place) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise _Unreadable(
                problem("The metadata has more than {limit} values", place, limit=MAX_VALUES)
            )

    def _alias(self, anchor: str, depth: int, place: Place) -> Node:
        target = self._anchors.get(anchor)
        if target is None:
            sentence = "The alias *{name} is unknown or contains itself"
            raise _Unreadable(problem(sentence, place, name=brief(anchor)))
        self._count(target.size, place)
        if depth + target.height >= MAX_DEPTH:
            raise _Unreadable(
                problem("The metadata is nested more than {limit} deep", place, limit=MAX_DEPTH)
            )
        return Node(target.value, place, target.text, target.children, target.size, target.height)

    def _sequence(self, depth: int, place: Place) -> Node:
        children: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            children.append(self._node(event, depth + 1))
        node = Node([child.value for child in children], place, children=children)
        return _measured(node, children)

    def _mapping(self, depth: int, place: Place) -> Node:
        children: dict[str, Node] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, key_place = self._key(event, depth)
            child = self._node(next(self._events), depth + 1, key_place)
            if key == "<<" and isinstance(child.children, dict | list):
                merged.append(child)
                continue
            if key in children and len(self.problems) < MAX_PROBLEMS:
                self.problems.append(
                    problem('The key "{key}" is given more than once', key_place, key=brief(key))
                )
            children[key] = child
        for inherited in _mergeable(merged):
            for key, below in inherited.items():
                children.setdefault(key, below)
        node = Node({key: below.value for key, below in children.items()}, place)
        node.children = children
        node.size += sum(len(key) // VALUE_TEXT for key in children)
        return _measured(node, children.values())

    def _key(self, event: Any, depth: int) -> tuple[str, Place]:
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            self._node(event, depth)
            nothing = "null" if event.implicit[0] else ""
            return event.value.replace("\x00", "�") or nothing, place
        key = self._node(event, depth + 1)
        if isinstance(key.children, dict | list):
            raise _Unreadable(problem("A key must be plain text, not a list or a map", place))
        return str(key.value), place


def _mergeable(merged: list[Node]) -> Iterator[dict[str, Node]]:
    """The mappings that `<<` names, in their order of weight."""
    for node in merged:
        if isinstance(node.children, dict):
            yield node.children
        elif isinstance(node.children, list):
            for below in node.children:
                if isinstance(below.children, dict):
                    yield below.children


def _measured(node: Node, children: Any) -> Node:
    for child in children:
        node.size += child.size
        node.height = max(node.height, child.height + 1)
    return node


def _scalar_node(event: Any, place: Place) -> Node:
    text: str = event.value.replace("\x00", "�") if "\x00" in event.value else event.value
    plain = bool(event.implicit[0])
    size = 1 + len(text) // VALUE_TEXT
    if plain or (event.tag or "").endswith((":int", ":float", ":bool", ":null")):
        return Node(_resolve(text), place, text if plain else None, size=size)
    return Node(text, place, size=size)


def _resolve(text: str) -> Any:
    """A plain scalar by YAML 1.2's core schema; what JSON cannot say stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        base = _BASES.get(text[:2])
        number = int(text[2:], base) if base else int(text)
        return number if -_INT64 <= number < _INT64 else text
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text
