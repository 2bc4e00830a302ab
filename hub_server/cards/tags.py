"""The computed tags of a repository: what they are made of, and how they are spelled in public."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from hub_server.cards import vocabulary
from hub_server.cards.checking import Kind, is_repo_id
from hub_server.cards.validation import normal_license

TagType = Literal[
    "sdk", "library", "format", "config", "pipeline_tag", "task_categories", "task_ids", "modality",
    "other", "language", "language_bcp47", "size_categories", "annotations_creators",
    "language_creators", "multilinguality", "source_datasets", "benchmark", "dataset", "arxiv",
    "base_model", "license", "doi", "region",
]  # fmt: skip
# The public order follows the order of the types above.
_ORDER = {name: rank for rank, name in enumerate(TagType.__args__)}  # type: ignore[attr-defined]
_BARE = frozenset({"library", "format", "config", "pipeline_tag", "other", "language", "sdk"})
_BARE_OF_DATASETS = frozenset({"other"})
MAX_TAGS = 1_000
MAX_TAG_TEXT = 200

_TYPED = re.compile(r"(license|dataset|base_model|arxiv|doi):(\S.*)")
_ARXIV_ID = r"(\d{4}\.\d{4,5}|[a-z][a-z-]{1,15}(?:\.[a-z]{2})?/\d{7})(?!\d)"
_ARXIV = re.compile(r"(?:arxiv\.org/(?:abs|pdf|html)/|arxiv:\s?|/papers/(?=\d{4}\.))" + _ARXIV_ID)
_BARE_ARXIV = re.compile(_ARXIV_ID + r"(?:v\d+)?")


@dataclass(frozen=True, slots=True)
class Tag:
    """`name` without its prefix; `base_model` names may carry a relation (`finetune:a/b`)."""

    type: TagType
    name: str

    def text(self, kind: Kind) -> str:
        """As it stands in the public `tags` array of a repository of this kind."""
        bare = _BARE_OF_DATASETS if kind == "dataset" else _BARE
        return self.name if self.type in bare else f"{self.type}:{self.name}"


def texts(value: Any) -> list[str]:
    """A field that is a string or a list of them: trimmed, without empties and repetitions."""
    items = value if isinstance(value, list) else [value]
    found = (item.strip()[:MAX_TAG_TEXT] for item in items if isinstance(item, str))
    return list(dict.fromkeys(item for item in found if item))


def listed(value: Any) -> Any:
    """A list for a map of lists, as cards had one entry for each subset; else the value itself."""
    if not isinstance(value, dict):
        return value
    return [item for below in value.values() for item in ensure_list(below)]


def ensure_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def public_order(kind: Kind, tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """Sorted by type (stable within), each text once whatever its case, at most `MAX_TAGS`."""
    seen: dict[str, Tag] = {}
    for tag in sorted(tags, key=lambda tag: _ORDER[tag.type]):
        seen.setdefault(tag.text(kind).casefold(), tag)
    return tuple(seen.values())[:MAX_TAGS]


def arxiv_ids(text: str) -> list[str]:
    """Papers that a text links or names, versions removed, in order of appearance."""
    return list(dict.fromkeys(_ARXIV.findall(text.lower())))


def bare_arxiv_ids(value: Any) -> list[str]:
    matches = (
        _BARE_ARXIV.fullmatch(item.lower().removeprefix("arxiv:").strip()) for item in texts(value)
    )
    return [match[1] for match in matches if match]


def license_ids(value: Any) -> list[str]:
    return [name for name in map(normal_license, texts(value)) if " " not in name]


@dataclass(frozen=True, slots=True)
class Sorted:
    """The entries of a card's `tags` by what they turned out to be."""

    tasks: tuple[str, ...]
    libraries: tuple[str, ...]
    languages: tuple[str, ...]
    typed: tuple[Tag, ...]
    free: tuple[str, ...]


def sort_tags(value: Any, *, declared_languages: Iterable[str] = ()) -> Sorted:
    """Tell tasks, libraries and languages among free tags (of models)."""
    groups: dict[str, list[Any]] = {"tasks": [], "libraries": [], "languages": [], "typed": []}
    free: list[str] = []
    declared = frozenset(declared_languages)
    for text in texts(value):
        typed = _typed_tag(text)
        if typed:
            groups["typed"].append(typed)
        elif task_of(text):
            groups["tasks"].append(text)
        elif text in vocabulary.libraries():
            groups["libraries"].append(text)
        elif _is_language_tag(text, declared):
            groups["languages"].append(text)
        else:
            free.append(text)
    return Sorted(
        tuple(groups["tasks"]),
        tuple(groups["libraries"]),
        tuple(groups["languages"]),
        tuple(groups["typed"]),
        tuple(free),
    )


def _typed_tag(text: str) -> Tag | None:
    match = _TYPED.fullmatch(text)
    if not match:
        return None
    kind, name = match[1], match[2].strip()
    if kind == "license":
        return Tag("license", normal_license(name))
    if kind == "arxiv":
        ids = bare_arxiv_ids(name)
        return Tag("arxiv", ids[0]) if ids else None
    if kind in ("dataset", "base_model"):
        known = is_repo_id(name.rpartition(":")[2])
        return Tag("dataset" if kind == "dataset" else "base_model", name) if known else None
    return Tag("doi", name)


def task_of(text: str) -> str | None:
    """The task that an id, a sub-task id or a legacy name stands for."""
    if text in vocabulary.tasks():
        return text
    return vocabulary.TASK_ALIASES.get(text) or vocabulary.subtask_parents().get(text)


def _is_language_tag(text: str, declared: frozenset[str]) -> bool:
    if text in ("multilingual", "code") or text in declared:
        return True
    known = text in vocabulary.languages() or text in vocabulary.two_letter_codes()
    return known and text not in vocabulary.words_not_languages()
