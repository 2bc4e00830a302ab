"""Debian's nginx on a loopback port, with the configuration that we ship."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import answers, await_ready, free_port, program, start, stop

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NODE = "server hub:8000 resolve"

StartNginx = Callable[..., str]


def configuration(
    folder: Path, port: int, nodes: Sequence[str], *, blobs: Path | None, prefix: str
) -> str:
    """deploy/nginx.conf with addresses and folders of a test; each change must find its place."""
    text = CONFIGURATION.read_text().replace("/tmp/", f"{folder}/")
    line = next(part for part in text.splitlines() if NODE in part)
    changes = {
        line: "\n".join(line.replace(NODE, f"server {node}") for node in nodes),
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "alias /data/blobs/;": f"alias {blobs or folder}/;",
        "location / {": f"location {prefix}/ {{",
    }
    for old, new in changes.items():
        if text.count(old) != 1:
            raise ValueError(f"{CONFIGURATION.name} should hold {old!r} once")
        text = text.replace(old, new)
    # As root, nginx's workers become another account, which may not enter pytest's folders.
    return f"user root;\n{text}" if os.geteuid() == 0 else text


@contextmanager
def nginx_starter(factory: pytest.TempPathFactory) -> Iterator[StartNginx]:
    running = []

    def begin(nodes: Sequence[str], *, blobs: Path | None = None, prefix: str = "") -> str:
        folder, port = factory.mktemp("nginx"), free_port()
        written, log = folder / "nginx.conf", folder / "log"
        written.write_text(configuration(folder, port, nodes, blobs=blobs, prefix=prefix))
        command = [program("nginx"), "-p", str(folder), "-e", str(log), "-c", str(written)]
        process = start([*command, "-g", "daemon off;"], log=log)
        running.append(process)
        await_ready(process, lambda: answers(port), log=log)
        return f"http://127.0.0.1:{port}"

    try:
        yield begin
    finally:
        for process in running:
            stop(process)


@pytest.fixture
def start_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNginx]:
    """`start_nginx(["127.0.0.1:8001", …], blobs=folder, prefix="/hub")` -> "http://127.0.0.1:port".

    `blobs` is the directory store's root, for X-Accel-Redirect; `prefix` a path above everything.
    """
    with nginx_starter(tmp_path_factory) as begin:
        yield begin


@pytest.fixture(scope="module")
def module_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNginx]:
    """The same for all tests of a module."""
    with nginx_starter(tmp_path_factory) as begin:
        yield begin
