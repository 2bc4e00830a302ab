"""When a cookie counts: our own page, and a token of ours that is bound to it."""

import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.testclient import TestClient

from hub_server.edge import csrf
from hub_server.edge.origin import OriginMiddleware, Origins
from hub_server.edge.paths import RawPath
from hub_server.keys import Keys
from hub_server.settings import Settings

KEYS = Keys.of("a-secret-of-these-tests")
app = FastAPI()


@app.get("/page")
def page(request: Request) -> Response:
    response = Response(csrf.token_for(request, KEYS))
    csrf.keep_guest(request, response)
    return response


@app.api_route("/act", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def act(request: Request, token: csrf.SentToken) -> bool:
    return csrf.is_ours(request, KEYS, token)


@app.get("/cookie")
def cookie(request: Request, name: str = csrf.SESSION_COOKIE) -> Response:
    response = Response()
    csrf.set_cookie(request, response, name, "value", seconds=60)
    csrf.drop_cookie(request, response, csrf.GUEST_COOKIE)
    return response


def browser(url: str = "http://127.0.0.1:8000", **settings: str) -> TestClient:
    origins = Origins(Settings(**settings))  # type: ignore[arg-type]
    return TestClient(OriginMiddleware(RawPath(app), origins, app), base_url=url)


OURS = {"Origin": "http://127.0.0.1:8000"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_our_own_page_with_its_token_counts(method: str):
    with browser() as person:
        token = person.get("/page").text
        headers = {**OURS, "X-CSRF-Token": token}
        assert person.request(method, "/act", headers=headers).json() is True


def test_the_token_may_come_in_the_form():
    with browser() as person:
        token = person.get("/page").text
        form = {"csrf_token": token}
        assert person.post("/act", data=form, headers=OURS).json() is True
        assert person.post("/act", data={"csrf_token": "x"}, headers=OURS).json() is False
        files = {"csrf_token": ("token", token.encode())}
        assert person.post("/act", files=files, headers=OURS).json() is False, "a file is no field"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_needs_no_token(method: str):
    with browser() as person:
        assert person.request(method, "/act").text in ("true", "")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": "http://127.0.0.1:8001"},
        {"Origin": "http://127.0.0.1:8000.evil.example"},
        {"Origin": "http://localhost:8000"},
        {"Origin": ""},
        {},
        {"Referer": "http://evil.example/http://127.0.0.1:8000/"},
        {**OURS, "Sec-Fetch-Site": "cross-site"},
        {**OURS, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    ],
)
def test_other_pages_do_not_count_even_with_a_token(headers: dict[str, str]):
    with browser() as person:
        token = person.get("/page").text
        sent = {**headers, "X-CSRF-Token": token}
        assert person.post("/act", headers=sent).json() is False


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {**OURS, "Sec-Fetch-Site": "same-origin"},
        {"Referer": "http://127.0.0.1:8000/page?x"},
    ],
)
def test_browsers_may_say_it_in_other_words(headers: dict[str, str]):
    with browser() as person:
        token = person.get("/page").text
        assert person.post("/act", headers={**headers, "X-CSRF-Token": token}).json() is True


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "\x7f"])
def test_our_page_without_the_token_does_not_count(token: str):
    with browser() as person:
        person.get("/page")
        assert person.post("/act", headers={**OURS, "X-CSRF-Token": token}).json() is False


def test_a_token_belongs_to_one_browser_and_one_session():
    with browser() as person, browser() as other:
        token, others = person.get("/page").text, other.get("/page").text
        assert token != others
        assert person.post("/act", headers={**OURS, "X-CSRF-Token": others}).json() is False
        person.get("/cookie")  # as if signed in: what was bound to the guest has ended
        assert person.get("/page").text != token
        assert person.post("/act", headers={**OURS, "X-CSRF-Token": token}).json() is False


@pytest.mark.parametrize(
    ("url", "origin", "counts"),
    [
        ("https://hub.example.org", "https://hub.example.org", True),
        ("https://hub.example.org", "http://hub.example.org", False),
        ("http://hub.example.org", "https://hub.example.org", True),  # a proxy ends TLS
        ("http://hub.example.org", "http://hub.example.org", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("http://127.0.0.1:8000", "https://hub.example.org", True),  # a proxy renames the host
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000", False),
    ],
)
def test_a_public_address_is_our_origin_and_so_is_loopback(url: str, origin: str, counts: bool):
    with browser(url, public_url="https://Hub.example.org/hub") as person:
        answer = person.get("/hub/page")
        cookie = answer.headers["set-cookie"].split(";")[0]
        headers = {"Origin": origin, "X-CSRF-Token": answer.text, "Cookie": cookie}
        assert person.post("/hub/act", headers=headers).json() is counts


@pytest.mark.parametrize(
    ("public", "name", "words"),
    [
        ("", "hub_session", {"path=/"}),
        ("https://h.example", "__Host-hub_session", {"path=/", "secure"}),
        ("https://h.example/hub", "hub_session", {"path=/hub", "secure"}),
    ],
)
def test_cookies_are_as_narrow_as_they_can_be(public: str, name: str, words: set[str]):
    url = "https://h.example" if public else "http://127.0.0.1"
    with browser(url, public_url=public) as person:
        made, dropped = person.get("/cookie").headers.get_list("set-cookie")
    said = {part.strip().lower() for part in made.split(";")}
    assert made.startswith(f"{name}=value;")
    assert {"httponly", "samesite=lax", "max-age=60", *words} <= said
    assert ("secure" in said) == ("secure" in words)
    assert not any(part.startswith("domain") for part in said)
    assert "max-age=0" in dropped.lower()
    assert ("secure" in dropped.lower()) == ("secure" in words)
