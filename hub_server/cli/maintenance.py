"""`fsck`, `gc` and `reindex`: look after a hub, whether or not it serves."""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from hub_server import catalog, repos
from hub_server.cli.base import EXPECTED, with_settings
from hub_server.cli.packs import hub_of
from hub_server.cli.results import day
from hub_server.db import Database
from hub_server.db.tables.repos import KINDS, Kind, Repo
from hub_server.errors import BadRequest, RepoNotFound
from hub_server.settings import Settings, parse_duration
from hub_server.upkeep import (
    GRACE,
    Doomed,
    Finding,
    Plan,
    Scope,
    collect,
    fsck,
    preview,
    reindex_all,
    reindex_one,
    shown_size,
    undo,
)

COULD_NOT = 2


class Checking(click.Command):
    """Exit status 0: nothing wrong, 1: something found, 2: it could not be done."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as failure:
            said = str(failure)
        except DBAPIError as failure:
            said = f"The database cannot be read: {failure.orig}"
        click.echo(f"hub-server: {said}", err=True)
        sys.exit(COULD_NOT)


def repo_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--repo", "named", metavar="KIND/NAMESPACE/NAME", help="One only, such as model/ada/tiny."
    )(function)


def _repository(database: Database, named: str) -> Repo:
    """`model/ada/tiny`, `models/ada/tiny`, and deleted ones. Raises RepoNotFound, Moved."""
    kind, _, name = named.partition("/")
    kinds: dict[str, Kind] = {word: each for each in KINDS for word in (each, f"{each}s")}
    if kind not in kinds or "/" not in name:
        raise BadRequest("--repo: {named!r} is not of the form model/ada/tiny.", named=named)
    with database.read() as session:
        try:
            return repos.locate(session, kinds[kind], name)
        except RepoNotFound:
            if found := repos.find_deleted(session, kinds[kind], name):
                return found
            raise


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command("fsck", cls=Checking)
@repo_option
@click.option("--fast", is_flag=True, help="Compare sizes; read no file of the store to its end.")
@click.option("--json", "as_json", is_flag=True, help="Findings as one JSON object a line.")
@with_settings
def fsck_command(settings: Settings, named: str | None, fast: bool, as_json: bool) -> None:
    """Whether everything that was promised is there and right.

    Refs, packs and every object in them, history, pointers, large files and their hashes, the
    database. Findings go to stdout, one a line: level (error or note), kind, repository, thing,
    words. Looks only; works while a hub serves. Exit status 0: no error, 1: errors, 2: could not.
    """
    from hub_server.app import handlers

    def found(finding: Finding) -> None:
        click.echo(json.dumps(finding.as_json()) if as_json else finding.line())

    with hub_of(settings) as hub:
        repo_id = _repository(hub.database, named).id if named else None
        scope = Scope(repo_id, fast=fast, kinds=set(handlers(hub)))
        summary = fsck(hub, scope, found, lambda words: _say(f"fsck: {words}"))
    _say(f"fsck: {summary.errors} errors, {summary.notes} notes; {summary.words}")
    sys.exit(1 if summary.errors else 0)


@click.command("gc")
@click.option("--delete", "for_real", is_flag=True, help="Do it; without, only say what would be.")
@click.option("--grace", default="24h", show_default=True, help="Leave younger files alone.")
@click.option(
    "--keep", metavar="DURATION", help="From the mark to the removal (default: HUB_GC_DAYS)."
)
@click.option("--undo", "back", is_flag=True, help="Take all marks away: nothing is removed.")
@with_settings
def gc_command(
    settings: Settings, for_real: bool, grace: str, keep: str | None, back: bool
) -> None:
    """Mark files of the store that nothing names, and remove those marked some days ago.

    A marked file stays where it is: until it is removed, --undo keeps it, and so does naming it
    again. The hub does the same once a day by itself. Lines on stdout: fate, bytes, day, file.
    """
    plan = Plan(_duration("--grace", grace, GRACE), timedelta(days=settings.gc_days))
    if keep is not None:
        plan = Plan(plan.grace, _duration("--keep", keep, plan.window))
    with hub_of(settings) as hub:
        if back:
            count, size = undo(hub)
            _say(f"gc: {count} marks taken away ({shown_size(size)})")
            return
        tally = _Tally(would=not for_real)
        if for_real:
            collect(hub, plan, tally.add)
        else:
            for doomed in preview(hub, plan):
                tally.add(doomed)
    tally.end()


class _Tally:
    """Prints each file and, at the end, how many of each fate."""

    def __init__(self, *, would: bool) -> None:
        self.would = "would be " if would else ""
        self.counts: dict[str, tuple[int, int]] = {}

    def add(self, doomed: Doomed) -> None:
        count, size = self.counts.get(doomed.fate, (0, 0))
        self.counts[doomed.fate] = count + 1, size + doomed.size
        fields = (doomed.fate, str(doomed.size), day(doomed.goes_at) or "-", doomed.key)
        click.echo("\t".join(fields))

    def end(self) -> None:
        words = {
            "marked": f"{self.would}marked",
            "waits": "marked before",
            "removed": f"{self.would}removed",
            "kept": "named again and kept",
        }
        for fate, (count, size) in sorted(self.counts.items()):
            _say(f"gc: {count} files {words[fate]} ({shown_size(size)})")
        if not self.counts:
            _say("gc: nothing to do")
        elif self.would:
            _say("gc: nothing was changed; --delete does it")


def _duration(option: str, text: str, default: timedelta) -> timedelta:
    try:
        return timedelta(seconds=parse_duration(text)) if text else default
    except (ValueError, OverflowError) as failure:
        raise BadRequest("{option}: {reason}.", option=option, reason=str(failure)) from None


@click.command("reindex")
@repo_option
@click.option("--anew", is_flag=True, help="From the first, even if a run was interrupted.")
@click.option("--bits", is_flag=True, help="Only sets and counts, from the tags that are known.")
@with_settings
def reindex_command(settings: Settings, named: str | None, anew: bool, bits: bool) -> None:
    """Read the cards and files of all repositories again, for listings and searches.

    An interrupted run goes on where it was. Repositories that could not be read go to stdout;
    exit status 1 if there is one.
    """

    def failed(name: str, reason: str) -> None:
        click.echo(f"{name}\t{reason}")

    with hub_of(settings) as hub:
        if bits:
            _say(f"reindex: {catalog.rebuild_sets(hub.database)} sets made anew")
            return
        if named:
            repo = _repository(hub.database, named)
            done = reindex_one(hub, repo.id, f"{repo.kind}/{repo.full_name}", failed)
        else:
            done = reindex_all(
                hub, anew=anew, tell=lambda words: _say(f"reindex: {words}"), failed=failed
            )
    _say(f"reindex: {done.done} repositories read, {done.failed} failed")
    sys.exit(1 if done.failed else 0)
