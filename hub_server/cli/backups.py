"""`backup` and `restore`: save everything while the hub serves, bring it back into an empty one."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from hub_server.blobs import open_store
from hub_server.cli.base import connected, data_dir_option, plain_settings, with_settings
from hub_server.db.schema import Schema
from hub_server.keys import Keys
from hub_server.settings import Settings, data_path, ensure_secret_key
from hub_server.upkeep.backup import Done, Order, back_up
from hub_server.upkeep.backup_format import write_durably
from hub_server.upkeep.progress import Progress
from hub_server.upkeep.restore import Plan, Target, expect_empty, plan, restore

INCOMPLETE = 3
"""Exit status of what was done without that which is lost."""
SHOWN = 10


@click.command("backup")
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help="Put the secret key into the backup.")
@click.option("--keep", type=click.IntRange(1), help="Remove all but the newest N snapshots.")
@click.option("--verify", is_flag=True, help="Read the whole backup again; mend what is damaged.")
@with_settings
def backup_command(
    settings: Settings, target: Path, with_key: bool, keep: int | None, verify: bool
) -> None:
    """Save the database and every blob it names into the folder TARGET, while the hub serves.

    A second backup into the same folder copies only blobs that are new. Prints a line of JSON.
    Exit status 3: complete but for blobs that the hub itself has lost.
    """
    assert settings.secret_key  # noqa: S101 - made where it was missing
    secret = settings.secret_key.get_secret_value() if with_key else None
    order = Order(target, secret, keep or 0, verify)
    with connected(settings) as database:
        schema = Schema(database, data_path("migrations"))
        done = back_up(database, open_store(settings), schema, order, Progress(say))
    _end(done.as_json(), whole=done.whole, problem=_lost(done))


def _lost(done: Done) -> str:
    keys = [*done.missing, *done.damaged]
    return f"the hub has lost {len(keys)} blobs, which the backup lacks: {some(keys)}"


@click.command("restore")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--snapshot", help="Which of the backups in SOURCE (default: the newest).")
@click.option("--skip-damaged", is_flag=True, help="Restore what is sound; name the rest.")
@data_dir_option
def restore_command(
    source: Path, snapshot: str | None, skip_damaged: bool, data_dir: Path | None
) -> None:
    """Bring a backup back into an empty hub: the one that the settings describe.

    SQLite or PostgreSQL, a directory or a bucket, whatever it was made from. Prints a line of
    JSON. Exit status 3: complete but for blobs that the backup lacks.
    """
    settings = plain_settings(data_dir=data_dir)
    wanted = plan(source, snapshot)
    with connected(settings) as database:
        schema = Schema(database, data_path("migrations"))
        target = Target(database, open_store(settings), schema)
        expect_empty(target, wanted)
        keys = _keys(settings, wanted)
        done = restore(wanted, target, keys, skip_damaged=skip_damaged, progress=Progress(say))
    if done.key == "changed":
        say("The secret key is another one: browsers have to sign in again, and values that the "
             "former key sealed cannot be read. Tokens and passwords go on working.")  # fmt: skip
    lost = [*done.missing, *done.skipped]
    problem = f"the backup lacks {len(lost)} blobs: {some(lost)}"
    _end(done.as_json(), whole=not lost, problem=problem)


def _keys(settings: Settings, wanted: Plan) -> Keys:
    """Of the settings, else of the backup, else new ones."""
    given = settings.secret_key.get_secret_value().strip() if settings.secret_key else ""
    if not given and settings.is_sqlite and wanted.secret:
        _keep_secret(settings.data_dir / "secret.key", wanted.secret)
        settings = settings.model_copy(update={"secret_key": SecretStr(wanted.secret)})
    settings = ensure_secret_key(settings)
    assert settings.secret_key  # noqa: S101 - ensured
    return Keys.of(settings.secret_key.get_secret_value())


def _keep_secret(path: Path, secret: str) -> None:
    if path.exists() and path.read_text().strip() != secret:
        path.rename(path.with_name("secret.key.replaced"))
        say(f"{path} was another key; it is kept as {path.name}.replaced.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, secret.encode(), mode=0o600)


def say(line: str) -> None:
    click.echo(line, err=True)


def some(keys: list[str]) -> str:
    more = len(keys) - SHOWN
    return ", ".join(keys[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _end(summary: dict[str, Any], *, whole: bool, problem: str) -> None:
    click.echo(json.dumps(summary))
    if not whole:
        click.echo(f"hub-server: {problem}", err=True)
        sys.stdout.flush()
        sys.exit(INCOMPLETE)
