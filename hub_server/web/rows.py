"""Repositories and accounts as lists show them."""

from collections.abc import Sequence

from hub_server.cards import vocabulary
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from hub_server.repos import web_path
from hub_server.web.tasks import task_label
from hub_server.web.views.page import Person
from hub_server.web.views.shared import RepoRow, SpaceTile


def person(account: Account) -> Person:
    return Person(account.name, f"/{account.name}", account.kind == "org", account.full_name)


def repo_rows(repos: Sequence[Repo]) -> tuple[RepoRow, ...]:
    return tuple(repo_row(repo) for repo in repos)


def repo_row(repo: Repo) -> RepoRow:
    languages = languages_of(repo)
    return RepoRow(
        kind=repo.kind,
        id=repo.full_name,
        url=web_path(repo.kind, repo.full_name),
        updated=repo.updated_at,
        task=task_label(task_of(repo)),
        library=library_label(repo.library_name),
        language=languages[0] if len(languages) == 1 else "",
        parameters=parameters_of(repo),
        downloads=repo.downloads,
        likes=repo.likes,
        private=repo.private,
        gated=repo.gated is not None,
    )


def space_tiles(repos: Sequence[Repo]) -> tuple[SpaceTile, ...]:
    return tuple(_tile(repo) for repo in repos)


def _tile(repo: Repo) -> SpaceTile:
    facts = repo.facts or {}
    return SpaceTile(
        id=repo.full_name,
        url=web_path(repo.kind, repo.full_name),
        title=text(facts.get("title")) or repo.name,
        updated=repo.updated_at,
        emoji=text(facts.get("emoji")),
        text=text(facts.get("short_description")),
        sdk=text(facts.get("sdk")),
        color_from=text(facts.get("color_from")) or "gray",
        color_to=text(facts.get("color_to")) or "gray",
        likes=repo.likes,
        private=repo.private,
    )


def task_of(repo: Repo) -> str:
    """The task of a model; of a dataset the first of its categories."""
    if repo.pipeline_tag:
        return repo.pipeline_tag
    found = (str(tag) for tag in repo.tags if str(tag).startswith("task_categories:"))
    return next(found, "").partition(":")[2]


def languages_of(repo: Repo) -> list[str]:
    return [text(code) for code in (repo.facts or {}).get("languages") or ()]


def parameters_of(repo: Repo) -> int | None:
    known = repo.facts or {}
    totals = ((known.get(name) or {}).get("total") for name in ("safetensors", "gguf"))
    return next((total for total in totals if isinstance(total, int)), None)


def library_label(library: str | None) -> str:
    """`transformers` as its makers write it."""
    if not library:
        return ""
    known = vocabulary.libraries("model").get(library)
    return known.label if known else library


def text(value: object) -> str:
    return value if isinstance(value, str) else ""
