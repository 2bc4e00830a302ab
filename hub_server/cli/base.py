"""Shared by the commands: options, settings, the database, failures as one sentence."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from hub_server import __version__, faults
from hub_server.db import Database
from hub_server.db.engine import NetworkFileSystem
from hub_server.db.schema import Schema, SchemaError
from hub_server.errors import HubError
from hub_server.settings import Settings, SettingsError, data_path, ensure_secret_key, load

EXPECTED = (HubError, SettingsError, SchemaError, NetworkFileSystem)


class HubGroup(click.Group):
    """Turns expected failures into one sentence on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as failure:
            click.echo(f"hub-server: {failure}", err=True)
            sys.exit(1)


def hub_group(function: Callable[..., None]) -> HubGroup:
    decorated = click.version_option(__version__, prog_name="hub-server")(function)
    group = click.group(cls=HubGroup, context_settings={"help_option_names": ["-h", "--help"]})
    return group(decorated)


def data_dir_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--data-dir`, which every command takes."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Everything the embedded default keeps (default: ./data, or HUB_DATA_DIR).",
    )(function)


def settings_from(**flags: object) -> Settings:
    """Flags, environment and hub.toml together, with a secret key; warnings go to stderr."""
    return ensure_secret_key(plain_settings(**flags))


def plain_settings(**flags: object) -> Settings:
    """The same without making a secret key where there is none."""
    settings, warnings = load(flags)
    for warning in warnings:
        click.echo(f"hub-server: {warning}", err=True)
    try:
        faults.arm(settings.fault)
    except ValueError as failure:
        raise SettingsError(f"HUB_FAULT: {failure}.") from None
    return settings


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """The database as it is. Raises SettingsError when it cannot be reached."""
    with _named():
        database = Database(settings.database_url, pool_size=2)
    try:
        with _named():
            database.engine.connect().close()
        yield database
    finally:
        database.dispose()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except DBAPIError as failure:
        said = str(failure.orig).strip().splitlines()[0]
        raise SettingsError(f"HUB_DATABASE_URL: the database cannot be used: {said}.") from None
    except OSError as failure:
        raise SettingsError(f"HUB_DATABASE_URL: {failure.filename}: {failure.strerror}.") from None


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The database, upgraded or checked as HUB_MIGRATE says."""
    with connected(settings) as database:
        prepare(database, settings)
        yield database


def prepare(database: Database, settings: Settings) -> None:
    schema = Schema(database, data_path("migrations"))
    if schema.prepare(settings.migrate):
        click.echo(f"Database upgraded to schema {schema.newest}", err=True)


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """For commands: `--data-dir` becomes a first argument `settings`."""

    @data_dir_option
    @functools.wraps(function)
    def wrapped(*args: Any, data_dir: Path | None, **options: Any) -> Any:
        return function(settings_from(data_dir=data_dir), *args, **options)

    return wrapped
