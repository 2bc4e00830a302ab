"""What the validation rules share: a card under examination that collects what is found."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from hub_server.cards.front_matter import Card
from hub_server.cards.problems import Problem, problem

Kind = Literal["model", "dataset", "space"]
Path = tuple[str | int, ...]
MAX_MESSAGES = 100

_REPO_ID = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}", re.ASCII)


@dataclass(slots=True)
class Examination:
    """One card, its kind, and the errors and warnings so far (at most `MAX_MESSAGES` each).

    A sentence may hold `{path}`, which is filled from the path.
    """

    card: Card
    kind: Kind
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def get(self, key: str) -> Any:
        return self.card.metadata.get(key)

    def error(self, path: Path, sentence: str, /, **params: object) -> None:
        self._add(self.errors, path, sentence, params)

    def warn(self, path: Path, sentence: str, /, **params: object) -> None:
        self._add(self.warnings, path, sentence, params)

    def _add(self, to: list[Problem], path: Path, sentence: str, params: dict[str, object]) -> None:
        if len(to) < MAX_MESSAGES:
            given = {"path": shown(path)} | params
            to.append(problem(sentence, self.card.place(*path), **given))


def shown(path: Path) -> str:
    """`("model-index", 0, "name")` as `model-index[0].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def entries(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """The items of a list with their paths; a single value counts as a list of one."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield (*path, index), item
    elif value is not None:
        yield path, value


def strings(path: Path, value: Any) -> list[tuple[Path, str]]:
    return [(where, item) for where, item in entries(path, value) if isinstance(item, str)]


def is_repo_id(text: str) -> bool:
    """`name` or `namespace/name`, as the hub's names may look."""
    return (
        _REPO_ID.fullmatch(text) is not None
        and ".." not in text
        and "--" not in text
        and not any(part[0] in ".-" or part[-1] in ".-" for part in text.split("/"))
    )
