"""The built wheel in an empty environment, outside the checkout, as the image installs it."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.processes import answers, await_ready, free_port, start, stop

TOP = Path(__file__).parents[1]
# What the image is made of: see Dockerfile and .dockerignore.
PARTS = ["hub_server", "templates", "static", "migrations", "requirements", "scripts",
         "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"]  # fmt: skip
DATA = ("templates", "static", "migrations")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is committed or about to be, so that the build leaves nothing behind here."""
    folder = tmp_path_factory.mktemp("source")
    for part in PARTS:
        place = TOP / part
        if place.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(place, folder / part, ignore=ignore)
        else:
            shutil.copy(place, folder / part)
    return folder


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment that `scripts/setup.sh image` filled; its sources are gone."""
    venv = tmp_path_factory.mktemp("wheel") / "venv"
    environment = {**os.environ, "VENV": str(venv)}
    environment.pop("PYTHONPATH", None)
    subprocess.run([source / "scripts" / "setup.sh", "image"], check=True, env=environment)
    shutil.rmtree(source)
    return venv


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one while the test runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def test_the_wheel_carries_everything_and_nothing_else(source: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        check=True, capture_output=True,
    )  # fmt: skip
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        inside = {name for name in wheel.namelist() if not name.endswith("/")}
    tops = {name.split("/")[0] for name in inside}
    assert tops == {"hub_server", next(top for top in tops if top.endswith(".dist-info"))}
    tracked = subprocess.check_output(["git", "ls-files", "-z", *DATA], cwd=TOP).decode()
    missing = {f"hub_server/_data/{name}" for name in tracked.split("\0") if name} - inside
    assert missing == set()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("elsewhere")
def test_the_command_is_there_and_the_code_is_not_the_checkouts(installed: Path) -> None:
    hub = installed / "bin" / "hub-server"
    assert "serve" in subprocess.check_output([hub, "--help"], text=True)
    where = subprocess.check_output(
        [installed / "bin" / "python", "-c", "import hub_server; print(hub_server.__file__)"],
        text=True,
    )
    assert where.startswith(str(installed))


@pytest.mark.timeout(600)
def test_migrate_makes_a_database(installed: Path, elsewhere: Path) -> None:
    hub = installed / "bin" / "hub-server"
    subprocess.run([hub, "migrate", "--data-dir", "data"], check=True, capture_output=True)
    assert (elsewhere / "data" / "hub.db").stat().st_size > 10_000


@pytest.fixture
def served(installed: Path, elsewhere: Path) -> Iterator[str]:
    port, log = free_port(), elsewhere / "log"
    hub = installed / "bin" / "hub-server"
    process = start([str(hub), "serve", "--port", str(port), "--data-dir", "data"], log=log)
    await_ready(process, lambda: answers(port), log=log)
    yield f"http://127.0.0.1:{port}"
    stop(process)


@pytest.mark.timeout(600)
def test_a_page_comes_with_its_style_sheet(served: str) -> None:
    page = httpx.get(f"{served}/", follow_redirects=True)
    assert page.status_code == 200
    link = page.text.split('rel="stylesheet"')[1].split('href="')[1].split('"')[0]
    sheet = httpx.get(f"{served}{link}")
    assert sheet.status_code == 200
    assert sheet.headers["Content-Type"].startswith("text/css")
    assert "@layer" in sheet.text
    assert httpx.get(f"{served}/-/readyz").status_code == 200
