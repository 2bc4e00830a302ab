"""Which models and datasets the code of a Space names; the code is read, never run."""

import re
from typing import Any

from hub_server.cards.checking import is_repo_id
from hub_server.cards.evidence import Evidence
from hub_server.cards.tags import texts

_NAME = r"[\w.-]+/[\w.-]+"
# The id itself, or the name of a constant that has it.
_VALUE = rf"""(?:["']({_NAME})["']|([A-Za-z_]\w{{0,63}})\s*[,)])"""
_ARGUMENT = rf"\(\s*(?:\w{{1,64}}\s*=\s*)?{_VALUE}"
_MODEL = re.compile(rf"\b(?:from_pretrained|InferenceClient|snapshot_download){_ARGUMENT}")
_PIPELINE = re.compile(rf"\bpipeline\([^()]{{0,300}}?\bmodel\s*=\s*{_VALUE}")
_SECOND = re.compile(rf"""\bpipeline\(\s*["'][\w-]{{1,64}}["']\s*,\s*{_VALUE}""")
_GRADIO = re.compile(rf"""\bload\(\s*(?:name\s*=\s*)?["'](?:models|huggingface)/({_NAME})["']()""")
_MODEL_CALLS = (_MODEL, _PIPELINE, _SECOND, _GRADIO)
_DATASET_CALLS = (re.compile(rf"\bload_dataset{_ARGUMENT}"),)
_CONSTANT = re.compile(
    rf"""^[ \t]*(?:const[ ]+|let[ ]+)?([A-Za-z_]\w{{0,63}})[ \t]*=[ \t]*["']({_NAME})["']""",
    re.MULTILINE,
)
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
    constants = dict(_CONSTANT.findall(code))
    models = models or _named(_MODEL_CALLS, code, constants)
    datasets = datasets or _named(_DATASET_CALLS, code, constants)
    return models[:MAX_LINKS], datasets[:MAX_LINKS]


def _named(calls: tuple[re.Pattern[str], ...], code: str, constants: dict[str, str]) -> list[str]:
    """Ids in such calls, in the order in which the code has them."""
    found = sorted(
        (match.start(), match[1] or "", match[2] or "")
        for call in calls
        for match in call.finditer(code)
    )
    names = (name or constants.get(word, "") for _, name, word in found)
    return [name for name in dict.fromkeys(names) if name and is_repo_id(name)]
