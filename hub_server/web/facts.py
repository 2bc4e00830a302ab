"""What the card page says of a repository beside its card: chips, evaluations, lines to paste."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from hub_server import repos
from hub_server.cards import vocabulary
from hub_server.db.tables.repos import Repo
from hub_server.web import shells
from hub_server.web.formats import Formats
from hub_server.web.rows import languages_of, library_label, task_of, text
from hub_server.web.tasks import task_label
from hub_server.web.translation import mark
from hub_server.web.views.card import Command, Evaluation
from hub_server.web.views.shared import Chip

FORMATS = {"safetensors": "Safetensors", "onnx": "ONNX", "gguf": "GGUF", "pytorch": "PyTorch"}
MOST_LANGUAGES, MOST_EVALUATIONS, HUNDRED = 4, 8, 100.0
BOUNDED = frozenset({
    "accuracy", "f1", "precision", "recall", "exact_match", "bleu",
    "sacrebleu", "rouge", "rouge1", "rouge2", "rougel", "rougelsum",
    "map", "mean_iou", "roc_auc", "mrr", "ndcg", "spearmanr",
    "pearsonr", "cosine_spearman",
})  # fmt: skip
"""Metrics that run from 0 to 1, or to 100: only those are drawn as bars."""
OWN_TAGS = frozenset({"model-index", "eval-results"})
WITH_GIT = mark("With git")
WITH_CLIENT = mark("With the Python client")
WITH_TRANSFORMERS = mark("With Transformers")
WITH_DATASETS = mark("With Datasets")
ROWS = mark("Rows")
ARXIV = mark("arXiv")
LICENCE = mark("Licence")
FIRST = mark("Once in every terminal, so that programs talk to this hub")


def chips(repo: Repo, formats: Formats) -> tuple[Chip, ...]:
    """Task, library, formats, languages, free tags, papers, licence: in this order."""
    tags = [str(tag) for tag in repo.tags]
    return (
        *_uses(repo, tags),
        *_prefixed(repo, tags, "modality:"),
        *_prefixed(repo, tags, "format:"),
        *_sizes(repo, tags),
        *_languages(repo, formats),
        *_free(repo, tags),
        *_sources(repo),
    )


def _uses(repo: Repo, tags: Sequence[str]) -> Iterator[Chip]:
    """What it is for, and what reads it."""
    if task := task_of(repo):
        field = "pipeline_tag" if repo.pipeline_tag else "other"
        where = _search(repo, field, _task_tag(repo, task))
        yield Chip(task_label(task), where, "tags", "task", translated=True)
    if library := repo.library_name:
        yield Chip(library_label(library), _search(repo, "other", library), "library")
    for tag in tags:
        if tag in FORMATS:
            yield Chip(FORMATS[tag], _search(repo, "other", tag), "package")


def _languages(repo: Repo, formats: Formats) -> Iterator[Chip]:
    languages = languages_of(repo)
    for code in languages[:MOST_LANGUAGES]:
        yield Chip(formats.language_name(code), _search(repo, "other", code), "languages")
    if len(languages) > MOST_LANGUAGES:
        yield Chip(f"+{len(languages) - MOST_LANGUAGES}", icon="languages")


def _sources(repo: Repo) -> Iterator[Chip]:
    """The papers it names, and its licence."""
    facts = repo.facts or {}
    for paper in facts.get("arxiv") or ():
        yield Chip(paper, None, "file-text", key=ARXIV)
    for name in facts.get("licenses") or ():
        where = _search(repo, "other", f"license:{name}")
        yield Chip(_license(repo, name), where, "scale", key=LICENCE)


def _task_tag(repo: Repo, task: str) -> str:
    return task if repo.pipeline_tag else f"task_categories:{task}"


def _search(repo: Repo, name: str, value: str) -> str:
    return f"/{repo.kind}s?{urlencode({name: value})}"


def _prefixed(repo: Repo, tags: Sequence[str], prefix: str) -> Iterator[Chip]:
    for tag in tags:
        if tag.startswith(prefix):
            yield Chip(tag.removeprefix(prefix), _search(repo, "other", tag))


def _sizes(repo: Repo, tags: Sequence[str]) -> Iterator[Chip]:
    """`10K<n<100K` as people read it."""
    for tag in tags:
        if tag.startswith("size_categories:"):
            words = tag.removeprefix("size_categories:").replace("<n<", "–")
            label = words.replace("n<", "< ").replace("n>", "> ")
            yield Chip(label, _search(repo, "other", tag), key=ROWS)


def _free(repo: Repo, tags: Sequence[str]) -> Iterator[Chip]:
    """What nobody but the author named: no prefix, and not shown above."""
    shown = {repo.pipeline_tag, repo.library_name, *FORMATS, *OWN_TAGS, *languages_of(repo)}
    for tag in tags:
        if ":" not in tag and tag not in shown:
            yield Chip(tag, _search(repo, "other", tag))


def _license(repo: Repo, name: str) -> str:
    given = text((repo.facts or {}).get("license_name"))
    known = vocabulary.licenses().get(name)
    return given if name == "other" and given else known.name if known else name


def evaluations(repo: Repo) -> tuple[Evaluation, ...]:
    """The first few figures of `model-index`; authors write anything, so everything is checked."""
    found = list(_results((repo.facts or {}).get("model_index")))
    return tuple(found[:MOST_EVALUATIONS])


def _results(index: object) -> Iterator[Evaluation]:
    for model in _dicts(index):
        for result in _dicts(model.get("results")):
            dataset = next(iter(_dicts([result.get("dataset")])), {})
            where = ", ".join(filter(None, (text(dataset.get("name")), text(dataset.get("split")))))
            for metric in _dicts(result.get("metrics")):
                yield _figure(metric, where)


def _figure(metric: dict[str, Any], where: str) -> Evaluation:
    value = metric.get("value")
    name = text(metric.get("name")) or text(metric.get("type"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Evaluation(name, str(value)[:40], where)
    share = value * HUNDRED if 0 <= value <= 1 else float(value)
    fits = text(metric.get("type")).lower() in BOUNDED and 0 <= share <= HUNDRED
    return Evaluation(name, f"{value:.4g}", where, share if fits else None)


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def commands(repo: Repo, base_url: str) -> tuple[Command, ...]:
    """Lines that fetch or use the repository with the usual tools."""
    first = Command(FIRST, shells.posix(base_url))
    kind = "" if repo.kind == "model" else f" --repo-type {repo.kind}"
    client = Command(WITH_CLIENT, f"hf download {repo.full_name}{kind}")
    git = Command(WITH_GIT, f"git clone {base_url}{repos.web_path(repo.kind, repo.full_name)}")
    return tuple(filter(None, (first, _library(repo), client, git)))


def _library(repo: Repo) -> Command | None:
    if repo.kind == "dataset":
        lines = f'from datasets import load_dataset\n\ndata = load_dataset("{repo.full_name}")'
        return Command(WITH_DATASETS, lines)
    if repo.library_name == "transformers" and repo.pipeline_tag:
        lines = (
            "from transformers import pipeline\n\n"
            f'pipe = pipeline("{repo.pipeline_tag}", model="{repo.full_name}")'
        )
        return Command(WITH_TRANSFORMERS, lines)
    return None


def first_commands(repo: Repo, base_url: str) -> tuple[Command, ...]:
    """Lines that put the first files into an empty repository."""
    kind = "" if repo.kind == "model" else f" --repo-type {repo.kind}"
    path = repos.web_path(repo.kind, repo.full_name)
    upload = shells.posix(base_url, "hf auth login", f"hf upload {repo.full_name} .{kind}")
    push = (
        f"git lfs install\ngit clone {base_url}{path}\ncd {repo.name}\n"
        'git add .\ngit commit -m "First files"\ngit push'
    )
    return (Command(WITH_CLIENT, upload), Command(WITH_GIT, push))
