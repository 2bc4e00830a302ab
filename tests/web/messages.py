"""Which sentences the program can show, found by reading templates and code."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

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
    trees = {path: ast.parse(path.read_text()) for path in (TOP / "hub_server").rglob("*.py")}
    errors = error_names(trees.values())
    found: set[str] = set()
    for path, tree in trees.items():
        found |= set(_calls(tree, {"mark"}, {}))
        if path.relative_to(TOP / "hub_server").parts[0] in SPEAKING:
            constants = _constants_of(tree)
            found |= set(_calls(tree, errors, constants))
            for leaf in _leaves(tree, errors):
                found |= set(_calls(leaf, {"__init__"}, constants))
    return found


def error_names(trees: Iterable[ast.Module]) -> set[str]:
    """HubError and every class below it, whichever room it lives in."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {"HubError"}
    while more := {c.name for c in classes if {_name(base) for base in c.bases} & names} - names:
        names |= more
    return names


def _leaves(tree: ast.Module, errors: set[str]) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in errors:
            yield node


def _constants_of(tree: ast.Module) -> dict[str, list[str]]:
    """Module constants that hold sentences: strings, and tables of strings."""
    found: dict[str, list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = list(_strings(node.value, {}))
    return found


def _calls(tree: ast.AST, names: set[str], constants: dict[str, list[str]]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in names and node.args:
            yield from _strings(node.args[0], constants)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _strings(node: ast.expr, constants: dict[str, list[str]]) -> Iterator[str]:
    """What an expression can be, as far as it stands there in words."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _strings(node.body, constants)
        yield from _strings(node.orelse, constants)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _strings(value, constants)
    elif isinstance(node, ast.Subscript | ast.Name):
        name = node.value if isinstance(node, ast.Subscript) else node
        yield from constants.get(_name(name), [])


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
