"""How long a soak is, and where it goes on after it was stopped."""

import json
import os
from pathlib import Path
from typing import Any

SCALE = float(os.environ.get("SOAK_SCALE", "1"))


def scaled(count: int) -> int:
    """That many at full length, at least one."""
    return max(1, round(count * SCALE))


class State:
    """The finished rounds of one test, in a file of the folder SOAK_STATE; without it in `folder`.

    A round begins with a new hub and ends with its audit, so a broken off one is done again.
    """

    def __init__(self, name: str, folder: Path) -> None:
        place = Path(os.environ.get("SOAK_STATE") or folder)
        place.mkdir(parents=True, exist_ok=True)
        self.path = place / f"{name}.json"
        self.rounds: list[dict[str, Any]] = (
            json.loads(self.path.read_text()) if self.path.exists() else []
        )

    def add(self, figures: dict[str, Any]) -> None:
        self.rounds.append(figures)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.rounds, indent=1))
        fresh.replace(self.path)

    def total(self, name: str) -> int:
        return sum(each[name] for each in self.rounds)

    def counted(self, name: str) -> dict[str, int]:
        """The sum of a table of counts over all rounds."""
        found: dict[str, int] = {}
        for each in self.rounds:
            for key, count in each[name].items():
                found[key] = found.get(key, 0) + count
        return found
