"""Dockerfile and docker-compose.yml, read closely: no Docker engine runs where the tests run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub_server.settings import Settings

TOP = Path(__file__).parents[1]
DOCKERFILE = (TOP / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((TOP / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REQUIRED = re.compile(r"\$\{(\w+):\?")


def tool(name: str) -> str:
    """A linter that pip put beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is missing; make test installs it"
    return found


def last_stage() -> str:
    return DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def test_hadolint_finds_nothing() -> None:
    run = subprocess.run([tool("hadolint"), "Dockerfile"], cwd=TOP, capture_output=True, text=True)
    assert run.stdout + run.stderr == ""


def test_shellcheck_finds_nothing() -> None:
    scripts = [*sorted(TOP.glob("scripts/*.sh")), TOP / ".ci" / "run"]
    run = subprocess.run([tool("shellcheck"), *scripts], capture_output=True, text=True)
    assert run.stdout + run.stderr == ""


def test_the_image_is_installed_by_the_script_that_make_setup_runs() -> None:
    assert "RUN scripts/setup.sh image" in DOCKERFILE
    assert "scripts/setup.sh serve" in (TOP / "Makefile").read_text()
    assert "pip install" not in DOCKERFILE, "what is installed, and how, stands in the script"


def test_all_that_the_image_copies_is_let_through() -> None:
    let_through = (TOP / ".dockerignore").read_text().split()
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(sources) >= 8
    for source in sources:
        assert (TOP / source).exists()
        assert f"!{source}" in let_through


def test_the_image_does_not_run_as_root_and_says_how_it_is() -> None:
    assert re.search(r"^USER \d+:\d+$", last_stage(), re.MULTILINE)
    assert "HEALTHCHECK" in last_stage()
    assert "/-/readyz" in last_stage()
    assert re.search(r'^ENTRYPOINT \["hub-server"\]$', last_stage(), re.MULTILINE)


def test_both_stages_stand_on_the_same_base() -> None:
    bases = {line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("FROM ")}
    assert len(bases) == 1


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_pinned_and_waits_for_services_that_exist(name: str) -> None:
    service = SERVICES[name]
    if "build" not in service:
        assert re.fullmatch(r"[a-z/-]+:[\w.-]*\d[\w.-]*", service["image"]), (
            "an image with a version"
        )
    waits = service.get("depends_on", {})
    assert set(waits) <= set(SERVICES)
    for other, how in waits.items() if isinstance(waits, dict) else ():
        own_check = "healthcheck" in SERVICES[other] or "build" in SERVICES[other]
        assert how["condition"] != "service_healthy" or own_check
    for volume in service.get("volumes", []):
        source, colon, _ = volume.partition(":")
        if colon and not source.startswith("."):
            assert source in COMPOSE["volumes"]
        elif colon:
            assert (TOP / source).is_file()


def test_the_nodes_get_settings_that_exist() -> None:
    known = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    assert set(SERVICES["hub"]["environment"]) <= known


def test_more_nodes_can_be_started() -> None:
    assert not {"container_name", "ports"} & set(SERVICES["hub"]), "two nodes would collide"


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["proxy"]["ports"][0].endswith(":8080")
    assert "listen 8080;" in (TOP / "deploy" / "nginx.conf").read_text()


def test_every_secret_comes_from_the_file_that_the_script_writes() -> None:
    script = [str(TOP / "scripts" / "compose-env.sh"), "https://hub.example.org"]
    runs = [subprocess.check_output(script, text=True) for _ in range(2)]
    first, second = (
        dict(line.split("=", 1) for line in run.splitlines() if "=" in line) for run in runs
    )
    assert set(REQUIRED.findall((TOP / "docker-compose.yml").read_text())) == set(first)
    assert first.pop("HUB_PUBLIC_URL") == second.pop("HUB_PUBLIC_URL") == "https://hub.example.org"
    assert all(len(value) == 48 for value in first.values())
    assert not set(first.values()) & set(second.values()), "new secrets each time"
