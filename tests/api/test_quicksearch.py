"""Suggestions as one types, over HTTP, and the texts of cards through listings."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.committing import put
from tests.support.server import LiveHub, LiveUser


@pytest.fixture(scope="module")
def client(hub: LiveHub) -> Iterator[httpx.Client]:
    with hub.client() as made:
        yield made


@pytest.fixture(scope="module")
def repos(ada: LiveUser, bob: LiveUser) -> dict[str, str]:
    """One of each kind, and a private one."""
    made = {kind: ada.make_repo("quokka-tiny", kind=kind) for kind in ("model", "dataset", "space")}
    made["private"] = bob.make_repo("quokka-secretive", private=True)
    card = "---\nlicense: mit\n---\n# Modèle d'été\n\n한국어 모델, 机器学习, 日本語の音声認識。\n"
    put(ada, made["model"], {"README.md": card.encode()})
    return made


def ask(client: httpx.Client, q: str, **params: Any) -> dict[str, Any]:
    answer = client.get("/api/quicksearch", params={"q": q, **params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_answer_has_the_public_shape(client: httpx.Client, repos: dict[str, str]) -> None:
    found = ask(client, "quokka-t", lang="fr", exclude="x")
    for kind in ("model", "dataset", "space"):
        (only,) = found[f"{kind}s"]
        assert only["id"] == repos[kind]
        assert len(only["_id"]) == 24
        assert only["private"] is False
        assert only["trendingWeight"] >= 0
        assert found[f"{kind}sCount"] == 1
    for name in ("users", "orgs", "collections", "papers", "posts"):
        assert (found[name], found[f"{name}Count"]) == ([], 0)
    assert found["q"] == "quokka-t"
    assert "didYouMean" not in found


def test_people_and_organizations_by_how_their_names_begin(
    client: httpx.Client, hub: LiveHub
) -> None:
    user, org = hub.make_user("Numbat-Ann"), hub.make_org("numbats")
    found = ask(client, "NUMBAT", limit=1)
    assert [each["user"] for each in found["users"]] == [user.name]
    assert [each["name"] for each in found["orgs"]] == [org]
    assert found["users"][0]["avatarUrl"].startswith("http")
    assert (found["usersCount"], found["orgsCount"]) == (1, 1)
    assert ask(client, "umbat")["users"] == []


def test_types_and_limits(client: httpx.Client, ada: LiveUser, repos: dict[str, str]) -> None:
    for number in range(3):
        ada.make_repo(f"wombat-{number}")
    assert set(ask(client, "quokka", type="dataset")) >= {"datasets", "datasetsCount"}
    assert "models" not in ask(client, "quokka", type="datasets,user")
    found = ask(client, "wombat", limit="2")
    assert (len(found["models"]), found["modelsCount"]) == (2, 3)
    assert len(ask(client, "wombat", limit="0")["models"]) == 1
    assert len(ask(client, "wombat", limit="9" * 500)["models"]) == 3
    assert client.get("/api/quicksearch?q=a&limit=x").status_code == 400


def test_mistyped_words_are_told_and_private_ones_never(
    client: httpx.Client, bob: LiveUser, repos: dict[str, str]
) -> None:
    assert ask(client, "qoukka tinny")["didYouMean"] == "quokka tiny"
    assert ask(client, "secretiv3")["didYouMean"] is None
    assert ask(client, "zyxwvut")["didYouMean"] is None
    with bob.client() as owner:
        assert ask(owner, "secretiv")["models"][0]["id"] == repos["private"]
        assert ask(owner, "secretiv3")["didYouMean"] is None
    assert ask(client, "secretiv")["models"] == []


@pytest.mark.parametrize(
    "q",
    ["", " ", "%", "_", "*", '"', "\\", "a\0b", "\x01\x02", "NEAR(a b)", "' OR 1=1 --", "é" * 999],
)
def test_strange_searches_find_nothing(client: httpx.Client, q: str) -> None:
    found = ask(client, q)
    assert not any(found[key] for key in found if key not in ("q", "didYouMean"))
    assert found["didYouMean"] is None
    for name in ("search", "text"):
        listed = client.get("/api/models", params={name: q})
        assert listed.status_code == 200
        assert bool(listed.json()) == (not q.strip())


def test_a_long_search_is_refused_in_one_sentence(client: httpx.Client) -> None:
    answer = client.get("/api/quicksearch", params={"q": "a" * 10_000})
    assert answer.status_code == 400
    assert answer.json()["error"] == "A search takes at most 1000 characters."
    assert client.get("/api/quicksearch?q=%ff%fe").json()["models"] == []


@pytest.mark.parametrize(
    "text", ["modele", "l'ÉTÉ", "한국어", "모델", "机器学习", "日本語 音声認識"]
)
def test_cards_are_found_by_the_words_people_type(
    client: httpx.Client, repos: dict[str, str], text: str
) -> None:
    found = client.get("/api/models", params={"text": text}).json()
    assert [each["id"] for each in found] == [repos["model"]]


def test_texts_are_listed_by_relevance(client: httpx.Client, ada: LiveUser) -> None:
    """Page by page, hits in the name first; other orders as ever."""
    often, once, named = (ada.make_repo(name) for name in ("one", "two", "bettong"))
    put(ada, often, {"README.md": b"bettong bettong bettong"})
    put(ada, once, {"README.md": b"a bettong, " + b"and many other words " * 20})
    best = [named, often, once]
    first = client.get("/api/models?text=bettong&limit=2")
    assert [each["id"] for each in first.json()] == best[:2]
    assert first.headers["x-total-count"] == "3"
    second = client.get(first.links["next"]["url"])
    assert [each["id"] for each in second.json()] == best[2:]
    assert "next" not in second.links
    by_id = client.get("/api/models?text=bettong&sort=id").json()
    assert [each["id"] for each in by_id] == [named, once, often]
    assert client.get("/api/models?sort=relevance").status_code == 400
    forged = first.links["next"]["url"].replace("bettong", "other")
    assert client.get(forged).status_code == 400


def test_a_new_and_a_renamed_repository_are_found_at_once(
    client: httpx.Client, ada: LiveUser
) -> None:
    name = ada.make_repo("bandicoot")
    assert [each["id"] for each in ask(client, "bandicoot")["models"]] == [name]
    with ada.client() as owner:
        moved = {"fromRepo": name, "toRepo": "ada/potoroo", "type": "model"}
        assert owner.post("/api/repos/move", json=moved).is_success
        assert ask(client, "bandicoot")["models"] == []
        assert ask(client, "potroo")["didYouMean"] == "potoroo"
        assert [each["id"] for each in client.get("/api/models?text=potoroo").json()] == [
            "ada/potoroo"
        ]
        gone = owner.request("DELETE", "/api/repos/delete", json={"name": "potoroo"})
        assert gone.is_success
    found = ask(client, "potoroo")
    assert found["models"] == []
    assert ask(client, "potroo")["didYouMean"] is None
