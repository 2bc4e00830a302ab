"""Which models and datasets the code of a Space names; the code is read, never run."""

import re
from typing import Any

from hub_server.cards.checking import is_repo_id
from hub_server.cards.evidence import Evidence
from hub_server.cards.tags import texts

_ID = r"""\(\s*(?:\w+\s*=\s*)?["']([\w.-]+/[\w.-]+)["']"""
_MODEL = re.compile(rf"""\b(?:from_pretrained|InferenceClient|snapshot_download){_ID}""")
_PIPELINE = re.compile(r"""\bpipeline\([^()]{0,300}?\bmodel\s*=\s*["']([\w.-]+/[\w.-]+)["']""")
_GRADIO = re.compile(r"""\bload\(\s*["']models/([\w.-]+/[\w.-]+)["']""")
_DATASET = re.compile(rf"""\bload_dataset{_ID}""")
_DEFAULT_FILES = ("app.py", "index.html", "main.py")
MAX_CODE = 500_000
MAX_LINKS = 100


def app_file(metadata: dict[str, Any]) -> str | None:
    """The entry point that the card names."""
    value = metadata.get("app_file")
    return value if isinstance(value, str) and value and ".." not in value else None


def app_files(metadata: dict[str, Any]) -> tuple[str, ...]:
    """Files whose code is worth reading, the most telling first."""
    return tuple(dict.fromkeys(filter(None, (app_file(metadata), *_DEFAULT_FILES))))


def linked(metadata: dict[str, Any], seen: Evidence) -> tuple[list[str], list[str]]:
    """Ids of models and datasets: those the card lists, else those found in the code."""
    models = [name for name in texts(metadata.get("models")) if is_repo_id(name)]
    datasets = [name for name in texts(metadata.get("datasets")) if is_repo_id(name)]
    code = next(filter(None, map(seen.text, app_files(metadata))), "")[:MAX_CODE]
    if not models:
        found = _MODEL.findall(code) + _PIPELINE.findall(code) + _GRADIO.findall(code)
        models = [name for name in dict.fromkeys(found) if is_repo_id(name)]
    if not datasets:
        datasets = [name for name in dict.fromkeys(_DATASET.findall(code)) if is_repo_id(name)]
    return models[:MAX_LINKS], datasets[:MAX_LINKS]
