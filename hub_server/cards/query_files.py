"""By which files downloads of a model are counted: those that every use of it asks for.

The rules are the public Hub's, from the vocabulary of libraries; `*.gguf` counts with each.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hub_server.cards import vocabulary

USUAL = frozenset({"config.json", "config.yaml", "hyperparams.yaml", "params.json", "meta.yaml"})
_GGUF = ".gguf"
_PIPELINE = "model_index.json"
_TOP_WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth")
"""Of a diffusers model that is one file instead of a folder for each of its parts."""


def is_query_file(library: str | None, path: str) -> bool:
    """Whether asking for `path` is a download of a model that belongs to `library`."""
    if path.lower().endswith(_GGUF):
        return True
    if library == "diffusers":
        return path == _PIPELINE or ("/" not in path and path.endswith(_TOP_WEIGHTS))
    known = vocabulary.libraries("model").get(library or "")
    if known is None or known.file_rule is None:
        return path in USUAL
    return any(_holds(condition, path) for condition in known.file_rule["any"])


def _holds(condition: Mapping[str, Any], path: str) -> bool:
    name = posixpath.basename(path)
    checks: dict[str, Callable[[], bool]] = {
        "path": lambda: path == condition["path"],
        "extension": lambda: path.endswith(f".{condition['extension']}"),
        "filename": lambda: posixpath.splitext(name)[0] == condition["filename"],
        "prefix": lambda: path.startswith(condition["prefix"]),
    }
    return all(holds() for key, holds in checks.items() if key in condition)


def has_query_file(library: str | None, files: Iterable[str]) -> bool:
    """Whether one of them tells downloads; else the largest file does."""
    return any(is_query_file(library, path) for path in files)
