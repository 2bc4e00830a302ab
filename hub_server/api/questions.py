"""What a query string asks the catalog, in the words of today's clients and of older ones."""

import re
from collections.abc import Mapping

from fastapi import Request

from hub_server.api.shapes import flag, many
from hub_server.catalog import LinkedKind, Question, Range, Sort
from hub_server.db.tables.repos import Kind
from hub_server.errors import BadRequest

SORTS: Mapping[str, Sort] = {
    "trendingScore": "trending",
    "trending_score": "trending",
    "trending": "trending",
    "downloads": "downloads",
    "likes": "likes",
    "likes30d": "likes",
    "createdAt": "created",
    "created_at": "created",
    "created": "created",
    "lastModified": "modified",
    "last_modified": "modified",
    "modified": "modified",
    "numParameters": "parameters",
    "num_parameters": "parameters",
    "parameters": "parameters",
    "id": "id",
    "relevance": "relevance",
}
GGUF_APPS = {"ollama", "llama.cpp", "lmstudio", "jan", "koboldcpp", "localai", "ramalama"}
UNMEASURED = ("inference", "inference_provider", "benchmark")
"""Conditions on what this hub knows of no repository: nothing meets them."""
LONGEST_SEARCH = 1_000
_BOUND = re.compile(r"(min|max):(\d{1,15}(?:\.\d{1,9})?)([KMBT]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def question_of(request: Request) -> Question:
    """Raises BadRequest for what cannot be asked."""
    query = request.query_params
    kind: Kind = request.path_params["kinds"]
    text = query.get("text", "")[:LONGEST_SEARCH].strip()
    return Question(
        kind,
        filters=tuple(_tags(request)),
        author=query.get("author") or None,
        search=tuple(_words(request)),
        text=text,
        pipeline_tag=query.get("pipeline_tag") or None,
        gated=flag(request, "gated") if query.get("gated") else None,
        links=tuple(_links(request, kind)),
        parameters=_parameters(query.get("num_parameters")),
        sort=_sort(query.get("sort"), "relevance" if text else "trending"),
    )


def meets_nothing(request: Request) -> bool:
    """Whether something is asked that this hub knows of no repository."""
    return any(many(request, name) for name in UNMEASURED)


def _sort(name: str | None, usual: Sort) -> Sort:
    if not name:
        return usual
    found = SORTS.get(name)
    if found is None:
        raise BadRequest(
            'Invalid value for "sort": "{name}" - expected one of {known}',
            name=name[:100],
            known="|".join(f'"{word}"' for word in SORTS),
        )
    return found


def _words(request: Request) -> list[str]:
    return [word for text in many(request, "search") for word in text[:LONGEST_SEARCH].split()]


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


def _links(request: Request, kind: Kind) -> list[tuple[LinkedKind, str]]:
    if kind != "space":
        return []
    fields: tuple[LinkedKind, ...] = ("models", "datasets")
    return [(field, name) for field in fields for name in many(request, field)]


def _parameters(text: str | None) -> Range | None:
    """`min:6B,max:128B`, either of them."""
    if not text:
        return None
    bounds: dict[str, int] = {}
    for part in text.split(","):
        match = _BOUND.fullmatch(part.strip())
        if match is None:
            raise BadRequest(
                '"num_parameters" is written like min:6B,max:128B, not {text!r}.', text=text[:100]
            )
        bounds[match[1].lower()] = int(float(match[2]) * _UNITS[match[3].upper()])
    return bounds.get("min"), bounds.get("max")
