"""Pages: how many, from where, and where the next one is."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.requests import Request
from starlette.testclient import TestClient

from hub_server.edge import AskedPage, cut, errors, link_next
from hub_server.edge.logs import RequestLog
from hub_server.edge.origin import OriginMiddleware, Origins
from hub_server.keys import Keys
from hub_server.settings import Settings

app = FastAPI()
app.state.hub = SimpleNamespace(keys=Keys.of("a secret of tests"))
errors.install(app)


@app.get("/{name:path}")
def listing(request: Request, response: Response, page: AskedPage, last: bool = False) -> Any:
    link_next(request, response, None if last else {"id": page.limit, "name": "é"})
    return {"limit": page.limit, "after": page.after}


settings = Settings(public_url="https://hub.example.org/hub")
client = TestClient(
    RequestLog(OriginMiddleware(app, Origins(settings), app)),
    base_url="https://hub.example.org",
)


@pytest.mark.parametrize(
    ("asked", "limit"),
    [("", 1000), ("limit=5", 5), ("limit=0", 1), ("limit=1001", 1000),
     ("limit=" + "9" * 5000, 1000), ("limit=" + "0" * 5000 + "7", 7),
     ("limit=", 1000), ("limit=%D9%A3", 3)],
)  # fmt: skip
def test_limits(asked: str, limit: int):
    assert client.get(f"/list?{asked}").json()["limit"] == limit


@pytest.mark.parametrize("asked", ["-1", "ten", "1.5", "1e3", "%C2%B2", "+1x", "5;"])
def test_limits_that_are_no_numbers(asked: str):
    assert client.get(f"/list?limit={asked}").status_code == 400


def test_the_next_page_is_an_absolute_link_that_keeps_the_question():
    answer = client.get("/hub/a%2Fb/list?search=x%20y&limit=5&cursor=")
    link = answer.headers["link"]
    assert link.startswith("<https://hub.example.org/hub/a%2Fb/list?search=x+y&limit=5&cursor=")
    assert link.endswith('>; rel="next"')
    following = client.get(link[1:].split(">")[0])
    assert following.json()["after"] == {"id": 5, "name": "é"}
    assert following.headers["link"].count("cursor=") == 1


def test_the_last_page_has_no_link():
    assert "link" not in client.get("/list?last=1").headers


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "AAAA",
        "%FF",
        "é",
        "W1tb",
        "IQ==",
        "W1tb" * 10_000,
        "MQ" + "MTEx" * 8000,
        "InxcdWQ4MDAi",
    ],
)
def test_a_cursor_that_nobody_gave(cursor: str):
    answer = client.get("/list", params={"cursor": cursor})
    assert answer.status_code == 400
    assert "start from the first page" in answer.json()["error"]


def test_a_cursor_that_was_changed():
    link = client.get("/list?limit=5").headers["link"]
    cursor = link[1:].split("cursor=")[1].split(">")[0]
    raw, _, signature = cursor.partition(".")
    assert client.get("/list", params={"cursor": cursor}).json()["after"]["id"] == 5
    other = base64.urlsafe_b64encode(b'{"id": 6, "name": "e"}').decode().rstrip("=")
    for forged in (raw, f"{raw}.", f"{raw}.é", f"{other}.{signature}", f"{raw}x.{signature}"):
        assert client.get("/list", params={"cursor": forged}).status_code == 400, forged


def test_cut():
    assert cut([1, 2, 3], 2) == ([1, 2], True)
    assert cut([1, 2], 2) == ([1, 2], False)
    assert cut([], 2) == ([], False)
