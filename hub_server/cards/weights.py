"""Which files of a model hold its weights, and what their headers say together."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub_server.cards.gguf import GgufHeader

MAX_SHARDS = 256
_WHOLE = "model.safetensors"
_INDEX = ".safetensors.index.json"
_PART = re.compile(r"(.*)-00001-of-(\d{5})\.gguf", re.IGNORECASE | re.DOTALL)
_BESIDE = re.compile(r"mmproj|imatrix|draft", re.IGNORECASE)
"""GGUF files that go with a model and are not the model."""


@dataclass(frozen=True, slots=True)
class Weights:
    """As the API shows them; None where there is no such file, or none that can be read."""

    safetensors: dict[str, Any] | None = None
    gguf: dict[str, Any] | None = None


NO_WEIGHTS = Weights()


def safetensors_file(files: Iterable[str]) -> str | None:
    """The file at the top that tells a model's size: the whole model, an index, or the only one."""
    found = [path for path in files if "/" not in path and ".safetensors" in path]
    if _WHOLE in found:
        return _WHOLE
    indexes = sorted(path for path in found if path.endswith(_INDEX))
    if indexes:
        main = "model" + _INDEX
        return main if main in indexes else indexes[0]
    single = [path for path in found if path.endswith(".safetensors")]
    return single[0] if len(single) == 1 else None


def is_index(path: str) -> bool:
    return path.endswith(_INDEX)


def gguf_files(files: Sequence[str]) -> tuple[str, ...]:
    """The first model in GGUF form, all of its parts; the others are the same, more or less exact.

    Empty where there is none, or where one of its parts is missing.
    """
    found = sorted(
        (path for path in files if path.lower().endswith(".gguf") and not _BESIDE.search(path)),
        key=lambda path: (path.count("/"), path),
    )
    if not found:
        return ()
    split = _PART.fullmatch(found[0])
    if not split:
        return (found[0],)
    count = int(split[2])
    if not 1 <= count <= MAX_SHARDS:
        return ()
    end = found[0][-len(".gguf") :]
    parts = tuple(f"{split[1]}-{number:05}-of-{split[2]}{end}" for number in range(1, count + 1))
    return parts if frozenset(parts) <= frozenset(found) else ()


def safetensors_facts(parts: Iterable[Mapping[str, int]]) -> dict[str, Any] | None:
    """Parameters by type and in total, over all parts of a model."""
    counts: dict[str, int] = {}
    for part in parts:
        for kind, values in part.items():
            counts[kind] = counts.get(kind, 0) + values
    total = sum(counts.values())
    return {"parameters": counts, "total": total} if 0 < total < 2**63 else None


def gguf_facts(parts: Sequence[GgufHeader]) -> dict[str, Any] | None:
    """The first part has the words, all parts have tensors."""
    total = sum(part.total for part in parts)
    return {**parts[0].facts(), "total": total} if parts and 0 < total < 2**63 else None
