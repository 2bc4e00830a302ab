"""Branches, tags, histories: the words clients compare, and names nobody should use."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.committing import put
from tests.support.server import LiveUser

BAD_NAMES = [
    "a..b",
    "-x",
    "x.lock",
    "a~b",
    "a b",
    "a%00b",
    "%40%7B",
    "x%2F",
    "refs%2Fpr%2F1",
    "%ff",
]


@pytest.fixture
def repo(ada: LiveUser) -> str:
    return ada.make_repo()


@pytest.fixture
def client(ada: LiveUser) -> Iterator[httpx.Client]:
    with ada.client() as made:
        yield made


def refs(client: httpx.Client, repo: str) -> dict[str, dict[str, str]]:
    found = client.get(f"/api/models/{repo}/refs?include_prs=1").json()
    assert set(found) == {"branches", "tags", "converts", "pullRequests"}
    return {
        kind: {ref["name"]: ref["targetCommit"] for ref in listed} for kind, listed in found.items()
    }


def test_a_branch(client: httpx.Client, repo: str) -> None:
    head = refs(client, repo)["branches"]["main"]
    url = f"/api/models/{repo}/branch/dev"
    assert client.post(url, json={"startingPoint": head[:7]}).is_success
    assert client.post(url).json()["error"] == "Reference refs/heads/dev already exists"
    assert refs(client, repo)["branches"] == {"dev": head, "main": head}
    assert client.delete(url).is_success
    answer = client.delete(url)
    assert answer.status_code == 404
    assert "Invalid rev id" in answer.json()["error"]


def test_a_branch_without_history(client: httpx.Client, repo: str) -> None:
    url = f"/api/models/{repo}/branch/fresh"
    assert client.post(url, json={"emptyBranch": True}).is_success
    assert client.get(f"/api/models/{repo}/tree/fresh").json() == []
    assert len(client.get(f"/api/models/{repo}/commits/fresh").json()) == 1


def test_a_branch_moved_by_force(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    client.post(f"/api/models/{repo}/branch/dev", json={})
    head = put(ada, repo, {"a": b"a"})
    asked = {"startingPoint": "main", "overwrite": True}
    assert client.post(f"/api/models/{repo}/branch/dev", json=asked).is_success
    assert refs(client, repo)["branches"]["dev"] == head


def test_the_default_branch_stays(client: httpx.Client, repo: str) -> None:
    for name in ("main", "refs%2Fheads%2Fmain"):
        answer = client.delete(f"/api/models/{repo}/branch/{name}")
        assert answer.status_code == 403
        assert answer.json()["error"] == "Cannot delete refs/heads/main"


def test_another_default_branch(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    client.post(f"/api/models/{repo}/branch/dev", json={})
    head = put(ada, repo, {"README.md": b"---\nlicense: mit\n---\n"}, revision="dev")
    assert client.put(f"/api/models/{repo}/settings", json={"defaultBranch": "dev"}).is_success
    info = client.get(f"/api/models/{repo}").json()
    assert (info["sha"], info["cardData"]) == (head, {"license": "mit"})
    assert client.delete(f"/api/models/{repo}/branch/dev").status_code == 403
    assert client.delete(f"/api/models/{repo}/branch/main").is_success
    answer = client.put(f"/api/models/{repo}/settings", json={"defaultBranch": "never"})
    assert answer.headers["x-error-code"] == "RevisionNotFound"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_no_branch_may_have(client: httpx.Client, repo: str, name: str) -> None:
    answer = client.post(f"/api/models/{repo}/branch/{name}", json={})
    assert answer.status_code == 400, answer.text
    if name.startswith("refs"):
        assert "Invalid reference for a branch" in answer.json()["error"]


def test_branches_in_each_others_way(client: httpx.Client, repo: str) -> None:
    client.post(f"/api/models/{repo}/branch/a", json={})
    answer = client.post(f"/api/models/{repo}/branch/a%2Fb", json={})
    assert answer.status_code == 409, answer.text


def test_a_tag(client: httpx.Client, repo: str) -> None:
    head = refs(client, repo)["branches"]["main"]
    url = f"/api/models/{repo}/tag"
    assert client.post(f"{url}/main", json={"tag": "v1", "message": "first"}).is_success
    assert client.post(f"{url}/{head}", json={"tag": "v2"}).is_success
    assert refs(client, repo)["tags"] == {"v1": head, "v2": head}
    again = client.post(f"{url}/main", json={"tag": "v1"})
    assert again.status_code == 409
    assert client.get(f"/api/models/{repo}/revision/v1").json()["sha"] == head
    assert client.delete(f"{url}/v1").is_success
    for name in ("v1", "main"):
        assert client.delete(f"{url}/{name}").headers["x-error-code"] == "RevisionNotFound"


def test_tags_asked_wrongly(client: httpx.Client, repo: str) -> None:
    url = f"/api/models/{repo}/tag/main"
    for asked in ({}, {"tag": 1}, {"tag": ""}, {"tag": "a b"}, {"tag": "a..b"}):
        assert client.post(url, json=asked).status_code == 400, asked
    for raw in (b"{", b'"x"', b'{"tag": "\\ud800"}', b"[" * 100_000):
        assert client.post(url, content=raw).status_code == 400, raw


def test_a_branch_wins_over_a_tag(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    client.post(f"/api/models/{repo}/tag/main", json={"tag": "same"})
    client.post(f"/api/models/{repo}/branch/same", json={})
    head = put(ada, repo, {"a": b"a"}, revision="same")
    assert client.get(f"/api/models/{repo}/revision/same").json()["sha"] == head
    assert client.get(f"/api/models/{repo}/revision/refs%2Ftags%2Fsame").json()["sha"] != head


def test_a_squash(ada: LiveUser, client: httpx.Client, repo: str) -> None:
    put(ada, repo, {"a": b"a"})
    client.post(f"/api/models/{repo}/tag/main", json={"tag": "v1"})
    tree = client.get(f"/api/models/{repo}/tree/main").json()
    asked = {"message": "one commit"}
    assert client.post(f"/api/models/{repo}/super-squash/main", json=asked).is_success
    commits = client.get(f"/api/models/{repo}/commits/main").json()
    assert [commit["title"] for commit in commits] == ["one commit"]
    assert client.get(f"/api/models/{repo}/tree/main").json() == tree
    assert len(client.get(f"/api/models/{repo}/commits/v1").json()) == 2
    assert client.get(f"/api/models/{repo}").json()["sha"] == commits[0]["id"]
    for revision in ("v1", "never", commits[0]["id"]):
        answer = client.post(f"/api/models/{repo}/super-squash/{revision}", json=asked)
        assert answer.headers["x-error-code"] == "RevisionNotFound"
