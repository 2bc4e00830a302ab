"""What a dataset's card and file names say: format, modalities, libraries, subsets, extracts."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hub_server.cards import vocabulary
from hub_server.cards.tags import ensure_list, texts

_NO_DATA = frozenset(
    {"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json"}
)
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz4"})
_METADATA = re.compile(r"metadata\.(?:csv|jsonl|parquet)")
_TABULAR = frozenset({"json", "csv", "parquet"})
_FOLDERS = frozenset({"imagefolder", "audiofolder"})
_LEAST_SHARE = 0.1
_LEAST_IMAGES = 10
_NUMERIC = re.compile(r"u?int\d+|float\d+|decimal.*")
_TEXTUAL = frozenset({"string", "large_string", "translation", "Translation"})
_MEDIA = {"image": "image", "audio": "audio", "video": "video", "pdf": "document"}
_NOT_PROSE = re.compile(r"^\s*(?:#|<|!\[|\[!\[|\||[-*+]\s|\d+\.\s|>|```|---|===|- \[)")
_BIBTEX = re.compile(r"@\w{3,20}\s*\{[^@]{10,5000}?\n[ \t]*\}", re.DOTALL)
_DEEPEST = 8
MAX_EXTRACT = 1_000


def data_files(files: Sequence[str]) -> list[str]:
    """Paths that may hold data: no README, no Markdown, nothing hidden, no description of data."""
    return [
        path
        for path in files
        if not path.lower().endswith(".md")
        and posixpath.basename(path) not in _NO_DATA
        and not any(part.startswith(".") for part in path.split("/"))
    ]


def _extension(path: str) -> str:
    stem, end = posixpath.splitext(path)
    return (posixpath.splitext(stem)[1] if end.lower() in _COMPRESSED else end).lower()


def format_of(files: Sequence[str]) -> str | None:
    """The format of the most frequent extension that a loader knows."""
    builders = vocabulary.builder_of_extension()
    counts = Counter(
        builders[end]
        for path in data_files(files)
        if (end := _extension(path)) in builders
        and not _METADATA.fullmatch(posixpath.basename(path))
    )
    best = counts.most_common(1)
    return best[0][0] if best and best[0][0] in vocabulary.dataset_formats() else None


def libraries_for(found: str | None, files: Sequence[str], tagged: list[str]) -> list[str]:
    """Libraries that read this format, then those that the card's tags name."""
    libraries: list[str] = []
    if found in _TABULAR:
        single = sum(_extension(path) != "" for path in data_files(files)) <= 1
        libraries = ["datasets", "pandas" if single else "dask", "mlcroissant", "polars"]
    elif found == "webdataset":
        libraries = ["datasets", "webdataset", "mlcroissant"]
    elif found in _FOLDERS or found in ("text", "arrow"):
        libraries = ["datasets", "mlcroissant"]
    elif found == "lance":
        libraries = ["lance"]
    return list(dict.fromkeys(libraries + tagged))


def modalities(metadata: dict[str, Any], files: Sequence[str], tagged: list[str]) -> list[str]:
    """What the tags force, the declared features show and the files suggest, sorted."""
    found = {*tagged, *_modalities_of_features(metadata), *_modalities_of_files(files)}
    return sorted(found & vocabulary.dataset_modalities().keys())


def _modalities_of_files(files: Sequence[str]) -> Iterator[str]:
    counts = Counter(_extension(path) for path in data_files(files))
    total = sum(counts.values())
    by_modality: Counter[str] = Counter()
    for end, count in counts.items():
        modality = "document" if end == ".pdf" else vocabulary.modality_of_extension().get(end)
        if modality:
            by_modality[modality] += count
    tables = any(counts[end] for end in (".csv", ".json", ".jsonl", ".parquet", ".arrow"))
    for modality, count in by_modality.items():
        few = modality == "image" and tables and count < _LEAST_IMAGES
        if count >= _LEAST_SHARE * total and not few:
            yield modality


def _infos(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    value = metadata.get("dataset_info")
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _features(metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for info in _infos(metadata):
        for feature in _list(info.get("features")):
            if isinstance(feature, dict):
                yield feature


def _inner_kinds(features: Any, depth: int = 0) -> Iterator[str]:
    """Types of columns, and of what lists and structures have inside."""
    for feature in ensure_list(features):
        if isinstance(feature, str):
            yield feature
        elif isinstance(feature, dict) and depth < _DEEPEST:
            yield _kind(feature)
            for key in ("sequence", "list", "struct"):
                yield from _inner_kinds(feature.get(key), depth + 1)


def _modalities_of_features(metadata: dict[str, Any]) -> set[str]:
    features = list(_features(metadata))
    kinds = {(str(item.get("name", "")), _kind(item)) for item in features}
    inner = frozenset(_inner_kinds(features))
    found = {_MEDIA[kind] for kind in inner & _MEDIA.keys()}
    if inner & _TEXTUAL:
        found.add("text")
    if any(kind == "list:float32" and "emb" not in name.lower() for name, kind in kinds):
        found.add("timeseries")
    numeric = {name for name, kind in kinds if _NUMERIC.fullmatch(kind)}
    if len(numeric) > 1 and not found & {"image", "audio"}:
        found.add("tabular")
    return found


def _kind(feature: dict[str, Any]) -> str:
    """The type of a column as one word; lists of a plain type as `list:float32`."""
    kind = feature.get("dtype")
    if isinstance(kind, dict):
        kind = next(iter(kind), "")
    if isinstance(kind, str):
        return kind
    return f"list:{feature.get('sequence') or feature.get('list')}"


def size_category(metadata: dict[str, Any]) -> str | None:
    """The class of the number of examples that `dataset_info` declares."""
    counts = [
        split["num_examples"]
        for info in _infos(metadata)
        for split in _list(info.get("splits"))
        if isinstance(split, dict)
        and isinstance(split.get("num_examples"), int)
        and not isinstance(split.get("num_examples"), bool)
    ]
    if not counts or sum(counts) <= 0:
        return None
    return vocabulary.size_of(sum(counts))


def subset_names(metadata: dict[str, Any]) -> list[str]:
    """Names of the declared subsets: the default one (else one of that name) first, then A to Z."""
    value = metadata.get("configs")
    entries = value if isinstance(value, list) else [value]
    names: dict[str, bool] = {}
    for entry in entries:
        if isinstance(entry, dict) and entry.get("config_name"):
            names.setdefault(str(entry["config_name"]), entry.get("default") is True)
    chosen = any(names.values())
    first = {name for name, default in names.items() if (default if chosen else name == "default")}
    return texts(sorted(names, key=lambda name: (name not in first, name)))


def description(body: str) -> str | None:
    """The first paragraph of prose of a card."""
    for block in re.split(r"\n[ \t]*\n", body.replace("\r\n", "\n")[:50_000]):
        lines = [line.strip() for line in block.strip().splitlines()]
        prose = [line for line in lines if line and not _NOT_PROSE.match(line)]
        if prose and len(prose) == len(lines):
            return " ".join(prose)[:MAX_EXTRACT]
    return None


def citation(body: str) -> str | None:
    """The first BibTeX entry of a card."""
    match = _BIBTEX.search(body[:200_000])
    return match.group() if match else None
