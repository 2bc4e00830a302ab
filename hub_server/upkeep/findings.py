"""What a check of the hub says: one finding, one line, for people and for programs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Literal

Level = Literal["error", "note"]
MOST = 50
"""Findings of one kind in one repository that are told one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` names the kind and stays the same between releases; `subject` is the thing itself: a
    blob's key, a ref, an object's id, a row. An `error` is damage, a `note` is none."""

    level: Level
    code: str
    subject: str
    message: str
    repo: str = ""
    advice: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Equal for the same thing found again."""
        return self.code, self.repo, self.subject

    def line(self) -> str:
        """Fields divided by tabs: level, code, repository, subject, words."""
        words = f"{self.message} {self.advice}".strip()
        fields = (self.level, self.code, self.repo or "-", self.subject or "-", words)
        return "\t".join(_one_line(field) for field in fields)

    def as_json(self) -> dict[str, str]:
        return asdict(self)


Found = Callable[[Finding], None]


def confirmed(look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What two looks agree upon: while a hub serves, things move between two reads of one look."""
    first = list(look())
    if not any(finding.level == "error" for finding in first):
        yield from first
        return
    again = {finding.identity for finding in look()}
    yield from (finding for finding in first if finding.identity in again)


def several(findings: Iterable[Finding], more: Callable[[int], Finding]) -> Iterator[Finding]:
    """The first of many, then `more(how many others there are)`."""
    walker = iter(findings)
    yield from islice(walker, MOST)
    if rest := sum(1 for _ in walker):
        yield more(rest)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
