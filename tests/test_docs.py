"""README.md and ARCHITECTURE.md against the code: what they leave out, and what they promise."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hub_server.cli import main
from hub_server.settings import PREFIX, Settings

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text()
ARCHITECTURE = (TOP / "ARCHITECTURE.md").read_text()
MAKEFILE = (TOP / "Makefile").read_text()


def commands(group: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, (*path, name))
    else:
        yield " ".join(path)


def rows(heading: str) -> dict[str, str]:
    """First cell → whole row of the table under a heading of the README."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, re.MULTILINE)
    return dict(found)


def test_the_readme_lists_every_setting_and_no_other() -> None:
    assert set(rows("Settings")) == {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_setting_that_is_named_anywhere_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"(?<![A-Z_])HUB_[A-Z0-9_]+[A-Z0-9]", README + ARCHITECTURE))
    assert named <= known


def test_the_readme_lists_every_command_and_no_other() -> None:
    table = rows("Commands")
    described = {command for command in commands() if _described(command, table)}
    assert described == set(commands())
    for name in table:
        assert name.split()[0] in main.commands, f"the README promises {name}"


def _described(command: str, table: dict[str, str]) -> bool:
    group, _, verb = command.partition(" ")
    return command in table or (group in table and f"`{verb}`" in table[group])


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_every_command_explains_itself(command: str) -> None:
    from click.testing import CliRunner

    answer = CliRunner().invoke(main, [*command.split(), "--help"])
    assert answer.exit_code == 0
    assert len(answer.output.splitlines()) > 3


def test_every_target_of_the_makefile_explains_itself_and_those_of_the_readme_exist() -> None:
    phony = set(re.findall(r"^\.PHONY: (\w+)$", MAKEFILE, re.MULTILINE))
    assert phony == set(re.findall(r"^(\w+):.* ## .+$", MAKEFILE, re.MULTILINE))
    promised = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert {"serve", "test"} <= promised <= phony


def test_every_room_has_its_row() -> None:
    rooms = {
        path.name if path.is_dir() else path.stem
        for path in (TOP / "hub_server").iterdir()
        if not path.name.startswith("_") and (path.is_dir() or path.suffix == ".py")
    }
    table = ARCHITECTURE.split("\n## Rooms\n")[1].split("\n## ")[0]
    assert rooms == set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    )


def test_every_library_is_named_with_its_purpose() -> None:
    project = (TOP / "pyproject.toml").read_text().split("dependencies = [")[1].split("\n]")[0]
    section = ARCHITECTURE.split("\n## Libraries\n")[1].lower()
    for name in re.findall(r'"([\w-]+)', project):
        assert re.sub(r"2$", "", name) in section or name in section
