"""Who a browser speaks for: cookies, and what other sites cannot do with them."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext

from tests.support.server import LiveHub, LiveUser
from tests.support.transfers import file_line
from tests.web.person import BY_PROXY, HTTPS, Person, words

MakeHub = Callable[..., LiveHub]


@pytest.fixture
def visitor(hub: LiveHub, ada: LiveUser) -> Iterator[Person]:
    """Ada, signed in."""
    with Person(hub) as person:
        assert person.sign_in(ada).status_code == 303
        yield person


# Cookies


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(
    hub: LiveHub, ada: LiveUser
):
    with Person(hub) as person:
        answer = person.sign_in(ada)
        session, guest = answer.headers.get_list("set-cookie")
        assert session.startswith("hub_session=")
        assert {"httponly", "samesite=lax", "path=/"} <= words(session)
        assert not any(word.startswith(("domain", "secure")) for word in words(session))
        assert guest.startswith('hub_guest="";')
        assert person.get("/settings/tokens").status_code == 200


def test_on_https_it_is_bound_to_the_host(make_hub: MakeHub):
    hub = make_hub(**HTTPS)
    ada = hub.make_user("ada")
    with Person(hub, headers=BY_PROXY) as person:
        page = person.get("/login")
        guest = page.headers["set-cookie"]
        assert guest.startswith("__Host-hub_guest=")
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        answer = person.client.post(
            "/login",
            data={"csrf_token": token, "name": ada.name, "password": ada.password},
            headers={"Origin": "https://hub.example.org", "Cookie": guest.split(";")[0]},
        )
        assert answer.status_code == 303
        session = answer.headers.get_list("set-cookie")[0]
        assert session.startswith("__Host-hub_session=")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= words(session)
        plain = session.split(";")[0].removeprefix("__Host-")
        assert person.get("/settings/tokens", headers={"Cookie": plain}).status_code == 401


def test_signing_out_ends_the_session_for_good(hub: LiveHub, ada: LiveUser):
    with Person(hub) as person:
        person.sign_in(ada)
        kept = person.cookies["hub_session"]
        assert person.send("/logout", {}, form="/").status_code == 303
        assert "hub_session" not in person.cookies
    answer = httpx.get(f"{hub.url}/settings/tokens", headers={"Cookie": f"hub_session={kept}"})
    assert answer.status_code == 401


def test_signing_in_again_is_another_session(hub: LiveHub, ada: LiveUser):
    with Person(hub) as first, Person(hub) as second:
        first.sign_in(ada)
        second.sign_in(ada)
        assert first.cookies["hub_session"] != second.cookies["hub_session"]


def test_a_new_password_ends_other_sessions_and_no_token(hub: LiveHub):
    eve = hub.make_user()
    with Person(hub) as here, Person(hub) as there:
        here.sign_in(eve)
        there.sign_in(eve)
        new = "another horse battery"
        fields = {"current": eve.password, "password": new, "new": new, "again": new}
        assert here.send("/settings/password", fields).status_code == 303
        assert there.get("/settings/tokens").status_code in (303, 401)
    with eve.client() as client:
        assert client.get("/api/whoami-v2").status_code == 200


# Requests that other sites make us send

FORGED: list[dict[str, str]] = [
    {},
    {"Origin": "{own}"},
    {"Origin": "{own}", "X-CSRF-Token": "guessed"},
    {"X-CSRF-Token": "{token}"},
    {"X-CSRF-Token": "{token}", "Origin": "https://evil.example"},
    {"X-CSRF-Token": "{token}", "Origin": "null"},
    {"X-CSRF-Token": "{token}", "Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
    {"X-CSRF-Token": "{token}", "Origin": "{own}", "Sec-Fetch-Site": "same-site"},
]


def sent(hub: LiveHub, headers: Mapping[str, str], token: str) -> dict[str, str]:
    return {name: value.format(own=hub.url, token=token) for name, value in headers.items()}


def requests(repo: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """A form, JSON, lines of JSON, and requests without a body; each would change something."""
    lines = [{"key": "header", "value": {"summary": "x"}}, file_line("x.txt", b"x")]
    commit = "\n".join(map(json.dumps, lines))
    ndjson = {"Content-Type": "application/x-ndjson"}
    return {
        "form": ("POST", "/settings/profile", {"data": {"full_name": "Forged"}}),
        "json": ("POST", "/api/repos/create", {"json": {"name": "forged"}}),
        "text as json": ("POST", "/api/repos/create", {"content": b'{"name": "forged"}'}),
        "lines": ("POST", f"/api/models/{repo}/commit/main",
                  {"content": commit, "headers": ndjson}),
        "no body": ("POST", f"/api/models/{repo}/branch/forged", {}),
        "put": ("PUT", f"/api/models/{repo}/settings", {"json": {"private": True}}),
        "delete": ("DELETE", f"/api/models/{repo}/branch/kept", {}),
        "sign out": ("POST", "/logout", {}),
    }  # fmt: skip


KINDS = ["form", "json", "text as json", "lines", "no body", "put", "delete", "sign out"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cookie_alone_changes_nothing(hub: LiveHub, kind: str):
    eve = hub.make_user()
    repo = eve.make_repo("mine")
    with eve.client() as client:
        client.post(f"/api/models/{repo}/branch/kept", json={})
    with Person(hub) as person:
        person.sign_in(eve)
        token = person.token("/settings/profile")
        before = state(eve, repo)
        method, path, options = requests(repo)[kind]
        for forged in FORGED:
            headers = {**options.get("headers", {}), **sent(hub, forged, token)}
            answer = person.client.request(method, path, **{**options, "headers": headers})
            assert answer.status_code == 403, forged
            assert "another site" in answer.text
        assert state(eve, repo) == before
        assert person.get("/settings/tokens").status_code == 200, "still signed in"
        headers = {**options.get("headers", {}), "Origin": hub.url, "X-CSRF-Token": token}
        answer = person.client.request(method, path, **{**options, "headers": headers})
        assert answer.status_code < 400, answer.text


def state(user: LiveUser, repo: str) -> list[object]:
    with user.client() as client:
        info = client.get(f"/api/models/{repo}").json()
        refs = client.get(f"/api/models/{repo}/refs").json()
        mine = client.get(f"/api/models?author={user.name}").json()
        me = client.get("/api/whoami-v2").json()
    return [info["private"], info["sha"], refs, [each["id"] for each in mine], me["fullname"]]


def test_the_form_field_counts_like_the_header(visitor: Person):
    answer = visitor.send("/settings/profile", {"full_name": "Ada Lovelace"})
    assert answer.status_code == 303


def test_the_token_of_one_session_is_of_no_use_in_another(
    hub: LiveHub, visitor: Person, bob: LiveUser
):
    with Person(hub) as other:
        other.sign_in(bob)
        headers = {"Origin": hub.url, "X-CSRF-Token": visitor.token("/settings/profile")}
        answer = other.client.post("/settings/profile", data={"full_name": "X"}, headers=headers)
        assert answer.status_code == 403


@pytest.mark.parametrize("forged", FORGED)
def test_nobody_can_be_signed_in_from_elsewhere(
    hub: LiveHub, ada: LiveUser, forged: dict[str, str]
):
    with Person(hub) as person:
        headers = sent(hub, forged, person.token())
        form = {"name": ada.name, "password": ada.password}
        answer = person.client.post("/login", data=form, headers=headers)
        assert answer.status_code == 403
        assert "hub_session" not in person.cookies


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/settings/tokens", "/settings/tokens"),
        ("/ada?x=1#y", "/ada?x=1#y"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nLocation: //evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        (" //evil.example", "/"),
        ("/%2Fevil.example", "/%2Fevil.example"),
    ],
)
def test_after_signing_in_one_stays_here(hub: LiveHub, ada: LiveUser, wanted: str, leads: str):
    with Person(hub) as person:
        assert person.sign_in(ada, next=wanted).headers["location"] == leads
        signed_in = person.get("/login", params={"next": wanted})
        assert signed_in.headers["location"] == leads


# Git and LFS


def test_git_and_lfs_do_not_look_at_cookies(hub: LiveHub, ada: LiveUser, visitor: Person):
    repo = ada.make_repo(private=True)
    token = visitor.token("/settings/profile")
    headers = {"Origin": hub.url, "X-CSRF-Token": token}
    batch = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}]}
    client = visitor.client
    answers = [
        client.get(f"/{repo}/info/refs?service=git-upload-pack"),
        client.get(f"/{repo}.git/info/refs?service=git-receive-pack"),
        client.post(f"/{repo}/git-upload-pack", content=b"0000", headers=headers),
        client.post(f"/{repo}/git-receive-pack", content=b"0000", headers=headers),
        client.post(f"/{repo}.git/info/lfs/objects/batch", json=batch, headers=headers),
        client.get(f"/{repo}.git/info/lfs/locks"),
        client.post(f"/{repo}.git/info/lfs/locks", json={"path": "x"}, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [401] * 7
    assert all("www-authenticate" in answer.headers for answer in answers)


def test_a_password_is_no_token(hub: LiveHub, ada: LiveUser):
    pair = base64.b64encode(f"{ada.name}:{ada.password}".encode()).decode()
    repo = ada.make_repo()
    for path in ("/api/whoami-v2", f"/{repo}/info/refs?service=git-upload-pack"):
        answer = httpx.get(hub.url + path, headers={"Authorization": f"Basic {pair}"})
        assert answer.status_code == 401
        assert f"{hub.url}/settings/tokens" in answer.text


# A real browser


@pytest.fixture
def other_site() -> Iterator[dict[str, str]]:
    """Pages of somebody else, by path; the key `url` is their address."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    pages["url"] = f"http://127.0.0.1:{server.server_port}"
    yield pages
    server.shutdown()
    thread.join()
    server.server_close()


ATTACK = """<!doctype html><title>waiting</title>
<form id=f method=post action="{hub}/settings/profile" target=w enctype="{enctype}">
<input name=full_name value=Forged><input name=csrf_token value=x></form><iframe name=w></iframe>
<script>
f.submit();
const send = (path, options) =>
  fetch("{hub}" + path, {{credentials: "include", mode: "no-cors", ...options}}).catch(() => 0);
Promise.all([
  send("/api/repos/create", {{method: "POST", body: '{{"name": "forged"}}'}}),
  send("/logout", {{method: "POST"}}),
  fetch("{hub}/api/whoami-v2", {{credentials: "include"}})
    .then(answer => answer.text()).then(text => document.title = "read " + text, () => 0),
]).then(() => setTimeout(() => document.title += " done", 500));
</script>"""


@pytest.mark.browser
@pytest.mark.parametrize("site", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("enctype", ["application/x-www-form-urlencoded", "text/plain"])
def test_a_page_of_another_site_can_do_nothing(
    hub: LiveHub, browser_context: BrowserContext, other_site: dict[str, str], site: str,
    enctype: str,
):  # fmt: skip
    eve = hub.make_user()
    page = browser_context.new_page()
    page.goto(f"{hub.url}/login")
    page.fill("input[name=name]", eve.name)
    page.fill("input[name=password]", eve.password)
    with page.expect_navigation():
        page.press("input[name=password]", "Enter")
    page.goto(f"{hub.url}/settings/profile")
    assert page.locator("input[name=full_name]").input_value() == ""
    other_site["/attack"] = ATTACK.format(hub=hub.url, enctype=enctype)
    page.goto(other_site["url"].replace("127.0.0.1", site) + "/attack")
    page.wait_for_function("document.title.endsWith(' done')")
    assert page.title() == "waiting done", "it read an answer of ours"
    page.goto(f"{hub.url}/settings/profile")
    assert page.locator("input[name=full_name]").input_value() == ""
    with eve.client() as client:
        assert client.get(f"/api/models?author={eve.name}").json() == []
    page.close()
