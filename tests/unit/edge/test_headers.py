"""What every answer carries, and what routes may say otherwise."""

from fastapi import FastAPI
from starlette.responses import Response
from starlette.testclient import TestClient

from hub_server.edge.headers import SafeHeaders

app = FastAPI()


@app.get("/page")
def page() -> Response:
    return Response("x", headers={"X-Frame-Options": "SAMEORIGIN"})


def headers(*, foreign_images: bool = False, path: str = "/page"):
    return TestClient(SafeHeaders(app, foreign_images=foreign_images)).get(path).headers


def test_nothing_runs_but_our_own_scripts():
    policy = dict(
        part.strip().split(" ", 1) for part in headers()["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["img-src"] == "'self' data:"


def test_images_of_other_hosts_are_the_operators_choice():
    assert "img-src 'self' data: https:;" in headers(foreign_images=True)["content-security-policy"]


def test_a_route_has_the_last_word_and_errors_are_guarded_too():
    assert headers()["x-frame-options"] == "SAMEORIGIN"
    missing = headers(path="/none")
    assert missing["x-frame-options"] == "DENY"
    assert missing["x-content-type-options"] == "nosniff"
    assert missing["referrer-policy"] == "same-origin"
