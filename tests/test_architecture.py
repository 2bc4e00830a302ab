"""What no file of the project may do, checked by reading them all."""

import ast
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

TOP = Path(__file__).parents[1]
VENDOR = TOP / "static" / "vendor"
# Written apart, or this file would be the first to name them.
HOSTS = [".".join(words) for words in (
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"),
    ("registry", "yarnpkg", "com"), ("cdn", "jsdelivr", "net"), ("unpkg", "com"),
)]  # fmt: skip


def tracked() -> Iterator[Path]:
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=TOP).decode().split("\0")
    return (TOP / name for name in names if name and (TOP / name).is_file())


def modules() -> list[Path]:
    return sorted((TOP / "hub_server").rglob("*.py"))


def test_dependencies_point_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOP)
    assert lint_imports(no_cache=True) == 0


def test_no_file_names_a_registry_or_an_index() -> None:
    named = [
        f"{path.relative_to(TOP)} names {host}"
        for path in tracked()
        for host in HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert named == []
    for lock in TOP.glob("requirements/*.txt"):
        assert not re.search(
            r"^\s*(-i|--index-url|--extra-index-url|--find-links)", lock.read_text()
        )


@pytest.mark.parametrize("lock", sorted(p.name for p in TOP.glob("requirements/*.txt")))
def test_every_dependency_is_pinned_with_hashes(lock: str) -> None:
    text = (TOP / "requirements" / lock).read_text()
    pinned = re.findall(
        r"^([a-z0-9][\w.-]*(?:\[[\w,-]+\])?)==\S+.*\\\n\s+--hash=", text, re.MULTILINE
    )
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 0


def test_only_settings_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(TOP))
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv")
    ]
    assert set(readers) <= {"hub_server/settings.py"}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(TOP))
        for path in modules()
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_vendored_files_are_the_ones_that_were_reviewed() -> None:
    sums = {
        name: digest
        for digest, name in map(str.split, (VENDOR / "SHA256SUMS").read_text().splitlines())
    }
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tracked()
        if path.is_relative_to(VENDOR) and path.name != "SHA256SUMS"
    }
    assert found == sums


@pytest.mark.parametrize("folder", [VENDOR, TOP / "tests" / "js"], ids=["vendor", "js"])
def test_javascript_packages_are_pinned_exactly(folder: Path) -> None:
    wanted = json.loads((folder / "package.json").read_text())
    for versions in (wanted.get("dependencies", {}), wanted.get("devDependencies", {})):
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    for name, package in json.loads((folder / "package-lock.json").read_text())["packages"].items():
        assert not name or package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_pages_name_no_other_host() -> None:
    """Links in prose may lead out; scripts, styles and images may not come in."""
    loads = re.compile(rb"""(?:src|href)=["'](?:https?:)?//[^"']+\.(?:js|css|woff2?|png|svg)""")
    imports = re.compile(rb"""(?:url\(|@import\s+|import\s+)["']?(?:https?:)?//""")
    loud = [
        str(path.relative_to(TOP))
        for path in tracked()
        if path.suffix in (".html", ".css", ".js") and (TOP / "tests") not in path.parents
        if loads.search(path.read_bytes()) or imports.search(path.read_bytes())
    ]
    assert loud == []
