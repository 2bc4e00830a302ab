"""Which sentences the program can show, found by reading templates and code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from hub_server import errors
from hub_server.settings import data_path
from hub_server.web.translation import FOLDER

TOP = Path(__file__).parents[2]
# Rooms whose refusals a page can show; Git and the transfer protocols speak English only.
SPEAKING = ("errors.py", "accounts", "repos", "gitstore", "edge", "web")


def template_messages() -> set[str]:
    """First arguments of t() and nt() in the templates."""
    found = extract_from_dir(
        data_path("templates"),
        [("**.html", "jinja2")],
        {"**.html": {"trimmed": "false", "silent": "false"}},
        keywords={"t": None, "nt": (1, 2)},
    )
    return {_first(message) for _, _, message, _, _ in found}


def _first(message: str | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def code_messages() -> set[str]:
    """Sentences marked anywhere, and those of errors in the rooms that speak to pages."""
    found: set[str] = set()
    for path in sorted((TOP / "hub_server").rglob("*.py")):
        tree = ast.parse(path.read_text())
        found |= set(_calls(tree, {"mark"}))
        if path.relative_to(TOP / "hub_server").parts[0] in SPEAKING:
            found |= set(_calls(tree, error_names()))
            found |= set(_super_calls(tree))
    return found


def error_names() -> set[str]:
    return {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.HubError)
    }


def _calls(tree: ast.AST, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in names and node.args:
            yield from _constants(node.args[0])


def _super_calls(tree: ast.AST) -> Iterator[str]:
    """`super().__init__("…")` inside the leaves of the error tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            _name(base) in error_names() for base in node.bases
        ):
            yield from _calls(node, {"__init__"})


def _name(node: ast.expr) -> str:
    return (
        node.attr
        if isinstance(node, ast.Attribute)
        else node.id
        if isinstance(node, ast.Name)
        else ""
    )


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)


def catalogue(language: str) -> dict[str, tuple[str, ...]]:
    """Message id to its translations, one or, with plurals, several."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language, abort_invalid=True)
    return {
        _first(message.id): (message.string,)
        if isinstance(message.string, str)
        else tuple(message.string)
        for message in found
        if message.id
    }


def fields(sentence: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", sentence))
