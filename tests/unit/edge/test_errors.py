"""One failure, four doors: JSON, a page, text for Git, LFS's own form."""

import json

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from hub_server import errors as kinds
from hub_server.edge import errors
from hub_server.edge.errors import header_safe
from hub_server.edge.logs import RequestLog
from hub_server.edge.origin import OriginMiddleware, Origins
from hub_server.edge.paths import RawPath
from hub_server.errors import HubError
from hub_server.settings import Settings

app = FastAPI()
errors.install(app)
raised: list[Exception] = []


def error_page(request: Request, error: HubError) -> Response:
    return PlainTextResponse(f"page: {error}", error.status)


app.state.error_page = error_page


@app.post("/form")
def form(count: int) -> int:
    return count


@app.get("/{path:path}")
def fail() -> None:
    raise raised[-1]


client = TestClient(
    RequestLog(OriginMiddleware(RawPath(app), Origins(Settings(public_url="http://h/hub")), app)),
    base_url="http://h",
    raise_server_exceptions=False,
    follow_redirects=False,
)
PAGE = {"Accept": "text/html,*/*"}


def get(error: Exception, path: str = "/api/x", **headers: str):
    raised.append(error)
    return client.get(path, headers=headers)


EVERY = [
    (kinds.BadRequest("no"), 400, ""),
    (kinds.InvalidName("no"), 400, ""),
    (kinds.Unauthorized("no"), 401, ""),
    (kinds.InvalidCredentials(), 401, ""),
    (kinds.Forbidden("no"), 403, ""),
    (kinds.NotFound("no"), 404, ""),
    (kinds.RepoNotFound(), 404, "RepoNotFound"),
    (kinds.RepoNotFound(anonymous=True), 401, "RepoNotFound"),
    (kinds.RevisionNotFound("v1"), 404, "RevisionNotFound"),
    (kinds.EntryNotFound(), 404, "EntryNotFound"),
    (kinds.MethodNotAllowed("no"), 405, ""),
    (kinds.Conflict("no"), 409, ""),
    (kinds.Gone("no"), 410, ""),
    (kinds.Lost("lfs/1"), 410, ""),
    (kinds.PreconditionFailed("no"), 412, ""),
    (kinds.TooLarge("no"), 413, ""),
    (kinds.RangeNotSatisfiable(5), 416, ""),
    (kinds.Unprocessable("no"), 422, ""),
    (kinds.Unavailable("no"), 503, ""),
    (kinds.StorageFull("no"), 507, ""),
]


@pytest.mark.parametrize(("error", "status", "code"), EVERY)
def test_status_code_and_words_are_those_of_the_error(error: HubError, status: int, code: str):
    answer = get(error)
    assert answer.status_code == status
    assert answer.headers.get("x-error-code", "") == code
    assert answer.headers["x-error-message"] == answer.json()["error"] == str(error)


def test_every_leaf_is_in_the_table():
    def leaves(kind: type[HubError]) -> set[type]:
        return {kind}.union(*map(leaves, kind.__subclasses__()))

    ours = {kind for kind in leaves(HubError) if kind.__module__ == "hub_server.errors"}
    apart = {HubError, kinds.Moved, kinds.AlreadyExists}
    assert ours - {type(error) for error, _, _ in EVERY} == apart


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/api/models/a/b", {}, '{"error":"no"}'),
        ("/api/models/a/b", PAGE, '{"error":"no"}'),
        ("/-/lfs/upload/x", {}, None),
        ("/a/b.git/info/lfs/objects/batch", {}, None),
        ("/a/b/info/refs", {}, "no\n"),
        ("/a/b/git-upload-pack", {}, "no\n"),
        ("/a/b", PAGE, "page: no"),
        ("/a/b/resolve/main/x", {}, '{"error":"no"}'),
        ("/a/b/resolve/main/x", PAGE, "page: no"),
    ],
)
def test_doors(path: str, headers: dict[str, str], body: str | None):
    answer = get(kinds.Forbidden("no"), path, **headers)
    if body is None:
        assert answer.headers["content-type"] == "application/vnd.git-lfs+json"
        assert answer.json() == {"message": "no", "request_id": answer.headers["x-request-id"]}
    else:
        assert answer.text == body


def test_git_and_lfs_are_asked_for_a_password_and_browsers_are_not():
    error = kinds.Unauthorized("no")
    assert get(error, "/a/b/info/refs").headers["www-authenticate"].startswith("Basic ")
    assert get(error, "/a/b/info/lfs/locks").headers["lfs-authenticate"].startswith("Basic ")
    assert "www-authenticate" not in get(error, "/a/b", **PAGE).headers
    assert "www-authenticate" not in get(error, "/api/whoami-v2").headers


def test_what_helps_the_client_goes_along():
    assert get(kinds.Unavailable("no", retry_after=7)).headers["retry-after"] == "7"
    assert get(kinds.RangeNotSatisfiable(5)).headers["content-range"] == "bytes */5"
    assert get(kinds.EntryNotFound(commit="c" * 40)).headers["x-repo-commit"] == "c" * 40
    exists = get(kinds.AlreadyExists("there", url="/a/b")).json()
    assert exists == {"error": "there", "url": "http://h/hub/a/b"}


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/hub/api/models/old/name/tree/a%2Fb?x=%20", "/hub/api/models/new/home/tree/a%2Fb?x=%20"),
        ("/OLD/Name.git/info/refs?service=x", "/hub/new/home.git/info/refs?service=x"),
    ],
)
def test_what_moved_is_redirected_with_its_query(path: str, location: str):
    answer = get(kinds.Moved("old/name", "new/home"), path)
    assert (answer.status_code, answer.headers["location"]) == (307, location)


def test_the_unexpected_names_its_line_in_the_log_and_nothing_else():
    answer = get(ValueError("internal detail"))
    assert answer.status_code == 500
    assert "internal detail" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["error"]


def test_the_frameworks_own_failures_speak_alike():
    assert client.post("/api/x").json() == {"error": "This address does not take that method."}
    assert client.post("/form?count=x").status_code == 400
    assert '"count" is not right' in client.post("/form?count=x").json()["error"]


def test_words_are_fit_for_a_header():
    assert header_safe("two\r\nlines \t of  text") == "two lines of text"
    assert header_safe("한국어 é") == "??? é"
    assert len(header_safe("a" * 5000)) == 800
    answer = get(kinds.BadRequest("{name} is\r\nodd: 한", name="a\ud800\x00"))
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"].startswith("a?")


def test_braces_in_a_sentence_without_fields_are_just_braces():
    assert str(kinds.BadRequest("{not a field}")) == "{not a field}"
