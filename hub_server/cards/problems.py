"""One thing that is wrong with a card, with its place, in words a person can act on."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the README, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """`message_id` is the English sentence with `{name}` fields, which `params` fill.

    Pages translate the unfilled sentence; the API and git print `str(problem)`.
    """

    message_id: str
    line: int | None = None
    column: int | None = None
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return self.message_id.format(**self.params) if self.params else self.message_id

    def __str__(self) -> str:
        """The sentence with its place."""
        if self.line is None:
            return self.message
        return f"{self.message} (line {self.line}, column {self.column})"


def problem(sentence: str, place: Place | None = None, **params: object) -> Problem:
    line, column = (place.line, place.column) if place else (None, None)
    return Problem(sentence, line, column, params)


def brief(value: object, limit: int = 60) -> str:
    """A user's value as a message may quote it: one line, bounded."""
    text = " ".join(str(value)[: limit * 4].split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
