"""`export` and `import`: repositories as ordinary Git repositories with their large files."""

import json
import sys
from pathlib import Path

import click

from hub_server import repos
from hub_server.cli.backups import INCOMPLETE, say, some
from hub_server.cli.base import with_settings
from hub_server.cli.packs import hub_of
from hub_server.contents import Hub
from hub_server.db.tables.repos import KINDS, Kind, Repo
from hub_server.errors import BadRequest, HubError
from hub_server.settings import Settings
from hub_server.upkeep.exporting import Exported, every_repository, export, folder_of
from hub_server.upkeep.importing import Wish, import_repository
from hub_server.upkeep.progress import Progress

PARTS = 3
SEVERITY = (0, INCOMPLETE, 1)
KIND_HELP = "Of repository, where REPO does not begin with it."


@click.command("export")
@click.argument("words", nargs=-1, required=True, metavar="[REPO] FOLDER")
@click.option("--kind", type=click.Choice(KINDS), help=KIND_HELP)
@click.option("--all", "everything", is_flag=True, help="Every repository, below FOLDER.")
@click.option("--pulls", is_flag=True, help="Take along the refs of pull requests.")
@with_settings
def export_command(
    settings: Settings, words: tuple[str, ...], kind: Kind | None, everything: bool, pulls: bool
) -> None:
    """Write the repository REPO (ada/tiny, dataset/ada/words) to FOLDER, as a bare Git repository
    with its large files where git-lfs looks for them.

    Prints a line of JSON for each. Exit status 3: complete but for large files that the hub lost;
    1: something was not exported.
    """
    if len(words) != (1 if everything else 2):
        raise BadRequest("Give a repository and a folder, or --all and a folder.")
    folder = Path(words[-1])
    with hub_of(settings) as hub:
        if not everything:
            repo = _located(hub, words[0], kind)
            done = export(hub, repo, folder, pulls=pulls, progress=Progress(say))
            sys.exit(_tell(done))
        sys.exit(max((_one_of_all(hub, each, folder, pulls) for each in every_repository(hub)),
                     key=SEVERITY.index, default=0))  # fmt: skip


def _one_of_all(hub: Hub, repo: Repo, root: Path, pulls: bool) -> int:
    """The exit status of one; the others are exported whatever becomes of it."""
    try:
        target = folder_of(root, repo)
        return _tell(export(hub, repo, target, pulls=pulls, progress=Progress(say)))
    except HubError as failure:
        say(f"hub-server: {repo.kind}/{repo.full_name} was not exported: {failure}")
        return 1


def _tell(done: Exported) -> int:
    click.echo(json.dumps(done.as_json()))
    if not done.missing:
        return 0
    count = len(done.missing)
    say(f"hub-server: {done.repo} lacks {count} large files: {some(done.missing)}")
    return INCOMPLETE


@click.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name", metavar="REPO")
@click.option("--kind", type=click.Choice(KINDS), help=KIND_HELP)
@click.option("--owner", metavar="USER", help="Who counts as creator (default: its namespace).")
@click.option("--private/--public", default=None, help="Default: as its namespace says.")
@click.option("--pulls", is_flag=True, help="Take along the refs of pull requests.")
@with_settings
def import_command(
    settings: Settings,
    folder: Path,
    name: str,
    kind: Kind | None,
    **chosen: str | bool | None,
) -> None:
    """Bring the Git repository in FOLDER in as REPO (ada/tiny, dataset/ada/words), with the large
    files of its lfs folder: an export, a clone, any bare repository.

    Branches that only a remote of the clone has come along. What a push would be refused for is
    told as a warning. Prints a line of JSON.
    """
    full_name, named = _split(name, kind)
    with hub_of(settings) as hub:
        wish = Wish(full_name, named, **chosen)  # type: ignore[arg-type]  # the options above
        done = import_repository(hub, folder, wish, Progress(say))
    for sentence in done.warnings:
        say(f"warning: {sentence}")
    click.echo(json.dumps(done.as_json()))


def _split(name: str, kind: Kind | None) -> tuple[str, Kind | None]:
    """`dataset/ada/words` and `ada/words` with --kind."""
    first, _, rest = name.partition("/")
    if name.count("/") == PARTS - 1:
        for known in KINDS:
            if first in (known, f"{known}s") and kind in (None, known):
                return rest, known
        raise BadRequest("{name} is not a repository such as dataset/ada/words.", name=name[:200])
    return name, kind


def _located(hub: Hub, name: str, kind: Kind | None) -> Repo:
    full_name, named = _split(name, kind)
    with hub.database.read() as session:
        return repos.locate(session, named or "model", full_name)
