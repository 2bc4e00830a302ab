"""By which addresses the hub is reached: hosts, proxies, a path, other origins, members only."""

import socket
from collections.abc import Callable

import httpx
import pytest

from tests.support.server import LiveHub, LiveUser
from tests.support.transfers import put_file
from tests.web.person import BY_PROXY, HTTPS, PAGE, Person, words

MakeHub = Callable[..., LiveHub]


# Names of this hub


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.0.2.1", "[::1", "a b",
     "user@127.0.0.1", "127.0.0.1/evil", "evil.example#", "hub_.evil"],
)  # fmt: skip
def test_a_host_that_is_not_ours_is_refused_in_words(hub: LiveHub, host: str):
    for path, accept in (("/", PAGE["Accept"]), ("/api/models", "*/*"), ("/a/b/info/refs", "*/*")):
        raw = raw_get(hub, path, host, accept)
        assert raw[0] in (400, 421), raw
        if raw[0] == 421:
            assert "HUB_PUBLIC_URL" in raw[1]
            assert ("<html" in raw[1]) == (path == "/")
    assert raw_get(hub, "/-/healthz", "evil.example", "*/*")[0] == 200


def raw_get(hub: LiveHub, path: str, host: str, accept: str) -> tuple[int, str]:
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as connection:
        lines = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n"
        connection.sendall(f"{lines}\r\n".encode())
        received = b""
        while data := connection.recv(65536):
            received += data
    return int(received.split()[1]), received.decode("utf-8", "replace")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "hub.localhost", "[::1]:80"])
def test_this_machine_is_always_ours(hub: LiveHub, host: str):
    assert raw_get(hub, "/api/models", host, "*/*")[0] == 200


def test_strangers_cannot_forward(hub: LiveHub, ada: LiveUser):
    repo = ada.make_repo()
    headers = {**BY_PROXY, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Prefix": "/x"}
    answer = httpx.get(f"{hub.url}/api/models?limit=1", headers=headers)
    assert answer.status_code == 200
    assert "example.org" not in answer.headers.get("link", "")
    with Person(hub, headers=headers) as person:
        person.sign_in(ada)
        assert "hub_session" in person.cookies
        assert "example.org" not in person.get(f"/{repo}").text


def test_a_trusted_proxy_says_by_which_address_one_came(make_hub: MakeHub):
    hub = make_hub(**HTTPS)
    ada = hub.make_user("ada")
    for _ in range(2):
        ada.make_repo()
    answer = httpx.get(f"{hub.url}/api/models?limit=1", headers=BY_PROXY)
    assert answer.headers["link"].startswith("<https://hub.example.org/api/models?")
    wrong = httpx.get(f"{hub.url}/", headers={**BY_PROXY, "X-Forwarded-Host": "evil.example"})
    assert wrong.status_code == 421
    loopback = {"X-Forwarded-For": "203.0.113.9"}
    assert httpx.get(f"{hub.url}/-/metrics").status_code == 200
    assert httpx.get(f"{hub.url}/-/metrics", headers=loopback).status_code in (401, 403)


def test_below_a_path_every_address_of_ours_starts_with_it(make_hub: MakeHub):
    hub = make_hub(HUB_PUBLIC_URL="http://127.0.0.1:1/hub,http://localhost/hub")
    hub.stop()
    hub.settings = {"HUB_PUBLIC_URL": f"{hub.url}/hub"}
    hub.start()
    ada = hub.make_user("ada")
    with Person(hub, prefix="/hub") as person:
        answer = person.sign_in(ada, next="/settings/tokens")
        assert answer.headers["location"] == "/hub/settings/tokens"
        assert "path=/hub" in words(answer.headers.get_list("set-cookie")[0])
        page = person.get("/settings/tokens")
        assert page.status_code == 200
        assert 'action="/hub/logout"' in page.text
        assert 'href="/hub/static/' in page.text
        assert not [part for part in page.text.split('="/')[1:] if not part.startswith("hub/")]
        made = person.client.post(
            "/hub/api/repos/create", json={"name": "tiny"},
            headers={"Origin": hub.url, "X-CSRF-Token": person.token("/settings/tokens")},
        )  # fmt: skip
        assert made.json()["url"] == f"{hub.url}/hub/ada/tiny"
        with ada.client() as client:
            put_file(client, "models/ada/tiny", "README.md", b"[a](b.txt) ![c](d.png)")
        shown = person.get("/ada/tiny").text
        assert 'href="/hub/ada/tiny/blob/main/b.txt"' in shown
        assert 'src="/hub/ada/tiny/resolve/main/d.png"' in shown
        assert f"{hub.url}/hub/ada/tiny" in shown, "the address to clone"
        sheet = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
        assert person.client.get(sheet).status_code == 200
        refs = "/ada/tiny.git/info/refs?service=git-upload-pack"
        assert person.get(refs).status_code == 200
        assert person.get("").status_code == 200


# Other origins


PREFLIGHT = {
    "Origin": "https://lab.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


def allowed(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


def test_other_origins_get_nothing_by_default(hub: LiveHub):
    answer = httpx.get(f"{hub.url}/api/models", headers={"Origin": "https://lab.example"})
    assert allowed(answer) == set()
    assert allowed(httpx.options(f"{hub.url}/api/repos/create", headers=PREFLIGHT)) == set()


def test_listed_origins_may_ask_but_never_with_cookies(make_hub: MakeHub):
    hub = make_hub(HUB_CORS_ORIGINS="https://lab.example, https://other.example/")
    ada = hub.make_user("ada")
    listed = {"Origin": "https://lab.example"}
    answer = httpx.get(f"{hub.url}/api/models", headers=listed)
    assert answer.headers["access-control-allow-origin"] == "https://lab.example"
    assert "origin" in answer.headers["vary"].lower()
    assert "X-Repo-Commit" in answer.headers["access-control-expose-headers"]
    checked = httpx.options(f"{hub.url}/api/repos/create", headers=PREFLIGHT)
    assert checked.status_code == 200
    assert checked.headers["access-control-allow-origin"] == "https://lab.example"
    assert "authorization" in checked.headers["access-control-allow-headers"].lower()
    for each in (answer, checked):
        assert "access-control-allow-credentials" not in each.headers
    other = httpx.get(f"{hub.url}/api/models", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    missing = httpx.get(f"{hub.url}/api/models/no/such", headers=listed)
    assert missing.headers["access-control-allow-origin"] == "https://lab.example"
    with Person(hub) as person:
        person.sign_in(ada)
        headers = {**listed, "X-CSRF-Token": person.token("/settings/profile")}
        made = person.client.post("/api/repos/create", json={"name": "x"}, headers=headers)
        assert made.status_code == 403


# A hub for members only


def test_without_an_account_there_is_only_the_door(make_hub: MakeHub):
    hub = make_hub(HUB_ANONYMOUS="none")
    ada = hub.make_user("ada")
    repo = ada.make_repo()
    with ada.client() as client:
        put_file(client, f"models/{repo}", "README.md", b"# Tiny")
        assert client.get(f"/{repo}/raw/main/README.md").text == "# Tiny"
    closed = [
        f"/api/models/{repo}", f"/{repo}/raw/main/README.md",
        f"/{repo}/resolve/main/README.md", f"/api/models/{repo}/tree/main", "/api/whoami-v2",
        f"/{repo}/info/refs?service=git-upload-pack", "/api/users/ada/overview", "/api/models",
    ]  # fmt: skip
    for path in closed:
        answer = httpx.get(hub.url + path)
        assert answer.status_code in (401, 404), path
        assert repo not in answer.text
    with Person(hub) as person:
        for path in ("/models", "/ada", f"/{repo}"):
            answer = person.get(path)
            assert answer.status_code in (303, 401), path
            assert "Tiny" not in answer.text
            assert repo.partition("/")[2] not in answer.text.replace(path, ""), path
        for path in ("/login", "/-/healthz", "/robots.txt"):
            assert person.get(path).status_code == 200, path
        assert person.sign_in(ada).status_code == 303
        assert person.get(f"/{repo}").status_code == 200
