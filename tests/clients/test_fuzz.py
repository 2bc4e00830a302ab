"""Thousands of odd requests over all routes: no answer is a 500 and the server lives on.

FUZZ_REQUESTS and FUZZ_SEED say how many and which; a failure prints the requests it takes.
"""

import base64
import gzip
import json
import os
import random
import re
from typing import Any

import pytest

from tests.support import rawgit
from tests.support.rawhttp import exchange, request
from tests.support.routes import Route, all_routes
from tests.support.server import LiveHub, LiveUser
from tests.web.person import Person

SEED = int(os.environ.get("FUZZ_SEED", "1"))
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "2000"))
ALLOWED = (501, 503, 507)
"""Not offered by this hub; try again later; no room. None of them is a mistake of ours."""
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]

NAMES = ["ada", "tiny", "main", "README.md", "1", "a" * 64, "v1", "x", "refs", "heads"]
ODD = [
    "", "..", ".", "%2e%2e", "%2F", "%00", "%ff", "%ED%A0%80", "%0a", "%0d%0a", "%20", "%25", "%",
    "x" * 4000, "%2F" * 200, "\xff", "é", "{}", "*", "'", '"', "<script>", "-1", "0", "9" * 30,
    "refs%2Fheads%2Fmain", "refs/pr/1", "main..main", "main...main", "HEAD", "a.lock", "@{0}", "~",
    "f" * 40, "0" * 64, "con", ".git", "a;b", "a=b&c=d", "#", "[", "\\", "|", "null", "NaN",
]  # fmt: skip
FIELDS = [
    "name", "type", "organization", "private", "sdk", "fromRepo", "toRepo", "files", "path", "size",
    "sample", "operation", "transfers", "objects", "oid", "tag", "startingPoint", "message",
    "content", "repoType", "key", "value", "summary", "paths", "expand", "gitAttributes",
    "gitIgnore", "hash_algo", "ref", "parts", "partNumber", "etag", "deletions", "rewriteHistory",
    "visibility", "gated", "defaultBranch", "repository", "parentCommit", "squash", "license",
    "username", "password", "csrf_token", "email", "full_name", "role", "next", "topic",
]  # fmt: skip
QUERIES = [
    "limit", "cursor", "expand", "expand[]", "recursive", "p", "search", "author", "sort", "filter",
    "direction", "full", "blobs", "create_pr", "service", "download", "token", "expires", "sig",
    "include_prs", "securityStatus", "type", "next", "lang", "raw", "formatted", "number",
]  # fmt: skip
HEADERS = {
    "Range": ["bytes=0-0", "bytes=9-1", "bytes=-", "bytes=99-", "x", "bytes=0-1,2-3"],
    "If-None-Match": ["*", '"x"', "W/", ","],
    "If-Range": ['"x"', "never"],
    "Accept": ["text/html", "application/json", "*/*", "", "x" * 3000],
    "Accept-Language": ["fr", "ko;q=x", "*;q=2", ",,,", "x" * 3000],
    "Git-Protocol": ["version=2", "version=99", "version=", "x:y:version=1"],
    "Cookie": ["hub_session=x", "hub_session=" + "é" * 10, ";;;=", "hub_guest=%00; hub_session="],
    "Origin": ["null", "http://evil.example", "x"],
    "Content-Encoding": ["gzip", "br", "identity"],
    "X-Forwarded-For": ["x", "1.2.3.4, 5.6.7.8"],
    "X-Amzn-Trace-Id": ["x" * 200, "\x01", "é"],
    "Transfer-Encoding": ["chunked", "gzip"],
    "Host": ["evil.example", "", "[::1", "127.0.0.1:99999999", "x" * 3000],
    "HX-Request": ["true"],
    "Expect": ["100-continue"],
}  # fmt: skip


class Fuzz:
    """Makes requests; the same ones for the same seed."""

    def __init__(self, hub: LiveHub, tokens: list[str], repos: list[str]) -> None:
        self.dice = random.Random(SEED)
        self.hub = hub
        self.tokens = tokens
        self.repos = repos
        self.browser: dict[str, str] = {}

    def request(self, route: Route) -> bytes:
        path, methods = route
        dice = self.dice
        method = dice.choice(sorted(methods)) if dice.random() < 0.85 else dice.choice(METHODS)
        target = re.sub(r"\{(\w+)(?::(\w+))?\}", lambda m: self.parameter(m[1], m[2]), path)
        if dice.random() < 0.15:
            place = dice.randrange(len(target) + 1)
            target = target[:place] + dice.choice(ODD) + target[place:]
        if dice.random() < 0.4:
            pairs = (f"{dice.choice(QUERIES)}={self.word()}" for _ in range(dice.randrange(1, 4)))
            target += "?" + "&".join(pairs)
        raw = re.sub(rb"[\x00-\x20\x7f]", b"+", target.encode("latin-1", "replace"))
        headers, body = self.headers(), None
        if method not in ("GET", "HEAD") or dice.random() < 0.05:
            body = self.body(headers)
        return request(self.hub, method, raw, headers=list(headers.items()), body=body)

    def word(self) -> str:
        return self.dice.choice(NAMES if self.dice.random() < 0.5 else ODD)

    def parameter(self, name: str, form: str | None) -> str:
        dice = self.dice
        if dice.random() < 0.2:
            return self.word()
        repo = dice.choice(self.repos)
        rest = "/".join(["main", *(self.word() for _ in range(dice.randrange(3)))])
        forms = {
            "repo": repo + dice.choice(["", ".git"]),
            "kinds": dice.choice(["models", "datasets", "spaces"]),
            "id": repo.removeprefix("datasets/"),
            "rest": rest,
            "rawrest": rest,
        }
        return forms.get(form or "") or self.word()

    def headers(self) -> dict[str, str]:
        dice = self.dice
        made = {}
        if dice.random() < 0.3:
            made.update(self.browser)
        elif dice.random() < 0.7:
            made["Authorization"] = f"Bearer {dice.choice(self.tokens)}"
        elif dice.random() < 0.5:
            basic = base64.b64encode(self.word().encode()).decode()
            made["Authorization"] = dice.choice(["Bearer", "Basic x", f"Basic {basic}"])
        for name in dice.sample(sorted(HEADERS), dice.choice([0, 0, 1, 1, 2])):
            made[name] = dice.choice(HEADERS[name])
        return made

    def body(self, headers: dict[str, str]) -> bytes:
        dice = self.dice
        kind = dice.choice(["json", "json", "json", "ndjson", "form", "multipart", "bytes", "git"])
        if kind == "json":
            headers["Content-Type"] = "application/json"
            text = json.dumps(self.value(0))
            if dice.random() < 0.1:
                text = dice.choice(["", "{", "[" * 20_000, '"\\ud800"', "1e999", "NaN", "\x00"])
            data = text.encode()
        elif kind == "ndjson":
            headers["Content-Type"] = "application/x-ndjson"
            keys = ["header", "file", "lfsFile", "deletedFile", "deletedFolder", "x"]
            lines = [{"key": dice.choice(keys), "value": self.value(1)} for _ in range(3)]
            data = "\n".join(map(json.dumps, lines)).encode()
        elif kind == "form":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            pairs = (f"{dice.choice(FIELDS)}={self.word()}" for _ in range(4))
            data = "&".join(pairs).encode("latin-1", "replace")
        elif kind == "multipart":
            headers["Content-Type"] = dice.choice(
                ["multipart/form-data", "multipart/form-data; boundary=x"]
            )
            data = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nv\r\n--x--\r\n'
            data = data[: dice.randrange(len(data))]
        elif kind == "git":
            data = rawgit.commands([f"{'0' * 40} {'1' * 40} refs/heads/{self.word()}"])
            data = data[: dice.choice([4, 50, len(data)])] + dice.randbytes(20)
        else:
            data = dice.randbytes(dice.choice([0, 1, 100, 5000]))
        return gzip.compress(data) if dice.random() < 0.05 else data

    def value(self, depth: int) -> Any:
        dice = self.dice
        if depth < 3 and dice.random() < (0.95 if depth == 0 else 0.35):
            if dice.random() < 0.25:
                return [self.value(depth + 1) for _ in range(dice.randrange(4))]
            fields = dice.sample(FIELDS, dice.randrange(1, 7))
            return {field: self.value(depth + 1) for field in fields}
        return dice.choice(
            [None, True, False, 0, -1, 10**30, 1.5, "", "\ud800", "\0", "x" * 5000, self.word(),
             self.word(), self.word(), "ada/tiny", "model", "upload", "a" * 64, 1, [], {}]
        )  # fmt: skip


@pytest.mark.timeout(600)
def test_no_request_makes_the_server_fail(make_hub):
    hub: LiveHub = make_hub(HUB_LOG_LEVEL="warning")
    ada, teacher = hub.make_user("ada"), hub.make_user("teacher", admin=True)
    repos = ["ada/tiny", "datasets/ada/data", "ada/never", "onename"]
    fuzz = Fuzz(hub, [ada.token, ada.token, teacher.token, "hf_wrong"], repos)
    routes = all_routes()
    failed = []
    for number in range(REQUESTS):
        if number % 200 == 0:
            _furnish(hub, ada)  # some requests delete or rename what they find
            fuzz.browser = _signed_in(hub)
        sent = fuzz.request(routes[number % len(routes)])
        answer = exchange(hub, sent, half=True)
        if answer.status >= 500 and answer.status not in ALLOWED:
            failed.append((answer.status, sent[:600]))
    assert not failed, f"{len(failed)} requests, such as {failed[:5]}\n{_log(hub)}"
    assert exchange(hub, request(hub, "GET", "/-/readyz")).status == 200
    assert "unexpected error" not in _log(hub)


def _furnish(hub: LiveHub, ada: LiveUser) -> None:
    with ada.client() as client:
        for kind, name in (("model", "tiny"), ("dataset", "data")):
            client.post("/api/repos/create", json={"name": name, "type": kind})


def _signed_in(hub: LiveHub) -> dict[str, str]:
    """What a browser of a new user sends with the forms of our pages."""
    with Person(hub) as person:
        person.sign_in(hub.make_user())
        return {
            "Cookie": f"hub_session={person.cookies['hub_session']}",
            "X-CSRF-Token": person.token("/new"),
            "Origin": hub.url,
        }


def _log(hub: LiveHub) -> str:
    """What it said, but for requests that were not even HTTP."""
    lines = hub.log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if "Invalid HTTP request" not in line][-80:])
