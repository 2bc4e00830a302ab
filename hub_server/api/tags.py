"""The words that listings can be filtered by, and how many repositories have each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request

from hub_server.api.questions import meets_nothing, question_of
from hub_server.api.routing import RepoRoute
from hub_server.api.shapes import many, without_none
from hub_server.cards import Tag, vocabulary
from hub_server.catalog import SHOWN, Facets, Question, facets
from hub_server.db.tables.repos import Kind
from hub_server.edge import CurrentCaller, ReadSession, TheSets
from hub_server.errors import BadRequest, Unauthorized

router = APIRouter(route_class=RepoRoute, tags=["listings"])

Words = dict[str, list[dict[str, Any]]]
FACETS: Mapping[Kind, tuple[str, ...]] = {
    "model": (
        *("pipeline_tag", "library", "language", "license", "format", "region"),
        *("dataset", "base_model", "other"),
    ),
    "dataset": (
        *("task_categories", "modality", "size_categories", "format", "library", "language"),
        *("license", "region", "other"),
    ),
    "space": ("sdk", "license", "region", "other"),
}
"""What is counted unless `types` says otherwise."""


@router.get("/api/{kinds:kinds}/facets")
def facet_counts(
    request: Request, session: ReadSession, sets: TheSets, caller: CurrentCaller
) -> Words:
    """How many of what a listing with the same parameters has bear each tag, by type of tag.

    Of datasets, base models and free tags the thirty most frequent ones.
    """
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    question = question_of(request)
    types = _types(request, question.kind)
    if meets_nothing(request):
        return {kind: [] for kind in types}
    found = facets(session, sets, question, caller, types)
    return {kind: _counted(question.kind, kind, found) for kind in types}


def _types(request: Request, kind: Kind) -> tuple[str, ...]:
    asked = [part.strip() for text in many(request, "types") for part in text.split(",")]
    for name in filter(None, asked):
        if name not in SHOWN:
            raise BadRequest(
                'Invalid value for "types": "{name}" - expected one of {known}',
                name=name[:100],
                known="|".join(f'"{word}"' for word in SHOWN),
            )
    return tuple(dict.fromkeys(filter(None, asked))) or FACETS[kind]


def _counted(of: Kind, kind: str, found: Facets) -> list[dict[str, Any]]:
    labels = _labels(of).get(kind, {})
    return [
        {"id": _id(of, kind, name), "label": labels.get(name, name), "type": kind, "count": count}
        for name, count in found[kind]
    ]


def _id(of: Kind, kind: str, name: str) -> str:
    return Tag(kind, name).text(of)  # type: ignore[arg-type]


def _labels(of: Kind) -> Mapping[str, Mapping[str, str]]:
    return {kind: dict(pairs) for kind, pairs in _vocabulary(of).items()}


def _vocabulary(of: Kind) -> dict[str, list[tuple[str, str]]]:
    """Names and labels of the known words, by type."""
    shared = {
        "language": [(each.code, each.name) for each in vocabulary.languages().values()],
        "license": [(each.id, each.name) for each in vocabulary.licenses().values()],
    }
    if of == "model":
        tasks = [(task.id, task.label) for task in vocabulary.tasks().values() if task.for_models]
        libraries = [(each.id, each.label) for each in vocabulary.libraries().values()]
        return {"pipeline_tag": tasks, "library": libraries, **shared}
    if of == "space":
        return shared
    known = [task for task in vocabulary.tasks().values() if task.for_datasets]
    return {
        "task_categories": [(task.id, task.label) for task in known],
        "task_ids": [pair for task in known for pair in task.subtasks.items()],
        "size_categories": [(size, size) for size in vocabulary.size_categories()],
        "format": list(vocabulary.dataset_formats().items()),
        "modality": list(vocabulary.dataset_modalities().items()),
        **shared,
    }


@router.get("/api/models-tags-by-type")
def model_tags(session: ReadSession, sets: TheSets, caller: CurrentCaller) -> Words:
    """Known words of models' cards by type, then others in use here, and how many have each."""
    types = ("pipeline_tag", "library", "language", "license", "region", "other")
    found = facets(session, sets, Question("model"), caller, types)
    return _words("model", types, found)


@router.get("/api/datasets-tags-by-type")
def dataset_tags(session: ReadSession, sets: TheSets, caller: CurrentCaller) -> Words:
    """The same for datasets."""
    types = (
        *("task_categories", "task_ids", "size_categories", "format", "modality"),
        *("language", "license", "library", "multilinguality", "region", "other"),
    )
    found = facets(session, sets, Question("dataset"), caller, types)
    return _words("dataset", types, found)


def _words(of: Kind, types: Iterable[str], found: Facets) -> Words:
    known = _vocabulary(of)
    return {kind: list(_entries(of, kind, known.get(kind, []), found)) for kind in types}


def _entries(
    of: Kind, kind: str, known: Sequence[tuple[str, str]], found: Facets
) -> Iterable[dict[str, Any]]:
    counts = dict(found[kind])
    here = [(name, name) for name in counts if name not in dict(known)]
    for name, label in (*known, *here):
        text = _id(of, kind, name)
        yield {"id": text, "label": label, "type": kind, "count": counts.get(name, 0)}


@router.get("/api/tasks")
def tasks() -> dict[str, dict[str, Any]]:
    """The tasks this hub knows; it recommends no model for any."""
    return {
        task.id: without_none(
            {"id": task.id, "label": task.label, "summary": task.summary, "widgetModels": []}
        )
        for task in vocabulary.tasks().values()
    }
