"""Trees and paths: forms, pages, order, and the names that Git allows."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.committing import put
from tests.support.server import LiveHub, LiveUser


@pytest.fixture(scope="module")
def repo(ada: LiveUser) -> str:
    name = ada.make_repo()
    put(ada, name, {f"d{n}/{m}.txt": b"x" for n in range(3) for m in range(3)}, summary="first")
    put(ada, name, {"d1/1.txt": b"y", "a.txt": b"z", "b/c/d/e.txt": b"w"}, summary="second")
    return name


@pytest.fixture(scope="module")
def client(hub: LiveHub) -> Iterator[httpx.Client]:
    with hub.client() as made:
        yield made


def paths(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["path"] for entry in entries]


def test_folders_first_each_followed_by_what_it_holds(client: httpx.Client, repo: str) -> None:
    flat = client.get(f"/api/models/{repo}/tree/main").json()
    assert paths(flat) == ["b", "d0", "d1", "d2", ".gitattributes", "a.txt"]
    deep = client.get(f"/api/models/{repo}/tree/main?recursive=true").json()
    assert paths(deep)[:6] == ["b", "b/c", "b/c/d", "b/c/d/e.txt", "d0", "d0/0.txt"]
    folder = client.get(f"/api/models/{repo}/tree/main/b/c/?recursive=True").json()
    assert paths(folder) == ["b/c/d", "b/c/d/e.txt"]
    assert paths(client.get(f"/api/models/{repo}/tree/main/b%2Fc").json()) == ["b/c/d"]


def test_booleans_are_read_not_just_seen(client: httpx.Client, repo: str) -> None:
    query = "recursive=false&expand=false"
    entries = client.get(f"/api/models/{repo}/tree/main?{query}").json()
    assert paths(entries) == ["b", "d0", "d1", "d2", ".gitattributes", "a.txt"]
    assert all("lastCommit" not in entry for entry in entries)


def test_last_commits(client: httpx.Client, repo: str) -> None:
    entries = client.get(f"/api/models/{repo}/tree/main?recursive=1&expand=1").json()
    titles = {entry["path"]: entry["lastCommit"]["title"] for entry in entries}
    assert titles["d1/1.txt"] == titles["d1"] == titles["b"] == "second"
    assert titles["d1/0.txt"] == titles["d0"] == "first"
    assert titles[".gitattributes"] == "initial commit"
    assert all(entry["lastCommit"]["date"].endswith("Z") for entry in entries)


@pytest.mark.parametrize("expand", ["true", "false"])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_are_a_cut_of_the_whole(
    client: httpx.Client, hub: LiveHub, repo: str, limit: int, expand: str
) -> None:
    query = f"recursive=true&expand={expand}"
    whole = client.get(f"/api/models/{repo}/tree/main?{query}").json()
    answer = client.get(f"/api/models/{repo}/tree/main?{query}&limit={limit}")
    found = answer.json()
    while "next" in answer.links:
        url = answer.links["next"]["url"]
        assert url.startswith(f"{hub.url}/api/models/")
        assert f"expand={expand}" in url
        assert len(answer.json()) == limit
        answer = client.get(url)
        found += answer.json()
    assert found == whole


def test_a_cursor_that_is_not_ours(client: httpx.Client, repo: str) -> None:
    assert client.get(f"/api/models/{repo}/tree/main?cursor=%21").status_code == 400
    assert client.get(f"/api/models/{repo}/tree/main?limit=x").status_code == 400
    for cursor in ("MQ", "bnVsbA", "W10", "Ilx1ZDgwMCI", "Ii8i"):  # 1, null, [], "\ud800", "/"
        answer = client.get(f"/api/models/{repo}/tree/main?cursor={cursor}")
        assert answer.status_code in (200, 400), cursor


@pytest.mark.parametrize("path", ["nope", "a.txt", "d0/nope", "%ff", "%2E%2E"])
def test_what_is_no_folder(client: httpx.Client, repo: str, path: str) -> None:
    answer = client.get(f"/api/models/{repo}/tree/main/{path}")
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "EntryNotFound")
    assert len(answer.headers["x-repo-commit"]) == 40


def test_paths_in_every_form(client: httpx.Client, repo: str) -> None:
    url = f"/api/models/{repo}/paths-info/main"
    asked = ["d1", "nope", "a.txt", "d1/1.txt"]
    form = client.post(url, data={"paths": asked, "expand": "false"}).json()
    assert paths(form) == ["d1", "a.txt", "d1/1.txt"]
    assert client.post(url, json={"paths": asked}).json() == form
    assert client.post(url, json={"paths": "a.txt"}).json() == [form[1]]
    assert client.post(url, data={"paths[]": asked}).json() == form
    expanded = client.post(url, json={"paths": asked, "expand": True}).json()
    assert [entry["lastCommit"]["title"] for entry in expanded] == ["second"] * 3
    assert client.post(url, data={"paths": asked, "expand": "True"}).json() == expanded


def test_paths_asked_wrongly(client: httpx.Client, repo: str) -> None:
    url = f"/api/models/{repo}/paths-info/main"
    for body in (b"{", b"[]", b'{"paths": [1]}', b'{"paths": {}}', b"\xff"):
        answer = client.post(url, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, body
    many = [str(number) for number in range(1001)]
    assert client.post(url, data={"paths": many}).status_code == 413
    assert client.post(url, json={"paths": many}).status_code == 413
    odd = ["", "/", "..", "a\0b", "x" * 5000, "a.txt/"]
    answer = client.post(url, json={"paths": odd})
    assert paths(answer.json()) == ["a.txt"]
    assert client.post(url, content=b'{"paths": ["\\ud800"]}').status_code == 400
    big = b"paths=" + b"x" * 9_000_000
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post(url, content=big, headers=form).status_code == 413
    chunks = iter([b"paths=a.txt"])
    assert client.post(url, content=chunks, headers=form).status_code in (200, 413)


def test_names_that_git_allows(ada: LiveUser, client: httpx.Client) -> None:
    name = ada.make_repo()
    odd = [
        "ünïcode/日本語.txt",
        "with space/#hash?.txt",
        "new\nline",
        "emoji 🚀",
        "quote\"'<>&",
        "%41",
    ]
    put(ada, name, dict.fromkeys(odd, b"x"))
    found = set(paths(client.get(f"/api/models/{name}/tree/main?recursive=true").json()))
    assert set(odd) <= found
    told = client.post(f"/api/models/{name}/paths-info/main", json={"paths": odd}).json()
    assert paths(told) == odd
    for path in odd:
        url = f"/{name}/resolve/main/{quote(path)}"
        assert client.get(url).content == b"x", path
