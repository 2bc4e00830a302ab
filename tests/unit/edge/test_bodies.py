"""Bodies: small ones in memory, large ones in a file that goes, compressed ones within bounds."""

import gzip
import io
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import FastAPI, Form, Request
from starlette.testclient import TestClient

from hub_server.blobs import Incoming
from hub_server.edge import errors
from hub_server.edge.bodies import FormLimit, Inflated, content_length, small_body, spooled
from hub_server.edge.logs import RequestLog
from hub_server.errors import BadRequest, TooLarge

GZIPPED = gzip.compress(bytes(range(256)) * 20)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    app = FastAPI()
    errors.install(app)
    incoming = Incoming(tmp_path / "incoming")

    @app.post("/small")
    async def small(request: Request) -> int:
        return len(await small_body(request, 10))

    @app.post("/spooled")
    async def large(request: Request) -> dict[str, object]:
        async with spooled(request, incoming, 1000) as received:
            assert received.path.stat().st_size == received.size
            return {"size": received.size, "digest": received.digest}

    @app.post("/form")
    def form(text: Annotated[str, Form()] = "") -> int:
        return len(text)

    return TestClient(RequestLog(FormLimit(app, 2000)))


def pieces(*sizes: int):
    """A chunked body: nothing announces its size."""
    return iter([b"a" * size for size in sizes])


def test_small_bodies(client: TestClient):
    assert client.post("/small", content=b"a" * 10).json() == 10
    assert client.post("/small", content=pieces(4, 6)).json() == 10
    assert client.post("/small").json() == 0


@pytest.mark.parametrize("path", ["/small", "/spooled"])
def test_bodies_beyond_the_limit_are_413(client: TestClient, path: str, tmp_path: Path):
    for body in (b"a" * 1001, pieces(900, 101)):
        answer = client.post(path, content=body)
        assert answer.status_code == 413
        assert "larger than" in answer.json()["error"]
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_spooled_body_is_a_file_until_the_answer(client: TestClient, tmp_path: Path):
    answer = client.post("/spooled", content=pieces(500, 0, 500)).json()
    assert answer["size"] == 1000
    assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "9" * 5000, "+5"])
def test_a_length_that_is_no_number(length: str):
    headers = [(b"content-length", length.encode())]
    with pytest.raises(BadRequest):
        content_length(Request({"type": "http", "headers": headers}))


def test_a_length_that_is_one():
    assert content_length(Request({"type": "http", "headers": []})) is None
    assert content_length(Request({"type": "http", "headers": [(b"content-length", b"7")]})) == 7


def test_forms_have_a_limit(client: TestClient):
    assert client.post("/form", data={"text": "a" * 1900}).json() == 1900
    for form in ({"data": {"text": "a" * 3000}}, {"files": {"file": b"a" * 3000}}):
        answer = client.post("/form", **form)  # type: ignore[arg-type]
        assert answer.status_code == 413, answer.text
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert client.post("/form", content=pieces(1500, 1500), headers=kind).status_code == 413


def test_other_bodies_are_not_forms(client: TestClient):
    kind = {"Content-Type": "application/octet-stream"}
    assert client.post("/spooled", content=b"a" * 999, headers=kind).status_code == 200


@pytest.mark.parametrize("count", [-1, 7, 10_000])
def test_a_compressed_body_is_read_whole(count: int):
    source = Inflated(io.BytesIO(gzip.compress(b"a" * 5000)), 5000)
    read = b"".join(iter(lambda: source.read(count), b""))
    assert read == b"a" * 5000


def test_a_compressed_body_that_grows_too_large_is_refused():
    source = Inflated(io.BytesIO(gzip.compress(b"\0" * 10_000_000)), 1000)
    with pytest.raises(TooLarge):
        list(iter(lambda: source.read(100), b""))


@pytest.mark.parametrize(
    "data",
    [b"not gzip", GZIPPED[:-9], GZIPPED[:-8] + b"x" * 8, GZIPPED[:30] + b"x" + GZIPPED[31:]],
)
def test_a_damaged_compressed_body_is_refused(data: bytes):
    def read() -> bytes:
        source = Inflated(io.BytesIO(data), 10_000)
        return source.read() + source.read()

    with pytest.raises(BadRequest, match="damaged or cut off"):
        read()
