"""The lists of related repositories beside a card."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

from hub_server.catalog import Group, Named, Related
from hub_server.db.tables.repos import Kind, Repo
from hub_server.repos import web_path
from hub_server.web.translation import mark
from hub_server.web.views.card import Relation
from hub_server.web.views.shared import Chip

ICONS: Mapping[Kind, str] = {"model": "box", "dataset": "table-2", "space": "app-window"}
MOST_NAMED = 20
MADE_FROM = mark("Made from")
TRAINED_ON = mark("Trained on")
MODELS_USED = mark("Models it uses")
DATASETS_USED = mark("Datasets it uses")
CHILDREN: Mapping[str, str] = {
    "finetune": mark("Finetunes of it"),
    "adapter": mark("Adapters for it"),
    "merge": mark("Merges of it"),
    "quantized": mark("Quantized versions of it"),
}
TRAINED = mark("Models trained on it")
SPACES = mark("Spaces that use it")
PAPER = mark("Citing the same paper")


def relations(repo: Repo, found: Related) -> tuple[Relation, ...]:
    """What it names first, then who names it; lists of nothing are left out."""
    return tuple(relation for relation in _all(repo, found) if relation.chips)


def _all(repo: Repo, found: Related) -> Iterator[Relation]:
    space = repo.kind == "space"
    yield _named(MADE_FROM, found.bases)
    yield _named(MODELS_USED, found.models)
    yield _named(DATASETS_USED if space else TRAINED_ON, found.datasets)
    for word, group in found.children.items():
        tag = f"base_model:{word}:{repo.full_name}"
        yield _group(CHILDREN[word], group, {"model": tag})
    yield _group(TRAINED, found.trained, {"model": f"dataset:{repo.full_name}"})
    yield _group(SPACES, found.spaces, {})
    for paper, group in found.papers.items():
        tag = f"arxiv:{paper}"
        yield _group(PAPER, group, {repo.kind: tag}, f"arXiv:{paper}")


def _named(title: str, names: Sequence[Named]) -> Relation:
    return Relation(title, tuple(_chip(each) for each in names[:MOST_NAMED]))


def _chip(named: Named) -> Chip:
    """Where it is not here, or may not be seen, a name that leads nowhere."""
    where = web_path(named.kind, named.repo.full_name) if named.repo else None
    return Chip(named.id, where, ICONS[named.kind], named.kind)


def _group(title: str, group: Group, tags: Mapping[Kind, str], note: str = "") -> Relation:
    """`tags` leads to the list of all of them, where there is one."""
    chips = tuple(_chip(Named(repo.full_name, repo.kind, repo)) for repo in group.repos)
    all_url = next((f"/{kind}s?{urlencode({'other': tag})}" for kind, tag in tags.items()), None)
    more = all_url if group.total > len(chips) else None
    return Relation(title, chips, group.total, more, note)
