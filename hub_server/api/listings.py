"""Listings of models, datasets and Spaces; the words they can be filtered by."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import catalog, contents
from hub_server.api.fields import IN_FULL, Shown, check_expand, expanded, listed
from hub_server.api.info import siblings
from hub_server.api.routing import RepoRoute
from hub_server.api.shapes import flag, many, without_none
from hub_server.cards import vocabulary
from hub_server.catalog import Filters
from hub_server.contents import Hub
from hub_server.db.tables.repos import Kind, Repo
from hub_server.edge import AskedPage, CurrentCaller, ReadSession, TheHub, link_next
from hub_server.errors import Unauthorized

router = APIRouter(route_class=RepoRoute, tags=["listings"])

PAGE_WITH_FILES = 100
SORTS: Mapping[str, catalog.Sort] = {
    "lastModified": "lastModified",
    "last_modified": "lastModified",
    "createdAt": "createdAt",
    "created_at": "createdAt",
    "downloads": "downloads",
    "likes": "likes",
    "likes30d": "likes",
    "trendingScore": "trendingScore",
    "trending_score": "trendingScore",
}
GGUF_APPS = {"ollama", "llama.cpp", "lmstudio", "jan", "koboldcpp", "localai", "ramalama"}
UNMEASURED = ("inference", "inference_provider", "num_parameters", "benchmark")
"""Conditions on what this hub knows of no repository: nothing meets them."""


@router.get("/api/{kinds:kinds}")
def listing(
    request: Request,
    response: Response,
    hub: TheHub,
    session: ReadSession,
    caller: CurrentCaller,
    page: AskedPage,
) -> list[dict[str, Any]]:
    """What the caller may see; the page after this one is announced in `Link`."""
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    kind: Kind = request.path_params["kinds"]
    names = many(request, "expand")
    check_expand(kind, names)
    if any(many(request, name) for name in UNMEASURED):
        return []
    with_files = "siblings" in names or flag(request, "full")
    limit = min(page.limit, PAGE_WITH_FILES) if with_files else page.limit
    found = catalog.listing(session, filters_of(request), caller, after=page.after, limit=limit)
    link_next(request, response, found.after)
    shown = [_shown(hub, session, repo, with_files=with_files) for repo in found.repos]
    return [expanded(each, names) if names else _item(request, each) for each in shown]


def filters_of(request: Request) -> Filters:
    """What the query asks for, in the words of today's clients and of older ones."""
    query = request.query_params
    kind: Kind = request.path_params["kinds"]
    gated = flag(request, "gated") if query.get("gated") else None
    return Filters(
        kind,
        search=tuple(word for text in many(request, "search") for word in text.split()),
        author=query.get("author"),
        tags=tuple(_tags(request)),
        pipeline_tag=query.get("pipeline_tag") or None,
        gated=gated,
        links=tuple(_links(request, kind)),
        sort=SORTS.get(query.get("sort", ""), "trendingScore"),
    )


def _tags(request: Request) -> list[str]:
    found = [
        part.strip()
        for name in ("filter", "tags", "library", "language", "task")
        for text in many(request, name)
        for part in text.split(",")
    ]
    found += [f"dataset:{name}" for name in many(request, "trained_dataset")]
    found += ["gguf" if app in GGUF_APPS else f"app:{app}" for app in many(request, "apps")]
    return [tag for tag in found if tag]


def _links(request: Request, kind: Kind) -> list[tuple[catalog.LinkedKind, str]]:
    if kind != "space":
        return []
    models = [("models", name) for name in many(request, "models")]
    datasets = [("datasets", name) for name in many(request, "datasets")]
    return [*models, *datasets]  # type: ignore[list-item]


def _shown(hub: Hub, session: Session, repo: Repo, *, with_files: bool) -> Shown:
    shown = Shown(repo, hub.settings.region, sha=repo.head)
    if not with_files or repo.head is None:
        return shown
    return replace(shown, siblings=siblings(contents.snapshot(hub, session, repo)))


def _item(request: Request, shown: Shown) -> dict[str, Any]:
    more: list[str] = []
    kind = shown.repo.kind
    if flag(request, "full"):
        more += IN_FULL + (("gated",) if kind != "space" else ())
        more += ("cardData",) if kind != "model" else ()
    more += [name for name in ("config", "cardData") if kind == "model" and flag(request, name)]
    if kind == "space" and flag(request, "linked"):
        more += ["models", "datasets"]
    return listed(shown, more)


@router.get("/api/models-tags-by-type")
def model_tags() -> dict[str, list[dict[str, str]]]:
    """The known words of models' cards, by type."""
    pipeline = [(task.id, task.label) for task in vocabulary.tasks().values() if task.for_models]
    return {
        "pipeline_tag": _words("pipeline_tag", pipeline),
        "library": _words("library", [(e.id, e.label) for e in vocabulary.libraries().values()]),
        **_shared_words(prefix=""),
    }


@router.get("/api/datasets-tags-by-type")
def dataset_tags() -> dict[str, list[dict[str, str]]]:
    """The known words of datasets' cards, by type."""
    tasks = [task for task in vocabulary.tasks().values() if task.for_datasets]
    subtasks = [pair for task in tasks for pair in task.subtasks.items()]
    sizes = [(size, size) for size in vocabulary.size_categories()]
    many_words = {
        "task_categories": [(task.id, task.label) for task in tasks],
        "task_ids": subtasks,
        "size_categories": sizes,
        "format": list(vocabulary.dataset_formats().items()),
        "modality": list(vocabulary.dataset_modalities().items()),
    }
    named = {name: _words(name, pairs, f"{name}:") for name, pairs in many_words.items()}
    return {**named, **_shared_words(prefix="language:")}


def _shared_words(*, prefix: str) -> dict[str, list[dict[str, str]]]:
    languages = [(each.code, each.name) for each in vocabulary.languages().values()]
    licenses = [(each.id, each.name) for each in vocabulary.licenses().values()]
    return {
        "language": _words("language", languages, prefix),
        "license": _words("license", licenses, "license:"),
    }


def _words(kind: str, pairs: Sequence[tuple[str, str]], prefix: str = "") -> list[dict[str, str]]:
    return [{"id": f"{prefix}{name}", "label": label, "type": kind} for name, label in pairs]


@router.get("/api/tasks")
def tasks() -> dict[str, dict[str, Any]]:
    """The tasks this hub knows; it recommends no model for any."""
    return {
        task.id: without_none(
            {"id": task.id, "label": task.label, "summary": task.summary, "widgetModels": []}
        )
        for task in vocabulary.tasks().values()
    }


@router.get("/api/spaces/templates")
def space_templates() -> dict[str, list[Any]]:
    """Templates to begin a Space with: none here."""
    return {"templates": []}


@router.get("/api/spaces/hardware")
def space_hardware() -> list[Any]:
    """Machines that run Spaces: none here."""
    return []
