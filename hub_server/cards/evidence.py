"""What the files of a repository say about it, beside its card: names and a few small files."""

import json
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hub_server.cards.weights import NO_WEIGHTS, Weights

MAX_SMALL_FILE = 2_000_000
MODEL_FILES = (
    "config.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "processor_config.json",
    "preprocessor_config.json",
    "adapter_config.json",
    "model_index.json",
    "modular_model_index.json",
    "metadata.json",
    "meta.json",
)


@dataclass(frozen=True)
class Evidence:
    """Paths of a revision, and the contents of those small files that were at hand."""

    files: Sequence[str]
    small_files: Mapping[str, bytes] = field(default_factory=dict)
    weights: Weights = NO_WEIGHTS

    @cached_property
    def root(self) -> frozenset[str]:
        """Names at the top of the repository."""
        return frozenset(path for path in self.files if "/" not in path)

    @cached_property
    def names(self) -> frozenset[str]:
        """Last segments of all paths."""
        return frozenset(posixpath.basename(path) for path in self.files)

    @cached_property
    def extensions(self) -> Counter[str]:
        """How many files have each extension (`.json`), in lower case."""
        return Counter(posixpath.splitext(name)[1].lower() for name in self.files)

    def has(self, *names: str) -> bool:
        return not self.root.isdisjoint(names)

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file as a map, empty when it is absent, broken or something else."""
        data = self.small_files.get(name)
        if data is None or len(data) > MAX_SMALL_FILE:
            return {}
        try:
            value = json.loads(
                data.decode("utf-8", "replace").removeprefix("\ufeff"), parse_constant=_no_constant
            )
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def text(self, name: str) -> str:
        data = self.small_files.get(name, b"")[:MAX_SMALL_FILE]
        return data.decode("utf-8", "replace").replace("\x00", "�")


def _no_constant(name: str) -> None:
    """NaN and Infinity are no JSON; null stands for them."""


def plain(value: Any, *, depth: int = 8, text: int = 65_536) -> Any:
    """A copy that any JSON column takes: bounded depth and texts, no NUL, numbers of 64 bits."""
    if isinstance(value, str):
        return value[:text].replace("\x00", "�").encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**63 else str(value)[:40]
    if isinstance(value, dict):
        return (
            {plain(key): plain(item, depth=depth - 1, text=text) for key, item in value.items()}
            if depth
            else {}
        )
    if isinstance(value, list):
        return [plain(item, depth=depth - 1, text=text) for item in value] if depth else []
    return value
