"""Compared with the stock git on random patterns and paths."""

import random
import subprocess
import time
from pathlib import Path

import pytest

from hub_server.contents.attributes import (
    Attributes,
    Ignore,
    default_text,
    tracked_line,
    with_tracked,
)

PATHS = [
    "a", "b.bin", "a/b.bin", "a/b/c.bin", "data", "data/x", "data/y/x", "x/data/y", "a b.txt",
    "saved_model/v", "saved_model/a/v", "x/saved_model/a/v", ".hidden", "a/.hidden", "foo.tar.gz",
    "we[i]rd", "back", "q?", "st*r", "ab", "ac", "a/ab", "-", "!x", "#x", "A", "é/ü", "1.x",
]  # fmt: skip
PIECES = ["a", "b", "*", "**", "?", "/", ".", "bin", "[a-c]", "[!a]", "[[:alpha:]]", "data", "x",
          "[^/]", "[]a]", "\\*", "saved_model", "[a", "é", "-", "[[:space:]]"]  # fmt: skip


def repository(folder: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(folder)], check=True, capture_output=True)
    return folder


def patterns(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    made = ("".join(chance.choices(PIECES, k=chance.randint(1, 5))) for _ in range(count))
    return [pattern for pattern in made if "//" not in pattern]


@pytest.mark.git
@pytest.mark.parametrize("seed", range(4))
def test_attributes_are_what_git_says(tmp_path: Path, seed: int) -> None:
    folder = repository(tmp_path)
    for pattern in patterns(seed, 60):
        text = f"{pattern} filter=lfs\n"
        (folder / ".gitattributes").write_text(text)
        said = subprocess.run(
            ["git", "check-attr", "-z", "--stdin", "filter"],
            input="\0".join(PATHS).encode(), cwd=folder, capture_output=True, check=True,
        ).stdout.decode().split("\0")  # fmt: skip
        expected = {
            path for path, value in zip(said[::3], said[2::3], strict=False) if value == "lfs"
        }
        ours = {path for path in PATHS if Attributes(text).tracking(path) == "lfs"}
        assert ours == expected, pattern


@pytest.mark.git
@pytest.mark.parametrize("seed", range(4))
def test_ignored_is_what_git_says(tmp_path: Path, seed: int) -> None:
    folder = repository(tmp_path)
    chance = random.Random(seed)
    rules = patterns(seed + 100, 90)
    for start in range(0, len(rules) - 3, 3):
        lines = [chance.choice(["", "", "!"]) + rule for rule in rules[start : start + 3]]
        text = "\n".join(line + chance.choice(["", "", "/"]) for line in lines) + "\n"
        (folder / ".gitignore").write_text(text)
        said = subprocess.run(
            ["git", "check-ignore", "-z", "--stdin", "--no-index"],
            input="\0".join(PATHS).encode(), cwd=folder, capture_output=True,
        )  # fmt: skip
        expected = set(filter(None, said.stdout.decode().split("\0")))
        ours = {path for path in PATHS if Ignore(text).matches(path)}
        assert ours == expected, text


def test_the_last_rule_counts() -> None:
    rules = Attributes(
        "*.png filter=lfs diff=lfs\nicons/*.png -filter\n*.md !filter\n# x filter=lfs\n"
    )
    assert rules.tracking("a/b.png") == "lfs"
    assert rules.tracking("icons/b.png") == "regular"
    assert rules.tracking("README.md") == "regular"
    assert rules.tracking("config.json") is None


def test_defaults() -> None:
    models, datasets = Attributes(default_text("model")), Attributes(default_text("dataset"))
    for path in ("model.safetensors", "a/b.parquet", "saved_model/x/y", "events.out.tfevents.1"):
        assert models.tracking(path) == datasets.tracking(path) == "lfs"
    for path in ("README.md", "config.json", "tokenizer.json", "bin"):
        assert models.tracking(path) is None
    assert models.tracking("cat.png") is None
    assert datasets.tracking("cat.png") == "lfs"


@pytest.mark.parametrize(
    "path", ["a b.bin", "we[i]rd*.x", "q?/\tx", "plain.big", "sub dir/ü.big", "#a"]
)
def test_a_path_can_be_tracked_by_itself(path: str) -> None:
    text = with_tracked("*.zip filter=lfs", [path])
    assert text.startswith("*.zip filter=lfs\n")
    assert Attributes(text).tracking(path) == "lfs"
    assert Attributes(tracked_line(path)).tracking(path + "x") is None
    assert with_tracked(text, [path]) == text


def test_no_pattern_takes_long() -> None:
    evil = "*a" * 60 + "b"
    deep = "/".join(["**", "a"] * 40)
    start = time.monotonic()
    Attributes(f"{evil} filter=lfs\n{deep} filter=lfs\n").tracking("a" * 4000 + "c")
    Attributes(f"{deep}/x filter=lfs\n").tracking("/".join(["a"] * 200))
    assert time.monotonic() - start < 1
