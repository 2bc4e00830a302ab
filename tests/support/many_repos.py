"""Repositories by the hundred thousand, with tags as real hubs have them: few are on everything.

How often each kind of tag occurs, how many there are of it and how names and cards look follows
public hubs; within a kind the k-th tag is drawn with weight 1 / (k + 2)^s (Zipf). Everything
follows from a seed, and a smaller catalog is not the beginning of a larger one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from hub_server.cards import IndexRecord, Tag, vocabulary, words_of
from hub_server.db.tables.repos import Kind

AT_ONCE = 10_000
NOW = datetime(2026, 11, 1, tzinfo=UTC)
HIDDEN = 0.05
WITH_CARD = 0.65
WITHOUT_SCORE, WITHOUT_DOWNLOADS = 0.94, 0.35
SYLLABLES = [
    "ba", "ra", "ti", "mo", "nel", "vi", "sor", "ka", "lin", "du", "per", "so", "ma", "tre",
    "qui", "fa", "gon", "le", "ster", "po",
]  # fmt: skip
FAMILIES = [
    "bert", "roberta", "llama", "mistral", "qwen", "gemma", "phi", "whisper", "wav2vec", "vit",
    "t5", "gpt2", "falcon", "mixtral", "deberta", "electra", "marian", "pegasus", "bart",
    "xlm", "camembert", "kobert", "bloom", "opt", "pythia", "starcoder", "clip", "sdxl",
    "flux",
]  # fmt: skip
ENDINGS = [
    "base", "large", "small", "tiny", "7b", "8b", "13b", "70b", "instruct", "chat",
    "finetuned", "lora", "gguf", "awq", "gptq", "v1", "v2", "v3", "merged", "squad", "ner",
    "sentiment", "classifier", "embeddings", "multilingual", "distilled",
]  # fmt: skip
FOREIGN = (
    "Ce modèle reconnaît la parole en français, entraîné sur des données ouvertes.",
    "한국어 감성 분석을 위한 모델입니다. 네이버 영화 리뷰로 학습했습니다.",
    "这个模型用于中文文本分类和情感分析。",
    "このモデルは日本語の音声認識のために学習されました。",
)


@dataclass(frozen=True)
class Kindred:
    """One kind of tag: `count` different ones at a million, of which a repository has on average
    `mean` (below 1: how likely it has one)."""

    type: Any
    count: int
    mean: float
    steepness: float = 1.0
    prefix: str = ""
    fixed: bool = False
    """As many in a small catalog as in a large one."""


MODEL_TAGS = (
    Kindred("library", 60, 1.4, 1.6, fixed=True),
    Kindred("config", 253, 0.7, 1.1, fixed=True),
    Kindred("pipeline_tag", 57, 0.65, 1.2, fixed=True),
    Kindred("language", 400, 0.7, 1.4, fixed=True),
    Kindred("other", 48_000, 2.6, 1.05),
    Kindred("dataset", 22_000, 0.35, 0.9, "owner/data"),
    Kindred("base_model", 110_000, 0.6, 0.8, "owner/base"),
    Kindred("arxiv", 12_000, 0.15, 0.9),
    Kindred("license", 83, 0.55, 1.3, fixed=True),
)
DATASET_TAGS = (
    Kindred("library", 8, 2.2, 0.5, fixed=True),
    Kindred("format", 9, 0.8, 1.2, fixed=True),
    Kindred("modality", 9, 1.2, 1.2, fixed=True),
    Kindred("task_categories", 50, 0.6, 1.1, fixed=True),
    Kindred("language", 400, 0.6, 1.4, fixed=True),
    Kindred("size_categories", 9, 0.9, 0.8, fixed=True),
    Kindred("other", 12_000, 1.2, 1.05),
    Kindred("arxiv", 4_000, 0.1, 0.9),
    Kindred("license", 60, 0.5, 1.3, fixed=True),
)


@dataclass(frozen=True)
class Many:
    """`namespaces` are the ids of accounts that own them, the first ones most."""

    models: int
    datasets: int
    namespaces: Sequence[tuple[int, str]]
    seed: int = 1
    first_id: int = 1
    texts: bool = True

    @property
    def size(self) -> float:
        """1 at a million models."""
        return self.models / 1_000_000


@dataclass(frozen=True, slots=True)
class Made:
    """A row of `repo`, and what its card and files would tell."""

    row: dict[str, Any]
    record: IndexRecord


@dataclass
class _Draw:
    chance: np.random.Generator
    _weights: dict[tuple[int, float], np.ndarray] = field(default_factory=dict)

    def ranks(self, count: int, steepness: float, n: int) -> np.ndarray:
        """`n` times a number below `count`, small ones most often."""
        key = (count, steepness)
        if key not in self._weights:
            weights = 1 / (np.arange(count) + 2.0) ** steepness
            self._weights[key] = np.cumsum(weights / weights.sum())
        return np.searchsorted(self._weights[key], self.chance.random(n)).clip(max=count - 1)


def repositories(many: Many) -> Iterator[list[Made]]:
    """Lists of up to `AT_ONCE`, models first; ids grow with the day they were created."""
    draw = _Draw(np.random.default_rng(many.seed))
    number, whole = many.first_id, many.models + many.datasets
    kinds: tuple[tuple[Kind, int], ...] = (("model", many.models), ("dataset", many.datasets))
    for kind, total in kinds:
        for begin in range(0, total, AT_ONCE):
            count = min(AT_ONCE, total - begin)
            ids = range(number, number + count)
            yield _some(many, draw, kind, ids, whole)
            number += count


def _some(many: Many, draw: _Draw, kind: Kind, ids: range, whole: int) -> list[Made]:
    count = len(ids)
    chance = draw.chance
    owners = draw.ranks(len(many.namespaces), 0.8, count)
    tags = _tags(many, draw, kind, count)
    names = _names(draw, count)
    texts = _texts(draw, count) if many.texts else [""] * count
    hidden = chance.random(count) < HIDDEN
    scores = np.where(chance.random(count) < WITHOUT_SCORE, 0, chance.exponential(5, count))
    gone = chance.random(count) < WITHOUT_DOWNLOADS
    downloads = np.where(gone, 0, chance.pareto(0.8, count) * 20).clip(max=10**9).astype(int)
    likes = (chance.pareto(1.2, count) * 0.5).clip(max=10**6).astype(int)
    parameters = np.where(chance.random(count) < 0.5, np.exp(chance.normal(20, 2, count)), 0)
    ages = chance.exponential(30, count)
    made = []
    for index, repo_id in enumerate(ids):
        owner_id, owner = many.namespaces[owners[index]]
        full_name = f"{owner}/{names[index]}-{repo_id:x}"
        created = NOW - timedelta(days=1500 * (1 - (repo_id - many.first_id) / whole))
        record = _record(kind, tags[index], int(parameters[index]), texts[index])
        row = {
            "id": repo_id,
            "public_id": f"{repo_id:024x}",
            "kind": kind,
            "namespace_id": owner_id,
            "full_name": full_name,
            "name_key": full_name.lower(),
            "private": bool(hidden[index]),
            "default_branch": "main",
            "created_at": created,
            "updated_at": min(NOW, created + timedelta(days=float(ages[index]))),
            "downloads": int(downloads[index]),
            "likes": int(likes[index]),
            "trending": round(float(scores[index]), 3),
        }
        made.append(Made(row, record))
    return made


def _record(kind: Kind, tags: list[Tag], parameters: int, text: str) -> IndexRecord:
    by_type = {tag.type: tag.name for tag in reversed(tags)}
    weights = {"parameters": {"F32": parameters}, "total": parameters}
    return IndexRecord(
        kind=kind,
        card_data={},
        typed_tags=tuple(tags),
        tags=tuple(tag.text(kind) for tag in tags),
        pipeline_tag=by_type.get("pipeline_tag"),
        library_name=by_type.get("library") if kind == "model" else None,
        safetensors=weights if parameters and kind == "model" else None,
        text=text,
    )


def _tags(many: Many, draw: _Draw, kind: Kind, count: int) -> list[list[Tag]]:
    found: list[list[Tag]] = [[] for _ in range(count)]
    for kindred in MODEL_TAGS if kind == "model" else DATASET_TAGS:
        different = kindred.count if kindred.fixed else max(20, int(kindred.count * many.size))
        known = _known(kindred, different)
        numbers = draw.chance.poisson(kindred.mean, count)
        if kindred.mean < 1:
            numbers = numbers.clip(max=1)
        if kindred.type == "language":
            numbers *= draw.chance.integers(1, 4, count)
        ranks = iter(draw.ranks(different, kindred.steepness, int(numbers.sum())).tolist())
        for index, times in enumerate(numbers.tolist()):
            found[index] += dict.fromkeys(known[next(ranks)] for _ in range(times))
    for tags in found:
        tags += _more(tags)
    return found


def _more(tags: list[Tag]) -> list[Tag]:
    """What goes along with what is there: relations of base models, the region."""
    bases = [tag.name for tag in tags if tag.type == "base_model"]
    return [*(Tag("base_model", f"finetune:{name}") for name in bases), Tag("region", "us")]


@cache
def _known(kindred: Kindred, count: int) -> list[Tag]:
    words = {
        "library": list(vocabulary.libraries()),
        "pipeline_tag": list(vocabulary.tasks()),
        "task_categories": list(vocabulary.tasks()),
        "language": list(vocabulary.languages()),
        "license": list(vocabulary.licenses()),
        "format": list(vocabulary.dataset_formats()),
        "modality": list(vocabulary.dataset_modalities()),
        "size_categories": list(vocabulary.size_categories()),
    }.get(kindred.type, [])
    names = words[:count]
    names += [f"{kindred.prefix or kindred.type}-{n}" for n in range(len(names), count)]
    return [Tag(kindred.type, name) for name in names]


def _names(draw: _Draw, count: int) -> list[str]:
    families = draw.ranks(len(FAMILIES), 0.7, count)
    endings = draw.ranks(len(ENDINGS), 0.7, 2 * count)
    words = _words()
    middles = draw.ranks(len(words), 0.9, count)
    return [
        f"{FAMILIES[families[n]]}-{words[middles[n]]}"
        f"-{ENDINGS[endings[2 * n]]}-{ENDINGS[endings[2 * n + 1]]}"
        for n in range(count)
    ]


def _texts(draw: _Draw, count: int) -> list[str]:
    words = _words()
    with_card = draw.chance.random(count) < WITH_CARD
    lengths = draw.chance.gamma(1.5, 60, count).astype(int) * with_card
    ranks = iter(draw.ranks(len(words), 1.0, int(lengths.sum())).tolist())
    texts = [" ".join(words[next(ranks)] for _ in range(length)) for length in lengths.tolist()]
    for number in range(0, count, 20):
        if texts[number]:
            texts[number] += " " + words_of(FOREIGN[number // 20 % len(FOREIGN)])
    return texts


@cache
def _words() -> list[str]:
    """Thirty thousand, of two to four syllables."""
    chance = np.random.default_rng(7)
    found: dict[str, None] = {}
    while len(found) < 30_000:
        length = int(chance.integers(2, 5))
        picks = chance.integers(0, len(SYLLABLES), length)
        found["".join(SYLLABLES[pick] for pick in picks)] = None
    return list(found)
