"""Every route × every kind of caller × every kind of repository: who gets what answer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import _iter_routes_with_context

from hub_server.app import create_app
from hub_server.settings import Settings, ensure_secret_key
from tests.api import matrix
from tests.api.matrix import Case
from tests.support.server import LiveHub, LiveUser

LEVELS = ["none", "see", "read", "write", "admin"]
STATES = ["public", "private", "gated", "missing"]
BODY_OF_TRANSFERS = {"oid": "0" * 64, "size": 1, "parts": [{"partNumber": 1, "etag": "x"}]}
BAD_TOKEN = "hf_" + "z" * 34

ACCESS: dict[str, tuple[str, str, str]] = {
    "anonymous": ("read", "none", "see"),
    "stranger": ("read", "none", "see"),
    "reader": ("read", "read", "read"),
    "contributor": ("read", "read", "read"),
    "writer": ("write", "write", "write"),
    "admin": ("admin", "admin", "admin"),
    "site admin": ("admin", "admin", "admin"),
    "read token of admin": ("read", "read", "read"),
    "token for the organization": ("admin", "admin", "admin"),
    "token that reads the organization": ("read", "read", "read"),
    "token for something else": ("read", "none", "see"),
}
"""What each kind of caller may do with a public, a private and a gated repository."""


@dataclass
class World:
    """One organization with a repository of each kind, and everybody who may come by."""

    hub: LiveHub
    org: str
    owner: LiveUser
    clients: dict[str, httpx.Client]

    def make(self, state: str, name: str) -> str:
        full_name = f"{self.org}/{name}"
        if state == "missing":
            return full_name
        body = {"name": name, "organization": self.org, "private": state == "private"}
        client = self.clients["admin"]
        answer = client.post("/api/repos/create", json=body)
        assert answer.status_code in (200, 409), answer.text
        if state == "gated":
            settings = {"gated": "manual"}
            assert client.put(f"/api/models/{full_name}/settings", json=settings).is_success
        return full_name


@pytest.fixture(scope="module")
def world(hub: LiveHub) -> Iterator[World]:
    roles = ("admin", "writer", "contributor", "reader")
    people = {role: hub.make_user() for role in roles}
    words = {"writer": "write", "reader": "read"}
    org = hub.make_org(
        None, *(f"{user.name}:{words.get(role, role)}" for role, user in people.items())
    )
    stranger, boss = hub.make_user(), hub.make_user(None, admin=True)
    owner = people["admin"]
    tokens = {role: user.token for role, user in people.items()}
    tokens |= {"stranger": stranger.token, "site admin": boss.token, "bad token": BAD_TOKEN}
    made = {
        "read token of admin": ["--role", "read"],
        "token for the organization": ["--scope", f"repo.write:{org}"],
        "token that reads the organization": ["--scope", f"repo.read:{org}"],
        "token for something else": ["--scope", f"repo.write:{owner.name}"],
    }
    for name, flags in made.items():
        tokens[name] = hub.command("token", "create", owner.name, *flags)
    clients = {name: hub.client(token) for name, token in tokens.items()}
    clients["anonymous"] = hub.client()
    yield World(hub, org, owner, clients)
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def repos(world: World) -> dict[str, str]:
    return {state: world.make(state, f"matrix-{state}") for state in STATES}


def routes_of_the_hub(folder: Path) -> set[str]:
    app = create_app(ensure_secret_key(Settings(data_dir=folder)))
    found = set()
    for route, context in _iter_routes_with_context(app.routes.routes):
        place = context or route
        methods = getattr(place, "methods", None) or set()
        found |= {f"{method} {place.path}" for method in methods}  # type: ignore[union-attr]
    app.hub.close()
    return found


def test_no_route_is_left_out(tmp_path: Path) -> None:
    found = routes_of_the_hub(tmp_path)
    assert found - matrix.ALL == set(), "give each new route a line in tests/api/matrix.py"
    assert matrix.ALL - found == set(), "these routes are no more"


def sent(
    client: httpx.Client, route: str, case: Case, repo: str, state: str = "public"
) -> httpx.Response:
    method = route.partition(" ")[0]
    path = case.path.replace("{id}", repo).replace("{repo}", repo).replace("{head}", "0" * 40)
    options: dict[str, Any] = dict(case.send)
    visibility = "private" if state == "private" else "public"
    for name in options.keys() & {"json", "data"}:
        text = json.dumps(options[name])
        options[name] = json.loads(text.replace("{id}", repo).replace("{visibility}", visibility))
    return client.request(method, path, **options)


def expected(case: Case, level: str, state: str, *, anonymous: bool) -> list[tuple[int, str]]:
    """Pairs of status and error code, of which the answer must be one."""
    if anonymous and case.asks_who_first:
        return [(401, "")]
    if state == "missing" or level == "none":
        return [(401 if anonymous else 404, "RepoNotFound")]
    if LEVELS.index(level) >= LEVELS.index(case.need):
        return [(status, "*") for status in case.ok]
    if level == "see" and state == "gated":
        return [(401 if anonymous else 403, "GatedRepo")]
    return [(401 if anonymous else 403, "")]


def fits(answer: httpx.Response, wanted: list[tuple[int, str]]) -> bool:
    code = answer.headers.get("x-error-code", "")
    for status, asked in wanted:
        code_fits = code not in ("RepoNotFound", "GatedRepo") if asked == "*" else code == asked
        if answer.status_code == status and code_fits:
            return True
    return False


@pytest.mark.parametrize("route", sorted(matrix.REPO_ROUTES))
def test_repository_routes(world: World, repos: dict[str, str], route: str) -> None:
    case = matrix.REPO_ROUTES[route]
    wrong = []
    for who, levels in ACCESS.items():
        for state, level in zip(STATES, (*levels, "none"), strict=True):
            if route == "DELETE /api/repos/delete":
                repo = world.make(state, f"deleted-{state}")
            else:
                repo = repos[state]
            answer = sent(world.clients[who], route, case, repo, state)
            wanted = expected(case, level, state, anonymous=who == "anonymous")
            if route.startswith("POST /api/{kinds:kinds}/{id:id}/lfs-files/duplicate"):
                wanted = _or_no_target(wanted, anonymous=who == "anonymous")
            if not fits(answer, wanted):
                said = f"{answer.status_code} {answer.headers.get('x-error-code', '')}"
                wrong.append(f"{who}, {state}: {said}, not {wanted}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


def _or_no_target(wanted: list[tuple[int, str]], *, anonymous: bool) -> list[tuple[int, str]]:
    """Who may read the source is told that there is no such target."""
    return [*wanted, (401 if anonymous else 404, "RepoNotFound")]


@pytest.mark.parametrize("route", sorted(matrix.REPO_ROUTES))
def test_a_wrong_token_opens_nothing(world: World, repos: dict[str, str], route: str) -> None:
    for state in STATES:
        answer = sent(world.clients["bad token"], route, matrix.REPO_ROUTES[route], repos[state])
        assert answer.status_code == 401, state
        said = answer.headers["x-error-message"]
        assert said == "Invalid credentials in Authorization header"
        if route in matrix.WIRE:
            assert answer.headers["www-authenticate"].startswith("Basic")


def filled(world: World, path: str) -> str:
    return path.replace("{user}", world.owner.name).replace("{org}", world.org)


@pytest.mark.parametrize("route", sorted(matrix.FOR_ALL))
def test_routes_for_everybody(world: World, route: str) -> None:
    method = route.partition(" ")[0]
    path = filled(world, matrix.FOR_ALL[route])
    send: dict[str, Any] = {"json": {"content": "# Hi"}} if method == "POST" else {}
    for who in ("anonymous", "stranger", "admin"):
        assert world.clients[who].request(method, path, **send).is_success, who
    assert world.clients["bad token"].request(method, path, **send).status_code == 401


@pytest.mark.parametrize("route", sorted(matrix.SIGNED_IN))
def test_routes_for_those_who_signed_in(world: World, route: str) -> None:
    method = route.partition(" ")[0]
    path = filled(world, matrix.SIGNED_IN[route])
    send: dict[str, Any] = {"data": {"x": "y"}} if method == "POST" else {}
    if path == "/api/repos/create":
        send = {"json": {"name": "never-made"}}
    for who in ("anonymous", "bad token"):
        answer = world.clients[who].request(method, path, **send)
        assert answer.status_code in (401, 303), (who, answer.status_code)
        if answer.status_code == 303:
            assert who == "anonymous"
            assert "/login" in answer.headers["location"]


@pytest.mark.parametrize("route", sorted(matrix.TICKETS))
def test_transfers_want_a_signed_address(world: World, route: str) -> None:
    method = route.partition(" ")[0]
    for who in ("anonymous", "stranger", "site admin"):
        send: dict[str, Any] = {} if method != "POST" else {"json": BODY_OF_TRANSFERS}
        answer = world.clients[who].request(method, matrix.TICKETS[route], **send)
        assert answer.status_code in (401, 403), who
        forged = f"{matrix.TICKETS[route]}?ticket=x&t=x&sig=x&exp=99999999999"
        answer = world.clients[who].request(method, forged, **send)
        assert answer.status_code in (401, 403), who


def test_a_read_only_member_makes_nothing_in_the_organization(world: World) -> None:
    allowed = {"contributor", "writer", "admin", "site admin", "token for the organization"}
    for who in ACCESS:
        body = {"name": f"by-{who.replace(' ', '-')}", "organization": world.org}
        answer = world.clients[who].post("/api/repos/create", json=body)
        wanted = 200 if who in allowed else 401 if who == "anonymous" else 403
        assert answer.status_code == wanted, (who, answer.text)


def test_contributors_rule_over_what_they_made(world: World) -> None:
    client = world.clients["contributor"]
    assert client.post(
        "/api/repos/create", json={"name": "own", "organization": world.org}
    ).is_success
    assert client.put(f"/api/models/{world.org}/own/settings", json={"private": True}).is_success
    body = {"name": "own", "organization": world.org}
    assert client.request("DELETE", "/api/repos/delete", json=body).is_success


def test_hidden_and_missing_repositories_are_told_apart_by_nothing(
    world: World, repos: dict[str, str]
) -> None:
    for who in ("anonymous", "stranger", "token for something else"):
        for route, case in matrix.API.items():
            hidden = sent(world.clients[who], route, case, repos["private"])
            missing = sent(world.clients[who], route, case, repos["missing"])
            assert hidden.status_code == missing.status_code, route
            assert hidden.text == missing.text, route
            assert _told(hidden) == _told(missing), route


def _told(answer: httpx.Response) -> dict[str, str]:
    own = ("date", "x-request-id")
    return {name: value for name, value in answer.headers.items() if name not in own}


def test_listings_show_what_may_be_seen(world: World, repos: dict[str, str]) -> None:
    for who, levels in ACCESS.items():
        answer = world.clients[who].get("/api/models", params={"author": world.org})
        names = {each["id"] for each in answer.json()}
        for state, level in zip(STATES, levels, strict=False):
            assert (repos[state] in names) == (level != "none"), (who, state)


def test_a_hub_that_knows_everybody_tells_strangers_nothing(make_hub: Any) -> None:
    hub: LiveHub = make_hub(HUB_ANONYMOUS="none")
    ada = hub.make_user("ada")
    repo = ada.make_repo("tiny")
    with hub.client() as nobody, hub.make_user("bob").client() as bob:
        for route, case in (matrix.API | matrix.WIRE).items():
            answer = sent(nobody, route, case, repo)
            assert (answer.status_code, answer.headers.get("x-error-code")) == (
                401,
                "RepoNotFound",
            ), route
        for listing in ("/api/models", "/api/quicksearch?q=tiny"):
            assert nobody.get(listing).status_code == 401
            assert bob.get(listing).is_success
        assert bob.get(f"/api/models/{repo}").is_success
