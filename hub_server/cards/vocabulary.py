"""The known words of cards: tasks, libraries, languages, licences, sizes, SDKs.

Read from the package on first use and kept; nothing here is changed at run time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is ISO 639-1 where there is one, else ISO 639-3; `native` may be empty."""

    code: str
    name: str
    native: str


@dataclass(frozen=True, slots=True)
class License:
    id: str
    name: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """`domain` is a key of `task_domains()`; `subtasks` maps sub-task ids to labels."""

    id: str
    label: str
    domain: str
    color: str | None
    for_models: bool
    for_datasets: bool
    subtasks: Mapping[str, str]
    summary: str | None


@dataclass(frozen=True, slots=True)
class Library:
    """`file_rule` tells a use of it by paths (any condition); None = only the common files do."""

    id: str
    label: str
    kind: str
    repo_url: str | None
    docs_url: str | None
    in_filters: bool
    snippet_kind: str | None
    tasks: tuple[str, ...]
    file_rule: Mapping[str, Any] | None


def _read(name: str) -> Any:
    return json.loads((resources.files(__package__) / "vocab" / name).read_text("utf-8"))


@cache
def languages() -> Mapping[str, Language]:
    """By code, two-letter codes first."""
    rows = _read("languages.json")
    return MappingProxyType({code: Language(code, name, native) for code, _, name, native in rows})


@cache
def two_letter_codes() -> Mapping[str, str]:
    """ISO 639-3 code to ISO 639-1 code, for those that have both (`eng` to `en`)."""
    rows = _read("languages.json")
    return MappingProxyType({iso3: code for code, iso3, _, _ in rows if iso3 and iso3 != code})


@cache
def language_names() -> Mapping[str, str]:
    """English and native names in lower case to codes, to suggest the code somebody meant."""
    names: dict[str, str] = {}
    for language in languages().values():
        for name in (language.name, language.native):
            names.setdefault(name.casefold(), language.code)
    names.pop("", None)
    return MappingProxyType(names)


@cache
def words_not_languages() -> frozenset[str]:
    """Codes of languages that people far more often use as other words (`mit`, `csv`, `cat`)."""
    return frozenset(_read("words-not-languages.json"))


@cache
def licenses() -> Mapping[str, License]:
    return MappingProxyType({row["id"]: License(**row) for row in _read("licenses.json")})


@cache
def tasks() -> Mapping[str, Task]:
    """By id, in the order of the taxonomy."""
    return MappingProxyType({row["id"]: _task(row) for row in _read("tasks.json")})


def _task(row: dict[str, Any]) -> Task:
    return Task(
        id=row["id"],
        label=row["label"],
        domain=row["modality"],
        color=row["color"],
        for_models="models" in row["applies_to"],
        for_datasets="datasets" in row["applies_to"],
        subtasks=MappingProxyType({sub["id"]: sub["label"] for sub in row["subtasks"]}),
        summary=row["summary"],
    )


@cache
def task_domains() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Domain id to its label and its tasks, in display order."""
    rows = _read("task-domains.json")
    return MappingProxyType({row["id"]: (row["label"], tuple(row["tasks"])) for row in rows})


@cache
def subtask_parents() -> Mapping[str, str]:
    """Sub-task id to the task it belongs to."""
    return MappingProxyType(
        {subtask: task.id for task in tasks().values() for subtask in task.subtasks}
    )


TASK_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "ner": "token-classification",
        "sentiment-analysis": "text-classification",
        "speech-segmentation": "voice-activity-detection",
        "structured-data-classification": "tabular-classification",
    }
)
"""Names that tasks had before."""


@cache
def libraries(kind: str = "model") -> Mapping[str, Library]:
    """Libraries of `model`, `dataset` or `kernel` repositories by id."""
    rows = [row for row in _read("libraries.json") if row["kind"] == kind]
    return MappingProxyType(
        {row["id"]: Library(**row | {"tasks": tuple(row["tasks"])}) for row in rows}
    )


@cache
def _datasets() -> Mapping[str, Any]:
    return MappingProxyType(_read("datasets.json"))


@cache
def _spaces() -> Mapping[str, Any]:
    return MappingProxyType(_read("spaces.json"))


@cache
def dataset_formats() -> Mapping[str, str]:
    """Format id to label."""
    return MappingProxyType({row["id"]: row["label"] for row in _datasets()["formats"]})


@cache
def builder_of_extension() -> Mapping[str, str]:
    """File extension (`.csv`) to the loader that reads it; the first loader that names it wins."""
    found: dict[str, str] = {}
    for row in _datasets()["builders"]:
        for extension in row["extensions"]:
            found.setdefault(extension, row["id"])
    return MappingProxyType(found)


@cache
def dataset_modalities() -> Mapping[str, str]:
    """Modality id to label."""
    return MappingProxyType({row["id"]: row["label"] for row in _datasets()["modalities"]})


@cache
def modality_of_extension() -> Mapping[str, str]:
    """File extension to modality, without the ambiguous ones."""
    return MappingProxyType(
        {
            extension: row["id"]
            for row in _datasets()["modalities"]
            for extension in row["extensions"]
        }
    )


@cache
def size_categories() -> tuple[str, ...]:
    return (*(row["id"] for row in _datasets()["sizes"]), "other")


@cache
def dataset_choices() -> Mapping[str, frozenset[str]]:
    """The closed lists of a dataset card, by field."""
    creators = _datasets()["creators"]
    return MappingProxyType(
        {
            "size_categories": frozenset(size_categories()),
            "annotations_creators": frozenset(creators["annotations"]),
            "language_creators": frozenset(creators["language"]),
            "multilinguality": frozenset(_datasets()["multilingualities"]),
        }
    )


@cache
def space_sdks() -> Mapping[str, str]:
    """SDK id to label, legacy ones too."""
    return MappingProxyType({row["id"]: row["label"] for row in _spaces()["sdks"]})


@cache
def space_colors() -> tuple[str, ...]:
    return tuple(_spaces()["colors"])


def size_of(rows: int) -> str:
    """The size category of a number of rows."""
    for row in _datasets()["sizes"]:
        least, most = row["min"], row["max"]
        if least is not None and least <= rows and (most is None or rows < most):
            return str(row["id"])
    return "unknown"
