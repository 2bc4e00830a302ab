"""Bytes of users: ranges, validators, and headers that keep them harmless."""

import io
from collections.abc import Mapping

import pytest
from fastapi import FastAPI, Request, Response
from starlette.testclient import TestClient

from hub_server.edge import errors
from hub_server.edge.files import Download, disposition, send, sniff
from hub_server.edge.logs import RequestLog

DATA = bytes(range(256)) * 10
opened: list[tuple[int, int | None]] = []


def opener(start: int, length: int | None) -> io.BytesIO:
    opened.append((start, length))
    return io.BytesIO(DATA[start : None if length is None else start + length])


app = FastAPI()
errors.install(app)


@app.api_route("/file", methods=["GET", "HEAD"])
def file(request: Request) -> Response:
    return send(request, Download(opener, len(DATA), "abc", 'dir/données "x".bin'))


client = TestClient(RequestLog(app))


def get(headers: Mapping[str, str] | None = None, method: str = "GET"):
    opened.clear()
    return client.request(method, "/file", headers=dict(headers or {}))


def test_the_whole_file():
    answer = get()
    assert answer.content == DATA
    assert answer.headers["etag"] == '"abc"'
    assert answer.headers["content-length"] == str(len(DATA))


def test_head_says_the_same_and_opens_nothing():
    answer = get(method="HEAD")
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["accept-ranges"] == "bytes"
    assert not opened


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=2550-", 2550, 2560),
        ("bytes=2500-9999999", 2500, 2560),
        ("bytes=-10", 2550, 2560),
        ("bytes=-999999", 0, 2560),
    ],
)
def test_ranges(asked: str, start: int, end: int):
    answer = get({"Range": asked})
    assert answer.status_code == 206
    assert answer.content == DATA[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
    assert opened == [(start, end - start)]


@pytest.mark.parametrize("asked", ["bytes=2560-", "bytes=5000-6000", "bytes=-0"])
def test_ranges_outside_are_416(asked: str):
    answer = get({"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize(
    "asked", ["bytes=9-3", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-"]
)
def test_ranges_that_mean_nothing_are_ignored(asked: str):
    assert get({"Range": asked}).content == DATA


def test_a_range_of_another_version_is_the_whole_file():
    assert get({"Range": "bytes=0-1", "If-Range": '"old"'}).status_code == 200
    assert get({"Range": "bytes=0-1", "If-Range": '"abc"'}).status_code == 206


@pytest.mark.parametrize("tag", ['"abc"', 'W/"abc"', '"x", "abc"', "*"])
def test_what_the_client_has_is_not_sent(tag: str):
    answer = get({"If-None-Match": tag})
    assert answer.status_code == 304
    assert not opened


def test_files_cannot_act():
    headers = get().headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("name", "start", "media_type", "shown"),
    [
        ("a.html", b"<script>alert(1)</script>", "text/plain; charset=utf-8", True),
        ("a.svg", b"<svg onload='alert(1)'/>", "text/plain; charset=utf-8", True),
        ("a.xml", b"<?xml version='1.0'?>", "text/plain; charset=utf-8", True),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "image/png", True),
        ("a.png", b"MZ" + bytes(100), "application/x-msdownload", False),
        ("a.pdf", b"%PDF-1.7" + bytes(20), "application/pdf", False),
        ("a.bin", bytes(64), "application/octet-stream", False),
        ("readme", "naïve".encode(), "text/plain; charset=utf-8", True),
        ("latin", "naïve".encode("latin-1"), "application/octet-stream", False),
    ],
)
def test_types_are_told_by_content(name: str, start: bytes, media_type: str, shown: bool):
    assert sniff(name, start) == (media_type, shown)


def test_names_in_headers_end_with_a_semicolon_and_stay_on_one_line():
    text = disposition('a/x"y\r\nz é.txt', inline=True)
    assert text.startswith("inline;")
    assert text.endswith(";")
    assert "\n" not in text
    assert 'filename="x_y__z _.txt"' in text
