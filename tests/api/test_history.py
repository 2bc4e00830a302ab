"""Commits and differences."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.committing import file_line, header, post, put
from tests.support.server import LiveHub, LiveUser


@pytest.fixture(scope="module")
def repo(ada: LiveUser) -> str:
    name = ada.make_repo()
    for number in range(7):
        put(ada, name, {"n.txt": b"%d\n" % number}, summary=f"number {number}")
    return name


@pytest.fixture(scope="module")
def client(hub: LiveHub) -> Iterator[httpx.Client]:
    with hub.client() as made:
        yield made


def test_newest_first(client: httpx.Client, repo: str) -> None:
    commits = client.get(f"/api/models/{repo}/commits/main").json()
    assert [commit["title"] for commit in commits] == [
        *(f"number {number}" for number in reversed(range(7))),
        "initial commit",
    ]
    assert set(commits[0]) == {"id", "title", "message", "date", "authors"}
    assert commits[0]["authors"] == [{"user": "ada"}]
    since = client.get(f"/api/models/{repo}/commits/{commits[3]['id']}").json()
    assert since == commits[3:]


def test_pages(client: httpx.Client, repo: str) -> None:
    whole = client.get(f"/api/models/{repo}/commits/main").json()
    answer = client.get(f"/api/models/{repo}/commits/main?limit=3")
    found = answer.json()
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        found += answer.json()
    assert found == whole
    assert client.get(f"/api/models/{repo}/commits/main?limit=3&p=1").json() == whole[3:6]
    assert client.get(f"/api/models/{repo}/commits/main?p=99").json() == []
    for query in ("p=x", "p=-1", "limit=x"):
        assert client.get(f"/api/models/{repo}/commits/main?{query}").status_code == 400


def test_html_of_messages_is_safe(ada: LiveUser, client: httpx.Client) -> None:
    name = ada.make_repo()
    said = header("<b>bold</b>", description='<script>alert("x")</script> & more')
    assert post(ada, name, said, file_line("a", b"a")).is_success
    url = f"/api/models/{name}/commits/main?expand%5B%5D=formatted"
    newest = client.get(url).json()[0]
    assert newest["title"] == "<b>bold</b>"
    assert newest["formatted"] == {
        "title": "&lt;b&gt;bold&lt;/b&gt;",
        "message": "<p>&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; more</p>",
    }


@pytest.mark.parametrize("revision", ["never", "%ff", "0" * 40])
def test_no_such_revision(client: httpx.Client, repo: str, revision: str) -> None:
    for place in ("commits", "revision", "tree", "paths-info"):
        method = "POST" if place == "paths-info" else "GET"
        answer = client.request(
            method, f"/api/models/{repo}/{place}/{revision}", data={"paths": "a"}
        )
        assert answer.headers["x-error-code"] == "RevisionNotFound", place


def test_differences(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    with ada.client() as writer:
        writer.post(f"/api/models/{repo}/branch/side", json={"startingPoint": "main"})
    put(ada, repo, {"side.txt": b"side\n"}, revision="side")
    put(ada, repo, {"main.txt": b"main\n"})
    since_parted = client.get(f"/api/models/{repo}/compare/main...side")
    assert since_parted.headers["content-type"].startswith("text/plain")
    assert "+side" in since_parted.text
    assert "main.txt" not in since_parted.text
    between = client.get(f"/api/models/{repo}/compare/main..side?raw=true").text
    assert "-main" in between
    assert client.get(f"/api/models/{repo}/compare/main...main").text == ""


@pytest.mark.parametrize("spec", ["main", "...", "main..", "..main", ""])
def test_differences_of_nothing(client: httpx.Client, repo: str, spec: str) -> None:
    assert client.get(f"/api/models/{repo}/compare/{spec}").status_code in (400, 404)


def test_refs_of_every_kind_of_repository(ada: LiveUser, client: httpx.Client) -> None:
    for kind in ("dataset", "space"):
        name = ada.make_repo(kind=kind)
        found = client.get(f"/api/{kind}s/{name}/refs").json()
        assert [branch["ref"] for branch in found["branches"]] == ["refs/heads/main"]
        assert "pullRequests" not in found
