"""`repo`: bring back what was deleted, take out of reach what must not be read."""

import click

from hub_server import repos
from hub_server.accounts import users
from hub_server.cli.access import kind_option
from hub_server.cli.base import with_settings
from hub_server.cli.results import day, reading, table, writing
from hub_server.db.tables.repos import Kind
from hub_server.errors import NotFound
from hub_server.settings import Settings


@click.group()
def repo() -> None:
    """Repositories: bring deleted ones back, disable some."""


@repo.command("deleted")
@click.argument("namespace")
@with_settings
def list_deleted(settings: Settings, namespace: str) -> None:
    """What can be brought back: when it was deleted, kind, name."""
    with reading(settings) as session:
        owner = users.account_named(session, namespace)
        found = repos.list_deleted(session, owner.id)
    table(
        "DELETED KIND NAME", ((day(each.deleted_at), each.kind, each.full_name) for each in found)
    )


@repo.command("restore")
@click.argument("name", metavar="NAMESPACE/NAME")
@click.option("--to", metavar="NAMESPACE/NAME", help="Another name, if this one was taken since.")
@kind_option
@with_settings
def restore_repo(settings: Settings, name: str, to: str | None, kind: Kind) -> None:
    """Bring the repository back that was deleted last under this name; print its name."""
    with writing(settings) as session:
        found = repos.find_deleted(session, kind, name)
        if found is None:
            raise NotFound(
                "No {kind} {name} was deleted in the last days.", kind=kind, name=name[:200]
            )
        repos.restore(session, found, to=to)
        click.echo(found.full_name)


@repo.command("disable")
@click.argument("name", metavar="NAMESPACE/NAME")
@kind_option
@with_settings
def disable_repo(settings: Settings, name: str, kind: Kind) -> None:
    """Nobody but administrators of the hub reads or changes its contents any more."""
    with writing(settings) as session:
        repos.set_disabled(session, repos.locate(session, kind, name), True)


@repo.command("enable")
@click.argument("name", metavar="NAMESPACE/NAME")
@kind_option
@with_settings
def enable_repo(settings: Settings, name: str, kind: Kind) -> None:
    """Undo `repo disable`."""
    with writing(settings) as session:
        repos.set_disabled(session, repos.locate(session, kind, name), False)
