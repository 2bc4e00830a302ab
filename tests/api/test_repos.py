"""The life of a repository over HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.committing import put
from tests.support.server import LiveUser


@pytest.fixture
def client(ada: LiveUser) -> Iterator[httpx.Client]:
    with ada.client() as made:
        yield made


@pytest.fixture
def guest(bob: LiveUser) -> Iterator[httpx.Client]:
    with bob.client() as made:
        yield made


@pytest.fixture
def repo(ada: LiveUser) -> str:
    return ada.make_repo()


def test_what_a_new_repository_is(ada: LiveUser, client: httpx.Client) -> None:
    told = client.post("/api/repos/create", json={"name": "brand-new"}).json()
    assert told["url"] == f"{ada.hub.url}/ada/brand-new"
    assert told["name"] == "ada/brand-new"
    commits = client.get("/api/models/ada/brand-new/commits/main").json()
    assert [(c["title"], c["authors"]) for c in commits] == [("initial commit", [{"user": "ada"}])]
    attributes = client.get("/ada/brand-new/resolve/main/.gitattributes").text
    assert "*.safetensors filter=lfs diff=lfs merge=lfs -text" in attributes.splitlines()


def test_once_only(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    name = repo.partition("/")[2]
    for spelling in (name, name.upper()):
        answer = client.post("/api/repos/create", json={"name": spelling})
        assert answer.status_code == 409
        assert "already created this model repo" in answer.json()["error"]
        assert answer.json()["url"].lower() == f"{ada.hub.url}/{repo}".lower()
    assert client.post("/api/repos/create", json={"name": name, "type": "dataset"}).is_success


@pytest.mark.parametrize(
    ("body", "private"),
    [
        ({"private": True}, True),
        ({"private": False}, False),
        ({"visibility": "private"}, True),
        ({"visibility": "public", "private": True}, False),
        ({}, False),
        ({"private": None, "organization": None, "lfsmultipartthresh": 1, "region": "us"}, False),
    ],
)
def test_visibility(
    client: httpx.Client, guest: httpx.Client, body: dict[str, object], *, private: bool
) -> None:
    name = f"seen-{hash(str(body)) & 0xFFFFFF:x}"
    assert client.post("/api/repos/create", json={"name": name, **body}).is_success
    assert client.get(f"/api/models/ada/{name}").json()["private"] is private
    assert guest.get(f"/api/models/ada/{name}").is_success is not private


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a b"},
        {"name": "a--b"},
        {"name": ".a"},
        {"name": "x" * 97},
        {"name": "resolve"},
        {"name": "a/b/c"},
        {"name": "a", "type": "kernel"},
        {"name": "a", "visibility": "protected"},
        {"name": "a", "type": "space"},
        {"name": "a", "type": "space", "sdk": "cobol"},
        {"name": "a", "license": "no-such"},
        {"name": "a", "files": [{"path": "x", "content": "*", "encoding": "base64"}]},
        {"name": 1},
        {"name": "a", "private": "perhaps"},
    ],
)
def test_what_cannot_be_made(client: httpx.Client, body: dict[str, object]) -> None:
    assert client.post("/api/repos/create", json=body).status_code == 400
    assert client.get("/api/models/ada/a").status_code == 404


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"name": "\\ud800"}']
)
def test_bodies_that_are_none(client: httpx.Client, raw: bytes) -> None:
    for method, path in (
        ("POST", "/api/repos/create"),
        ("POST", "/api/repos/move"),
        ("DELETE", "/api/repos/delete"),
    ):
        assert client.request(method, path, content=raw).status_code == 400, path


def test_a_body_beyond_measure(client: httpx.Client, repo: str) -> None:
    raw = b'{"message": "' + b"x" * 2_000_000 + b'"}'
    answer = client.post(f"/api/models/{repo}/super-squash/main", content=raw)
    assert answer.status_code == 413


def test_in_an_organization(ada: LiveUser, client: httpx.Client, guest: httpx.Client) -> None:
    org = ada.hub.make_org(None, "ada:admin")
    body = {"name": "shared", "organization": org}
    assert client.post("/api/repos/create", json=body).json()["name"] == f"{org}/shared"
    assert guest.post("/api/repos/create", json={**body, "name": "mine"}).status_code == 403
    nowhere = {"name": "x", "organization": "nobody-has-this-name"}
    assert client.post("/api/repos/create", json=nowhere).status_code == 404


def test_files_of_the_first_moment(client: httpx.Client) -> None:
    files = [
        {"path": "a.txt", "content": "aGVsbG8=", "encoding": "base64"},
        {"path": "README.md", "content": "---\nlicense: mit\n---\n"},
    ]
    assert client.post("/api/repos/create", json={"name": "with-files", "files": files}).is_success
    assert client.get("/ada/with-files/resolve/main/a.txt").text == "hello"
    assert client.get("/api/models/ada/with-files").json()["cardData"] == {"license": "mit"}
    licensed = {"name": "licensed", "license": "apache-2.0", "type": "dataset"}
    assert client.post("/api/repos/create", json=licensed).is_success
    assert client.get("/api/datasets/ada/licensed").json()["cardData"] == {"license": "apache-2.0"}


def test_files_that_cannot_be_leave_no_repository(client: httpx.Client) -> None:
    body = {"name": "with-bad-files", "files": [{"path": "../x", "content": "x"}]}
    assert client.post("/api/repos/create", json=body).status_code == 422
    assert client.get("/api/models/ada/with-bad-files").status_code == 404
    assert client.post("/api/repos/create", json={"name": "with-bad-files"}).is_success


def test_a_space_says_what_it_runs_on(client: httpx.Client) -> None:
    body = {"name": "my-app", "type": "space", "sdk": "gradio", "secrets": [{"key": "K"}]}
    answer = client.post("/api/repos/create", json=body)
    assert "not kept" in answer.headers["x-hf-warning"]
    info = client.get("/api/spaces/ada/my-app").json()
    assert (info["sdk"], info["cardData"]["sdk"]) == ("gradio", "gradio")
    assert client.get("/api/spaces/ada/my-app/runtime").json()["stage"] == "STOPPED"
    assert "not kept" not in client.post(
        "/api/repos/create", json={**body, "name": "other", "secrets": None}
    ).headers.get("x-hf-warning", "")


def test_deletion(client: httpx.Client, repo: str) -> None:
    name = repo.partition("/")[2]
    body = {"name": name, "type": "dataset"}
    missing = client.request("DELETE", "/api/repos/delete", json=body)
    assert (missing.status_code, missing.headers["x-error-code"]) == (404, "RepoNotFound")
    assert missing.headers["x-request-id"]
    assert client.request("DELETE", "/api/repos/delete", json={"name": name}).is_success
    for path in (f"/api/models/{repo}", f"/{repo}/resolve/main/.gitattributes"):
        assert client.get(path).headers["x-error-code"] == "RepoNotFound"
    assert client.post("/api/repos/create", json={"name": name}).is_success


def test_a_former_name_deletes_nothing(client: httpx.Client, repo: str) -> None:
    client.post("/api/repos/move", json={"fromRepo": repo, "toRepo": f"{repo}-now"})
    answer = client.request("DELETE", "/api/repos/delete", json={"name": repo})
    assert answer.headers["x-error-code"] == "RepoNotFound"
    assert client.get(f"/api/models/{repo}-now").is_success


def test_moving(ada: LiveUser, client: httpx.Client, guest: httpx.Client, repo: str) -> None:
    org = ada.hub.make_org(None, "ada:admin", "bob:read")
    there = f"{org}/here"
    asked = {"fromRepo": repo, "toRepo": there, "type": "model"}
    assert guest.post("/api/repos/move", json=asked).status_code == 403
    assert client.post("/api/repos/move", json=asked).is_success
    for method, path in (
        ("GET", f"/api/models/{repo}"),
        ("GET", f"/api/models/{repo.upper()}/tree/main?recursive=true"),
        ("POST", f"/api/models/{repo}/commit/main"),
        ("HEAD", f"/{repo}/resolve/main/a"),
        ("GET", f"/{repo}.git/info/refs?service=git-upload-pack"),
    ):
        answer = client.request(method, path)
        assert answer.status_code == 307, path
        assert answer.headers["location"].startswith(path.split(repo.split("/")[0])[0][:4])
        assert there in answer.headers["location"]
    back = {"fromRepo": repo, "toRepo": repo, "type": "model"}
    assert client.post("/api/repos/move", json=back).is_success  # by its former name
    assert client.get(f"/api/models/{there}").status_code == 307
    assert client.get(f"/api/models/{repo}").json()["id"] == repo


def test_moving_onto_another(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    other = ada.make_repo()
    answer = client.post("/api/repos/move", json={"fromRepo": repo, "toRepo": other})
    assert answer.status_code == 409
    assert answer.json()["error"] == f"A model repository called {other} already exists"


def test_a_redirect_ends_when_the_name_is_taken(client: httpx.Client, repo: str) -> None:
    client.post("/api/repos/move", json={"fromRepo": repo, "toRepo": f"{repo}-b"})
    client.post("/api/repos/create", json={"name": repo.partition("/")[2]})
    assert client.get(f"/api/models/{repo}").json()["id"] == repo


def test_settings(client: httpx.Client, guest: httpx.Client, repo: str) -> None:
    url = f"/api/models/{repo}/settings"
    for body, seen in (
        ({"gated": "auto"}, ("auto", False, False)),
        ({"discussionsDisabled": True}, ("auto", False, True)),
        ({"private": True}, ("auto", True, True)),
        ({"visibility": "public", "gated": False}, (False, False, True)),
        ({}, (False, False, True)),
    ):
        assert client.put(url, json=body).is_success, body
        info = client.get(f"/api/models/{repo}").json()
        assert (info["gated"], info["private"], info["discussionsDisabled"]) == seen
    for body in ({"gated": "often"}, {"gated": True}, {"visibility": "x"}, {"private": "no idea"}):
        assert client.put(url, json=body).status_code == 400, body
    assert guest.put(url, json={"private": True}).status_code == 403


def test_a_space_has_no_gate(ada: LiveUser, client: httpx.Client) -> None:
    space = ada.make_repo(kind="space")
    assert client.put(f"/api/spaces/{space}/settings", json={"gated": "auto"}).status_code == 400


def test_a_copy(ada: LiveUser, bob: LiveUser, client: httpx.Client, guest: httpx.Client) -> None:
    source = ada.make_repo()
    put(ada, source, {"README.md": b"---\nlicense: mit\n---\n"})
    client.post(f"/api/models/{source}/tag/main", json={"tag": "v1"})
    asked = {"repository": f"{bob.name}/copy"}
    told = guest.post(f"/api/models/{source}/duplicate", json=asked).json()
    assert told["url"] == f"{ada.hub.url}/{bob.name}/copy"
    assert guest.get("/bob/copy/resolve/v1/README.md").is_success
    assert guest.get("/api/models/bob/copy").json()["cardData"] == {"license": "mit"}
    assert (
        guest.get("/api/models/bob/copy/refs").json()
        == client.get(f"/api/models/{source}/refs").json()
    )
    again = guest.post(f"/api/models/{source}/duplicate", json=asked)
    assert (again.status_code, again.json()["url"]) == (409, told["url"])
    mine = {"repository": f"{ada.name}/not-yours"}
    assert guest.post(f"/api/models/{source}/duplicate", json=mine).status_code == 403


def test_a_copy_is_no_more_open_than_what_it_copies(ada: LiveUser, client: httpx.Client) -> None:
    source = ada.make_repo(private=True)
    client.put(f"/api/models/{source}/settings", json={"gated": "manual"})
    client.post(f"/api/models/{source}/duplicate", json={"repository": f"{source}-copy"})
    info = client.get(f"/api/models/{source}-copy").json()
    assert (info["private"], info["gated"]) == (True, "manual")


def test_who_may_use_it(client: httpx.Client, guest: httpx.Client, repo: str) -> None:
    assert guest.get(f"/api/models/{repo}/auth-check").is_success
    assert guest.get(f"/api/models/{repo}/auth-check/write").status_code == 403
    assert client.get(f"/api/models/{repo}/auth-check/write").is_success
    client.put(f"/api/models/{repo}/settings", json={"gated": "auto"})
    answer = guest.get(f"/api/models/{repo}/auth-check")
    assert (answer.status_code, answer.headers["x-error-code"]) == (403, "GatedRepo")
    assert "is restricted and you are not in the authorized list" in answer.json()["error"]


def test_storage_is_counted(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    before = client.get(f"/api/models/{repo}").json()["usedStorage"]
    put(ada, repo, {"a.txt": bytes(range(256)) * 100})
    assert client.get(f"/api/models/{repo}").json()["usedStorage"] > before
    (listed,) = [r for r in client.get("/api/settings/repositories").json() if r["id"] == repo]
    assert listed["storage"] > before


def test_unknown_addresses_of_the_api(client: httpx.Client, repo: str) -> None:
    for path in ("/api/nothing", f"/api/models/{repo}/nothing", "/api/kernels/a/b", "/api"):
        answer = client.get(path)
        assert answer.status_code in (401, 404)
        assert answer.json()["error"]
        assert answer.headers["x-request-id"]
    assert client.post(f"/api/models/{repo}").status_code == 405
