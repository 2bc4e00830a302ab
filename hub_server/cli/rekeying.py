"""`rekey`: change the secret key without anybody losing more than an open form."""

import contextlib
import os
from pathlib import Path

import click

from hub_server.cli.base import data_dir_option, open_database, plain_settings
from hub_server.db import Database
from hub_server.errors import BadRequest
from hub_server.keys import Keys
from hub_server.settings import Settings, ensure_secret_key
from hub_server.upkeep.rekeying import end_sessions, is_turned, new_secret, turn


@click.command("rekey")
@click.option("--finish", is_flag=True, help="Forget the old key, a day after the change.")
@click.option("--end-sessions", "sign_out", is_flag=True, help="Everybody signs in again.")
@data_dir_option
def rekey_command(finish: bool, sign_out: bool, data_dir: Path | None) -> None:
    """Change the secret key: what the old one sealed is sealed by a new one.

    \b
    Where the key lies in the data directory:
      1. `rekey` makes a new key and keeps the old one beside it; restart the hub.
      2. A day later `rekey --finish` forgets the old one; restart the hub.
    Where HUB_SECRET_KEY is set:
      1. `rekey` prints `new,old`. Set HUB_SECRET_KEY to it on every node, restart them.
      2. `rekey` once more, with that value set, makes the new key the hub's own.
      3. A day later set HUB_SECRET_KEY to the new key alone, restart the nodes.

    Tokens, passwords and sessions go on working. If others may have seen the old key, add
    --end-sessions. Works whether or not a hub serves.
    """
    settings = plain_settings(data_dir=data_dir)
    given = settings.secret_key.get_secret_value().strip() if settings.secret_key else ""
    settings = ensure_secret_key(settings)
    assert settings.secret_key  # noqa: S101 - ensured
    keys = Keys.of(settings.secret_key.get_secret_value())
    with open_database(settings) as database:
        if given:
            _by_setting(database, keys, finish=finish)
        else:
            _by_file(database, settings, keys, finish=finish)
        if sign_out:
            _say(f"{end_sessions(database)} sessions ended.")


def _by_setting(database: Database, keys: Keys, *, finish: bool) -> None:
    turned = is_turned(database, keys)
    if len(keys.secrets) == 1 and not finish:
        click.echo(f"{new_secret()},{keys.secrets[0]}")
        _say("Set HUB_SECRET_KEY to this value on every node, restart them, then run `rekey` with "
             "the same value set.")  # fmt: skip
        return
    if not turned:
        count = turn(database, keys)
        _say(f"The new key is the hub's own now; {count} values were sealed anew.")
    if len(keys.secrets) > 1:
        _say("A day from now set HUB_SECRET_KEY to the first part alone, the new key, and restart "
             "the nodes.")  # fmt: skip
    else:
        _say("HUB_SECRET_KEY holds the key of this hub alone; nothing is left to do.")


def _by_file(database: Database, settings: Settings, keys: Keys, *, finish: bool) -> None:
    path = settings.data_dir / "secret.key"
    turned = is_turned(database, keys)
    if finish:
        if not turned:
            raise BadRequest("The new key is not in use yet; run `rekey` without --finish first.")
        _replace(path, keys.secrets[0])
        _say(f"{path} holds the new key alone. Restart the hub.")
        return
    if len(keys.secrets) == 1:
        keys = Keys((new_secret(), *keys.secrets))
        _replace(path, ",".join(keys.secrets))
    elif turned:
        raise BadRequest(
            "The key was changed before; `rekey --finish` forgets the old one, then it can be "
            "changed again."
        )
    count = turn(database, keys)  # also where a former run was cut off after the file
    _say(f"{path} holds a new key and the old one; {count} values were sealed anew.")
    _say("Restart the hub. A day from now run `hub-server rekey --finish`.")


def _replace(path: Path, secret: str) -> None:
    """Whole or not at all, and readable for the owner alone."""
    fresh = path.with_name("secret.key.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _say(line: str) -> None:
    click.echo(line, err=True)
