"""Fixtures for every test; services that need a program of the system live in tests/support."""

import importlib.util
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

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


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of a module run in one process, as they share its servers; all that need Ceph in
    one too, as it takes half a minute to start.

    Groups by `xdist_group` reach no scheduler: pytest 9.2 looks at no name that xdist 3.8 changes.
    """

    def _split_scope(self, nodeid: str) -> str:
        module, _, rest = nodeid.partition("::")
        return "ceph" if "ceph" in rest else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule | None:
    return ByModule(config, log) if config.getvalue("dist") == "loadgroup" else None
