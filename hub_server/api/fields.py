"""The words for a repository's properties, by kind, and where their values come from.

A value of None is left out: clients tell null from absent.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub_server.api.shapes import stamp, without_none
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import BadRequest


@dataclass(frozen=True)
class Shown:
    """A repository as it is shown at one revision; `record` holds what its card and files say.

    `record` has the names of the columns of `Repo`, and `facts` those of `cards.IndexRecord`.
    """

    repo: Repo
    region: str
    sha: str | None = None
    record: Mapping[str, Any] | None = None
    siblings: Sequence[Mapping[str, Any]] | None = None
    links: "Links | None" = None

    def column(self, name: str) -> Any:
        return getattr(self.repo, name) if self.record is None else self.record[name]

    def fact(self, name: str) -> Any:
        value = self.column("facts").get(name)
        return value if value not in ([], ()) else None


@dataclass(frozen=True)
class Links:
    """What other repositories have to do with it, as far as the caller may see them.

    `children`: how many models were made from it, by relation; `spaces`: names of those that use
    it; `bases`: the models it was made from that are here, by the key of the name in its card.
    """

    children: Mapping[str, int] | None = None
    spaces: Sequence[str] | None = None
    bases: Mapping[str, Repo] | None = None


NO_LINKS = Links()
LINKED = ("baseModels", "childrenModelCount", "spaces")
Field = Callable[[Shown], Any]


def _column(name: str) -> Field:
    return lambda shown: shown.column(name)


def _fact(name: str) -> Field:
    return lambda shown: shown.fact(name)


def _own(name: str) -> Field:
    return lambda shown: getattr(shown.repo, name)


def _nothing(_: Shown) -> None:
    """A word of the vocabulary that this hub has no value for."""


def _bases(shown: Shown) -> dict[str, Any] | None:
    names = shown.fact("base_models")
    if not names:
        return None
    relation = shown.fact("base_model_relation")
    here = (shown.links or NO_LINKS).bases or {}
    models = [_base(name, here.get(name.lower())) for name in names]
    return without_none({"relation": relation, "models": models})


def _base(name: str, repo: Repo | None) -> dict[str, str]:
    """Without `_id` where it is not here."""
    return {"_id": repo.public_id, "id": repo.full_name} if repo else {"id": name}


_COMMON: dict[str, Field] = {
    "author": _own("namespace"),
    "cardData": _column("card_data"),
    "createdAt": lambda shown: stamp(shown.repo.created_at),
    "disabled": _own("disabled"),
    "lastModified": lambda shown: stamp(shown.repo.updated_at),
    "likes": _own("likes"),
    "private": _own("private"),
    "resourceGroup": _nothing,
    "sha": lambda shown: shown.sha,
    "siblings": lambda shown: shown.siblings,
    "tags": lambda shown: list(shown.column("tags")),
    "trendingScore": lambda shown: round(shown.repo.trending),
    "usedStorage": _own("used_storage"),
}
_GATED: dict[str, Field] = {
    "downloads": _own("downloads"),
    "downloadsAllTime": _own("downloads_all_time"),
    "gated": lambda shown: shown.repo.gated or False,
}
_MODEL: dict[str, Field] = {
    "baseModels": _bases,
    "childrenModelCount": lambda shown: (shown.links or NO_LINKS).children,
    "config": _fact("config"),
    "evalResults": _fact("eval_results"),
    "gguf": _fact("gguf"),
    "inference": _nothing,
    "inferenceProviderMapping": _nothing,
    "library_name": _column("library_name"),
    "mask_token": _fact("mask_token"),
    "model-index": _fact("model_index"),
    "pipeline_tag": _column("pipeline_tag"),
    "safetensors": _fact("safetensors"),
    "spaces": lambda shown: (shown.links or NO_LINKS).spaces,
    "transformersInfo": _fact("transformers_info"),
    "widgetData": _fact("widget_data"),
}
_DATASET: dict[str, Field] = {
    "citation": _fact("citation"),
    "description": _fact("description"),
    "mainSize": _nothing,
    "paperswithcode_id": _fact("paperswithcode_id"),
}
_SPACE: dict[str, Field] = {
    "datasets": _fact("datasets"),
    "models": _fact("models"),
    "region": lambda shown: shown.region,
    "runtime": _nothing,
    "sdk": _fact("sdk"),
    "subdomain": _nothing,
}
EXPANDABLE: dict[Kind, dict[str, Field]] = {
    "model": dict(sorted({**_COMMON, **_GATED, **_MODEL}.items())),
    "dataset": dict(sorted({**_COMMON, **_GATED, **_DATASET}.items())),
    "space": dict(sorted({**_COMMON, **_SPACE}.items())),
}
"""What `expand` may name. Clients compare these lists with their own."""

LEGACY: dict[str, Field] = {"xetEnabled": lambda _: True, "gitalyUid": _nothing}
_UNEXPANDABLE: dict[str, Field] = {
    "discussionsDisabled": _own("discussions_disabled"),
    "title": _fact("title"),
    "emoji": _fact("emoji"),
    "colorFrom": _fact("color_from"),
    "colorTo": _fact("color_to"),
    "shortDescription": _fact("short_description"),
}
_ONLY_WHEN_ASKED = {"baseModels", "downloadsAllTime", "resourceGroup", "trendingScore"}

_IN_LISTS: dict[Kind, tuple[str, ...]] = {
    "model": (
        *("likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag"),
        *("library_name", "createdAt", "gated", "lastModified"),
    ),
    "dataset": (
        *("author", "sha", "lastModified", "gated", "disabled", "likes", "trendingScore"),
        *("private", "downloads", "tags", "description", "createdAt"),
    ),
    "space": (
        *("likes", "trendingScore", "private", "tags", "sdk", "createdAt", "lastModified"),
        *("title", "emoji"),
    ),
}
IN_FULL = ("author", "sha", "lastModified", "disabled", "siblings")


def check_expand(kind: Kind, names: Collection[str]) -> None:
    """Raises BadRequest with the vocabulary, in the words that clients parse."""
    for name in names:
        if name not in EXPANDABLE[kind] and name not in LEGACY:
            known = "|".join(f'"{word}"' for word in EXPANDABLE[kind])
            raise BadRequest(
                'Invalid value for "expand": "{name}" - expected one of {known}',
                name=name[:100],
                known=known,
            )


def whole(shown: Shown) -> dict[str, Any]:
    """Everything a single repository tells without being asked for more."""
    known = EXPANDABLE[shown.repo.kind] | _UNEXPANDABLE
    return _filled(shown, [name for name in known if name not in _ONLY_WHEN_ASKED])


def expanded(shown: Shown, names: Collection[str]) -> dict[str, Any]:
    """Ids and the named properties alone."""
    return _filled(shown, names, identity=("_id", "id"))


def listed(shown: Shown, more: Collection[str] = ()) -> dict[str, Any]:
    """As an item of a listing, with some properties more."""
    return _filled(shown, [*_IN_LISTS[shown.repo.kind], *more])


def _filled(
    shown: Shown, names: Collection[str], *, identity: tuple[str, ...] = ("_id", "id", "modelId")
) -> dict[str, Any]:
    repo = shown.repo
    ids = {"_id": repo.public_id, "id": repo.full_name}
    if repo.kind == "model" and "modelId" in identity:
        ids["modelId"] = repo.full_name
    sources = EXPANDABLE[repo.kind] | LEGACY | _UNEXPANDABLE
    return without_none(ids | {name: sources[name](shown) for name in names})
