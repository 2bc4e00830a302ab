"""Fixtures for every test; services that need a program of the system live in tests/support."""

import importlib.util

import pytest

from tests.support import processes

pytest_plugins = [
    f"tests.support.{name}"
    for name in (
        "loopback",
        "postgres",
        "databases",
        "nginx",
        "browser",
        "s3",
        "large_files",
        "server",
        "gitclient",
        "lfsclient",
    )
    if importlib.util.find_spec(f"tests.support.{name}")
]


@pytest.fixture
def free_port() -> int:
    """A loopback port that nothing listens on now."""
    return processes.free_port()
