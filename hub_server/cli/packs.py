"""`repack` and `prune`: what background jobs do to the packs of a repository, done by hand."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from hub_server import contents, gitstore, repos
from hub_server.cli.base import open_database, with_settings
from hub_server.cli.results import table
from hub_server.cli.serving import check_stores
from hub_server.contents import Hub
from hub_server.db.tables.repos import KINDS, Repo
from hub_server.errors import BadRequest, Conflict, HubError
from hub_server.gitstore import Found, Repacked, Rules, held_cache
from hub_server.settings import Settings

BUSY = "Another process is at work on the packs of {name}; try again later."


class RepositoryName(click.ParamType[tuple[str, str]]):
    """`model/ada/tiny`, as (kind, "ada/tiny")."""

    name = "KIND/NAMESPACE/NAME"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        kind, _, path = str(value).partition("/")
        if kind not in KINDS or path.count("/") > 1 or not path:
            self.fail(f"{value!r} is not a name such as model/ada/tiny", param, ctx)
        return kind, path


@contextmanager
def hub_of(settings: Settings) -> Iterator[Hub]:
    """The hub's parts, beside a server that may be running; all is checked as `serve` does."""
    from hub_server.app import build_hub  # other commands need not wait for it

    check_stores(settings)
    with ExitStack() as held:
        with open_database(settings) as database:
            held.enter_context(held_cache(database, settings.cache_folder))
        hub = build_hub(settings)
        try:
            yield hub
        finally:
            hub.close()


@click.command("repack")
@click.option("--repo", "wanted", type=RepositoryName(), help="One repository.")
@click.option("--all", "everything", is_flag=True, help="Every repository.")
@click.option("--full", is_flag=True, help="Make one pack of all, not only of the smaller ones.")
@with_settings
def repack_command(
    settings: Settings, wanted: tuple[Any, str] | None, *, everything: bool, full: bool
) -> None:
    """Make many packs few, while the hub serves. Keeps every object.

    Prints packs before, packs after, bytes written, repository. Exit status 1 if one failed.
    """
    if (wanted is None) != everything:
        raise BadRequest("Give either --repo or --all.")
    with hub_of(settings) as hub:
        results = list(_repack_all(hub, _chosen(hub, wanted), full=full))
    table("BEFORE AFTER BYTES REPOSITORY", (row for row in results if row))
    sys.exit(0 if all(results) else 1)


def _chosen(hub: Hub, wanted: tuple[Any, str] | None) -> list[tuple[int, str]]:
    """Ids and names of the repositories a command is about."""
    with hub.database.read() as session:
        if wanted is not None:
            repo = repos.locate(session, *wanted)
            return [(repo.id, _name(repo))]
        many = gitstore.with_many_packs(session, 1)
        found = (session.get(Repo, repo_id) for repo_id in many)
        return [(repo.id, _name(repo)) for repo in found if repo is not None]


def _repack_all(
    hub: Hub, chosen: list[tuple[int, str]], *, full: bool
) -> Iterator[tuple[object, ...] | None]:
    """A row for each; None, after saying why, for what failed."""
    for repo_id, name in chosen:
        try:
            done = _repack(hub, repo_id, full=full)
            if done is None:
                raise Conflict(BUSY, name=name)
        except HubError as failure:
            click.echo(f"{name}: {failure}", err=True)
            yield None
        else:
            yield done.before, done.after, done.bytes, name


def _repack(hub: Hub, repo_id: int, *, full: bool) -> Repacked | None:
    return gitstore.repack(
        hub.git,
        repo_id,
        git=hub.git_program,
        few=1 if full else hub.settings.max_packs // 2,
        finish=lambda session: contents.count_storage(session, hub, repo_id),
    )


@click.command("prune")
@click.option("--repo", "wanted", type=RepositoryName(), required=True, help="The repository.")
@click.option("--dry-run", is_flag=True, help="Only count. The default.")
@click.option(
    "--step", is_flag=True, help="Mark what may go; or delete what was marked long enough ago."
)
@click.option("--now", is_flag=True, help="Delete at once, whatever refs pointed at before.")
@with_settings
def prune_command(
    settings: Settings, wanted: tuple[Any, str], *, dry_run: bool, step: bool, now: bool
) -> None:
    """Take away objects that no ref reaches, while the hub serves.

    Without --now, what refs pointed at in the last HUB_PRUNE_DAYS days is kept, and it takes two
    steps HUB_PRUNE_GRACE apart. Prints what was counted, marked or deleted, objects and bytes.
    """
    if step and now:
        raise BadRequest("Give either --step or --now.")
    with hub_of(settings) as hub:
        [(repo_id, name)] = _chosen(hub, wanted)
        rules = contents.prune_rules(hub)
        if now:
            rules = replace(rules, log_days=None)
        if dry_run or not (step or now):
            what = "unreached"
            found: Found | None = gitstore.unreachable(hub.git, repo_id, rules, git=hub.git_program)
        else:
            what, found = _prune(hub, repo_id, rules, now=now)
    if found is None:
        raise Conflict(BUSY, name=name)
    table("STATE OBJECTS BYTES REPOSITORY", [(what, found.objects, found.bytes, name)])
    if found.later:
        click.echo(f"{found.later} more are kept by the log of refs; --now ignores it.", err=True)


def _prune(hub: Hub, repo_id: int, rules: Rules, *, now: bool) -> tuple[str, Found | None]:
    options: dict[str, Any] = {
        "git": hub.git_program,
        "finish": lambda session: contents.count_storage(session, hub, repo_id),
    }
    if now:
        return "deleted", gitstore.prune_now(hub.git, repo_id, rules, **options)
    left = gitstore.marked_until(hub.git, repo_id, rules)
    if left is None:
        return "marked", gitstore.mark(hub.git, repo_id, rules, git=hub.git_program)
    if left > timedelta(0):
        raise Conflict(
            "What was marked may go in {seconds} s.", seconds=round(left.total_seconds())
        )
    return "deleted", gitstore.delete_marked(hub.git, repo_id, rules, **options)


def _name(repo: Repo) -> str:
    return f"{repo.kind}/{repo.full_name}"
