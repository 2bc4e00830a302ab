"""With HUB_XACCEL the hub names the file, and the proxy sends it; every check is still ours."""

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from hub_server.blobs import FileStore
from hub_server.edge import Download, send
from hub_server.settings import Settings

KEY = "lfs/" + "ab" * 32


def client(folder: Path, *, xaccel: str = "/-/xaccel/", from_store: bool = True) -> TestClient:
    app = FastAPI()
    settings = Settings(data_dir=folder, xaccel=xaccel)
    app.state.hub = SimpleNamespace(settings=settings)
    store = FileStore(folder / "blobs")

    @app.api_route("/file", methods=["GET", "HEAD"])
    def file(request: Request) -> Response:
        place = store.local_path(KEY) if from_store else None
        download = Download(
            lambda start, length: BytesIO(b"0123456789"[start:][:length]),
            10, "the-etag", "a.bin", headers={"X-Repo-Commit": "c"}, file=place,
        )  # fmt: skip
        return send(request, download)

    return TestClient(app)


def test_the_proxy_is_told_where_the_file_lies(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/file")
    assert answer.headers["X-Accel-Redirect"] == f"/-/xaccel/lfs/ab/ab/{'ab' * 32}"
    assert answer.content == b""
    assert answer.headers["ETag"] == '"the-etag"'
    assert answer.headers["X-Repo-Commit"] == "c"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_what_needs_no_bytes_is_answered_here(tmp_path: Path) -> None:
    hub = client(tmp_path)
    head = hub.head("/file")
    assert head.headers["Content-Length"] == "10"
    assert "X-Accel-Redirect" not in head.headers
    assert hub.get("/file", headers={"If-None-Match": '"the-etag"'}).status_code == 304


@pytest.mark.parametrize("case", [{"xaccel": ""}, {"from_store": False}])
def test_without_a_proxy_or_a_file_the_bytes_come_from_here(
    tmp_path: Path, case: dict[str, Any]
) -> None:
    assert client(tmp_path, **case).get("/file").content == b"0123456789"
