"""What the catalog keeps of a repository: everything its card and its files say, in one value.

Pure and total: any card, any file list and any small files give a record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub_server.cards import dataset_facts, space_facts, vocabulary
from hub_server.cards.checking import Kind
from hub_server.cards.eval_results import eval_files
from hub_server.cards.evidence import MODEL_FILES, Evidence, plain
from hub_server.cards.fields import languages_of, text_of
from hub_server.cards.front_matter import Card
from hub_server.cards.model_record import model_record
from hub_server.cards.tags import (
    Tag,
    arxiv_ids,
    bare_arxiv_ids,
    license_ids,
    listed,
    public_order,
    texts,
)
from hub_server.cards.weights import NO_WEIGHTS, Weights
from hub_server.cards.words import words_of

_DATASET_FIELDS = (
    "language_bcp47",
    "annotations_creators",
    "language_creators",
    "multilinguality",
    "source_datasets",
    "task_categories",
    "task_ids",
)


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """Fields that do not apply to the kind, or that nothing tells, are None or empty.

    `card_data` is JSON safe. `tags` is the public array; `typed_tags` has the same in order, with
    their types. `config` is the subset the API shows. `safetensors` has `parameters` (numbers of
    values by type) and their `total`; `gguf` has `total` and what else its header tells.
    """

    kind: Kind
    card_data: dict[str, Any]
    typed_tags: tuple[Tag, ...]
    tags: tuple[str, ...]
    languages: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    license_name: str | None = None
    license_link: str | None = None
    datasets: tuple[str, ...] = ()
    arxiv: tuple[str, ...] = ()
    title: str | None = None
    thumbnail: str | None = None
    pipeline_tag: str | None = None
    library_name: str | None = None
    base_models: tuple[str, ...] = ()
    base_model_relation: str | None = None
    new_version: str | None = None
    mask_token: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    transformers_info: dict[str, str] | None = None
    safetensors: dict[str, Any] | None = None
    gguf: dict[str, Any] | None = None
    model_index: list[Any] | None = None
    widget_data: list[dict[str, Any]] | None = None
    inference: Any = None
    description: str | None = None
    citation: str | None = None
    paperswithcode_id: str | None = None
    subsets: tuple[str, ...] = ()
    viewer: bool = True
    sdk: str | None = None
    sdk_version: str | None = None
    app_file: str | None = None
    emoji: str | None = None
    color_from: str | None = None
    color_to: str | None = None
    short_description: str | None = None
    pinned: bool = False
    models: tuple[str, ...] = ()
    counted_file: str | None = None
    """Tells downloads of a model that has none of its library's query files."""
    eval_results: list[dict[str, Any]] | None = None
    text: str = ""
    """The words that it is found by, see `words_of`; no column of its row."""


def wanted_files(kind: Kind, card: Card, files: Sequence[str]) -> tuple[str, ...]:
    """Which small files `index_record` would look into, of those that are there."""
    names: tuple[str, ...] = (*MODEL_FILES, *eval_files(files)) if kind == "model" else ()
    if kind == "space":
        names = space_facts.app_files(card.metadata)
    there = frozenset(files)
    return tuple(name for name in names if name in there)


def index_record(
    kind: Kind,
    card: Card,
    files: Sequence[str] = (),
    small_files: Mapping[str, bytes] | None = None,
    *,
    region: str = "us",
    weights: Weights = NO_WEIGHTS,
) -> IndexRecord:
    """Everything the catalog needs. `small_files` maps paths of `wanted_files` to their bytes."""
    seen = Evidence(files, small_files or {}, weights)
    build = {"model": model_record, "dataset": _dataset, "space": _space}[kind]
    facts, tags = build(card.metadata, card.body, seen)
    shared, more = _shared(card, Tag("region", region))
    typed = public_order(kind, [*tags, *more])
    return IndexRecord(
        kind=kind,
        card_data=plain(card.metadata, depth=66, text=1_000_000),
        typed_tags=typed,
        tags=tuple(tag.text(kind) for tag in typed),
        licenses=tuple(tag.name for tag in typed if tag.type == "license"),
        arxiv=tuple(tag.name for tag in typed if tag.type == "arxiv"),
        text=words_of("\n".join([*_read_first(facts), card.body])),
        **(shared | facts),
    )


def _read_first(facts: Mapping[str, Any]) -> list[str]:
    return [str(facts[name]) for name in ("title", "short_description") if facts.get(name)]


def _shared(card: Card, region: Tag) -> tuple[dict[str, Any], list[Tag]]:
    """What all kinds have in common."""
    metadata = card.metadata
    licenses = license_ids(metadata.get("license"))
    papers = list(
        dict.fromkeys(
            [
                *bare_arxiv_ids(metadata.get("arxiv")),
                *arxiv_ids(json.dumps(metadata, ensure_ascii=False)),
                *arxiv_ids(card.body),
            ]
        )
    )
    facts = {
        "license_name": text_of(metadata, "license_name"),
        "license_link": text_of(metadata, "license_link"),
        "thumbnail": text_of(metadata, "thumbnail"),
    }
    tags = [Tag("arxiv", paper) for paper in papers]
    tags += [Tag("license", name) for name in licenses]
    return facts, [*tags, region]


def _dataset(
    metadata: dict[str, Any], body: str, seen: Evidence
) -> tuple[dict[str, Any], list[Tag]]:
    files = seen.files
    free = texts(metadata.get("tags"))
    found = dataset_facts.format_of(files)
    modalities = dataset_facts.modalities(metadata, files, free)
    libraries = dataset_facts.libraries_for(
        found, files, [name for name in free if name in vocabulary.libraries("dataset")]
    )
    computed = dataset_facts.size_category(metadata)
    sizes = [computed] if computed else texts(listed(metadata.get("size_categories")))
    languages = languages_of(metadata)
    facts = {
        "languages": tuple(languages),
        "title": text_of(metadata, "pretty_name"),
        "description": dataset_facts.description(body),
        "citation": dataset_facts.citation(body),
        "paperswithcode_id": text_of(metadata, "paperswithcode_id"),
        "subsets": tuple(dataset_facts.subset_names(metadata)),
        "viewer": metadata.get("viewer") is not False,
    }
    tags = [Tag("library", name) for name in libraries]
    tags += [Tag("format", found)] if found else []
    tags += [Tag("modality", name) for name in modalities]
    for key in _DATASET_FIELDS:
        names = texts(listed(metadata.get(key)))
        tags += [Tag(key, name) for name in names]  # type: ignore[arg-type]
    tags += [Tag("language", code) for code in languages]
    tags += [Tag("size_categories", name) for name in sizes]
    tags += [Tag("benchmark", "official")] if "eval.yaml" in seen.root else []
    tags += [Tag("other", name) for name in free]
    return facts, tags


def _space(metadata: dict[str, Any], body: str, seen: Evidence) -> tuple[dict[str, Any], list[Tag]]:
    models, datasets = space_facts.linked(metadata, seen)
    sdk = metadata.get("sdk")
    facts = {
        "title": text_of(metadata, "title"),
        "sdk": sdk if isinstance(sdk, str) and sdk in vocabulary.space_sdks() else None,
        "sdk_version": str(metadata["sdk_version"])[:40] if metadata.get("sdk_version") else None,
        "app_file": space_facts.app_file(metadata),
        "emoji": text_of(metadata, "emoji", 32),
        "color_from": _color(metadata, "colorFrom"),
        "color_to": _color(metadata, "colorTo"),
        "short_description": text_of(metadata, "short_description"),
        "pinned": metadata.get("pinned") is True,
        "models": tuple(models),
        "datasets": tuple(datasets),
    }
    tags = [Tag("sdk", str(facts["sdk"]))] if facts["sdk"] else []
    return facts, tags + [Tag("other", name) for name in texts(metadata.get("tags"))]


def _color(metadata: dict[str, Any], key: str) -> str | None:
    value = metadata.get(key)
    return value if isinstance(value, str) and value in vocabulary.space_colors() else None
