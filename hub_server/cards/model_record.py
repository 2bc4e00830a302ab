"""A model's card and files to the fields and tags of its record."""

from typing import Any

from hub_server.cards import model_libraries, model_tasks, vocabulary
from hub_server.cards.checking import is_repo_id
from hub_server.cards.eval_results import eval_files, eval_results
from hub_server.cards.evidence import Evidence, plain
from hub_server.cards.fields import ids_of, languages_of, text_of
from hub_server.cards.tags import Sorted, Tag, TagType, sort_tags, texts

MAX_WIDGETS = 50


def model_record(
    metadata: dict[str, Any], body: str, seen: Evidence
) -> tuple[dict[str, Any], list[Tag]]:
    """Fields of `IndexRecord` by name, and the tags that only models have."""
    declared = languages_of(metadata)
    known = sort_tags(metadata.get("tags"), declared_languages=declared)
    library = model_libraries.library_of(metadata.get("library_name"), known.libraries, seen)
    task = model_tasks.task_of_model(metadata.get("pipeline_tag"), known.tasks, library, seen)
    formats = model_libraries.format_tags(seen)
    from_config = model_tasks.config_tags(seen)
    bases, relation = _bases(metadata, library, [*formats, *from_config], known, seen)
    languages = list(dict.fromkeys([*declared, *known.languages]))
    datasets = list(dict.fromkeys([*ids_of(metadata, "datasets"), *_typed(known, "dataset")]))
    facts = {
        "languages": tuple(languages),
        "datasets": tuple(datasets),
        "pipeline_tag": task,
        "library_name": library,
        "base_models": tuple(bases),
        "base_model_relation": relation,
        "transformers_info": (
            model_tasks.transformers_info(task, seen) if library == "transformers" else None
        ),
        **_plain_fields(metadata, seen),
    }
    tags = [Tag("library", name) for name in filter(None, [library, *known.libraries])]
    tags += [Tag("format", name) for name in formats]
    tags += [Tag("config", name) for name in from_config]
    tags += _task_tags(task, known)
    tags += [Tag("other", name) for name in [*known.free, *_marks(metadata, seen)]]
    tags += [Tag("language", code) for code in languages]
    tags += [Tag("dataset", name) for name in datasets]
    tags += _base_tags(bases, relation)
    return facts, [*tags, *known.typed]


def _plain_fields(metadata: dict[str, Any], seen: Evidence) -> dict[str, Any]:
    """Fields that need no inference."""
    return {
        "title": text_of(metadata, "model_name"),
        "new_version": next(iter(ids_of(metadata, "new_version")), None),
        "mask_token": model_tasks.mask_token(metadata.get("mask_token"), seen),
        "config": model_tasks.config_subset(seen),
        "safetensors": seen.weights.safetensors,
        "gguf": seen.weights.gguf,
        "model_index": plain(_list(metadata, "model-index"), depth=12),
        "widget_data": _widgets(metadata.get("widget")),
        "inference": plain(metadata.get("inference")),
        "eval_results": eval_results(seen),
    }


def _marks(metadata: dict[str, Any], seen: Evidence) -> list[str]:
    """Tags that say which blocks the metadata has, and whether results lie beside it."""
    marks = {
        "model-index": _list(metadata, "model-index"),
        "eval-results": eval_files(seen.files),
        "co2_eq_emissions": metadata.get("co2_eq_emissions"),
    }
    return [name for name, there in marks.items() if there]


def _task_tags(task: str | None, known: Sorted) -> list[Tag]:
    names = [*filter(None, [task]), *known.tasks]
    taxonomy = vocabulary.tasks()
    return [Tag("pipeline_tag" if name in taxonomy else "other", name) for name in names]


def _bases(
    metadata: dict[str, Any],
    library: str | None,
    words: list[str],
    known: Sorted,
    seen: Evidence,
) -> tuple[list[str], str | None]:
    """Base models and the relation to them; an adapter's configuration names its base too."""
    tagged = [name.rpartition(":") for name in _typed(known, "base_model")]
    bases = ids_of(metadata, "base_model") or list(dict.fromkeys(name for _, _, name in tagged))
    if not bases:
        named = seen.json("adapter_config.json").get("base_model_name_or_path")
        bases = [name for name in texts(named) if is_repo_id(name) and "/" in name]
    hints = frozenset([*words, *known.free, *known.libraries, library or ""])
    written = next((relation for relation, _, _ in tagged if relation), None)
    declared = metadata.get("base_model_relation") or written
    return bases, model_libraries.relation_to_base(declared, bases, hints, seen)


def _typed(known: Sorted, kind: TagType) -> list[str]:
    """What tags with a prefix name (`dataset:ada/words`)."""
    return [tag.name for tag in known.typed if tag.type == kind]


def _base_tags(bases: list[str], relation: str | None) -> list[Tag]:
    plain_tags = [Tag("base_model", name) for name in bases]
    return plain_tags + [Tag("base_model", f"{relation}:{name}") for name in bases]


def _list(metadata: dict[str, Any], key: str) -> list[Any] | None:
    value = metadata.get(key)
    return value if isinstance(value, list) and value else None


def _widgets(value: Any) -> list[dict[str, Any]] | None:
    """Examples as maps; a lone map, and plain texts, are accepted."""
    examples = []
    for item in (value if isinstance(value, list) else [value])[:MAX_WIDGETS]:
        example = {"text": item} if isinstance(item, str) else item
        if isinstance(example, dict) and _is_safe_source(example.get("src")):
            examples.append(plain(example))
    return examples or None


def _is_safe_source(source: Any) -> bool:
    """A web address, or a path that stays inside the repository."""
    if source is None:
        return True
    text = str(source).strip().lower()
    if text.startswith(("http://", "https://")):
        return True
    return ".." not in text and ":" not in text and not text.startswith("//")
