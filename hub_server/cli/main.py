"""The group of all commands, and how each of them finds the installation."""

from hub_server.cli.access import alias, invite, token
from hub_server.cli.accounts import org, user
from hub_server.cli.backups import backup_command, restore_command
from hub_server.cli.base import hub_group
from hub_server.cli.maintenance import fsck_command, gc_command, reindex_command
from hub_server.cli.packs import prune_command, repack_command
from hub_server.cli.rekeying import rekey_command
from hub_server.cli.repositories import repo
from hub_server.cli.serving import migrate, serve, worker
from hub_server.cli.transport import export_command, import_command


@hub_group
def main() -> None:
    """A self-hosted hub for models, datasets and Spaces.

    Settings come from flags, then HUB_… in the environment, then hub.toml in the data directory.
    """


for command in (serve, migrate, worker, user, org, token, invite, alias, repo):
    main.add_command(command)
for command in (repack_command, prune_command):
    main.add_command(command)
for command in (backup_command, restore_command, export_command, import_command):
    main.add_command(command)
for command in (fsck_command, gc_command, reindex_command, rekey_command):
    main.add_command(command)
