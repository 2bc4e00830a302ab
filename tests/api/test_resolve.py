"""Downloads: headers, ranges, validators, and bytes of users that must not act."""

import hashlib
import socket
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.api.committing import put
from tests.support.server import LiveHub, LiveUser

TEXT = b"0123456789\n"


@pytest.fixture(scope="module")
def repo(ada: LiveUser) -> str:
    name = ada.make_repo()
    put(
        ada,
        name,
        {
            "a.txt": TEXT,
            "empty": b"",
            "deep/in/b.txt": b"b",
            "page.html": b"<script>alert(1)</script>",
            "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
            "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
            "paper.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
            'odd "name"; #é%.txt': b"odd",
        },
    )
    return name


@pytest.fixture(scope="module")
def client(hub: LiveHub) -> Iterator[httpx.Client]:
    with hub.client() as made:
        yield made


def test_head_says_what_get_sends(client: httpx.Client, repo: str) -> None:
    got = client.get(f"/{repo}/resolve/main/a.txt")
    head = client.head(f"/{repo}/resolve/main/a.txt", headers={"accept-encoding": "identity"})
    assert got.content == TEXT
    assert head.content == b""
    names = [
        "x-repo-commit",
        "etag",
        "content-length",
        "accept-ranges",
        "content-security-policy",
        "x-content-type-options",
        "cross-origin-resource-policy",
    ]
    assert {name: got.headers[name] for name in names} == {
        name: head.headers[name] for name in names
    }
    assert head.headers["content-length"] == str(len(TEXT))
    assert "content-encoding" not in got.headers
    assert len(got.headers["x-repo-commit"]) == 40
    blob = hashlib.sha1(b"blob 11\0" + TEXT).hexdigest()
    assert got.headers["etag"] == f'"{blob}"'


def test_the_same_file_by_every_name_of_its_revision(client: httpx.Client, repo: str) -> None:
    sha = client.head(f"/{repo}/resolve/main/a.txt").headers["x-repo-commit"]
    for revision in ("HEAD", "refs%2Fheads%2Fmain", sha, sha[:7], "refs/heads/main"):
        answer = client.head(f"/{repo}/resolve/{revision}/a.txt")
        assert answer.headers["x-repo-commit"] == sha, revision
    for path in (
        f"/{repo.upper()}/resolve/main/a.txt",
        f"{client.base_url}/{repo}/resolve/main/a.txt",
    ):
        assert client.head(path).status_code == 200


def test_ranges(client: httpx.Client, repo: str) -> None:
    def ask(value: str, name: str = "a.txt") -> httpx.Response:
        return client.get(f"/{repo}/resolve/main/{name}", headers={"range": value})

    for value, content, place in (
        ("bytes=2-4", b"234", "bytes 2-4/11"),
        ("bytes=5-", b"56789\n", "bytes 5-10/11"),
        ("bytes=-2", b"9\n", "bytes 9-10/11"),
        ("bytes=0-100000", TEXT, "bytes 0-10/11"),
        ("bytes=-100", TEXT, "bytes 0-10/11"),
    ):
        answer = ask(value)
        assert (answer.status_code, answer.content) == (206, content), value
        assert answer.headers["content-range"] == place
        assert answer.headers["content-length"] == str(len(content))
    for value, name in (("bytes=11-", "a.txt"), ("bytes=-0", "a.txt"), ("bytes=0-", "empty")):
        answer = ask(value, name)
        assert answer.status_code == 416, value
        assert answer.headers["content-range"].startswith("bytes */")
    for value in ("bytes=4-2", "bytes=a-b", "lines=1-2", "bytes=1-2,4-5", "bytes=-"):
        assert ask(value).status_code == 200, value


def test_revalidation(client: httpx.Client, repo: str) -> None:
    path = f"/{repo}/resolve/main/a.txt"
    etag = client.head(path).headers["etag"]
    for value in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = client.get(path, headers={"if-none-match": value})
        assert (answer.status_code, answer.content) == (304, b""), value
        assert answer.headers["etag"] == etag
    assert client.get(path, headers={"if-none-match": '"x"'}).status_code == 200
    both = {"range": "bytes=0-1", "if-range": '"changed"'}
    assert client.get(path, headers=both).status_code == 200
    assert client.get(path, headers={**both, "if-range": etag}).status_code == 206


def test_an_empty_file(client: httpx.Client, repo: str) -> None:
    answer = client.get(f"/{repo}/resolve/main/empty")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("name", "media_type", "shown"),
    [
        ("a.txt", "text/plain", True),
        ("page.html", "text/plain", True),
        ("picture.svg", "text/plain", True),
        ("picture.png", "image/png", True),
        ("paper.pdf", "application/pdf", False),
    ],
)
@pytest.mark.parametrize("door", ["resolve", "raw"])
def test_bytes_of_users_do_not_act(
    client: httpx.Client, repo: str, name: str, media_type: str, *, shown: bool, door: str
) -> None:
    answer = client.get(f"/{repo}/{door}/main/{name}")
    assert answer.headers["content-type"].split(";")[0] == media_type
    kind = answer.headers["content-disposition"].split(";")[0]
    assert kind == ("inline" if shown else "attachment")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    saved = client.get(f"/{repo}/{door}/main/{name}?download=true")
    assert saved.headers["content-disposition"].startswith("attachment")


def test_odd_names(client: httpx.Client, repo: str) -> None:
    name = 'odd "name"; #é%.txt'
    answer = client.get(f"/{repo}/resolve/main/{quote(name)}")
    assert answer.content == b"odd"
    shown = answer.headers["content-disposition"]
    assert "filename*=UTF-8''odd%20%22name%22%3B%20%23%C3%A9%25.txt" in shown
    assert shown.endswith('";')


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path", ["nope.txt", "deep", "deep/in", "a.txt/x", "%00", "%ff", "%2E%2E/a", ""]
)
def test_what_is_no_file(client: httpx.Client, repo: str, method: str, path: str) -> None:
    answer = client.request(method, f"/{repo}/resolve/main/{path}")
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "EntryNotFound")
    assert len(answer.headers["x-repo-commit"]) == 40
    assert answer.headers["x-error-message"] == "Entry not found"


@pytest.mark.parametrize(
    "revision",
    ["nope", "0" * 40, "abcdef1", "%ff%fe", "%00", "%2E%2E", "main%5E", "refs%2Fheads%2F..%2Fx"],
)
def test_what_is_no_revision(client: httpx.Client, repo: str, revision: str) -> None:
    answer = client.get(f"/{repo}/resolve/{revision}/a.txt")
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "RevisionNotFound")


def test_a_path_of_thousands_of_segments(client: httpx.Client, repo: str) -> None:
    answer = client.get(f"/{repo}/resolve/nope" + "/x" * 2000)
    assert answer.headers["x-error-code"] == "RevisionNotFound"


def test_a_branch_whose_slashes_a_proxy_decoded(
    client: httpx.Client, ada: LiveUser, repo: str
) -> None:
    with ada.client() as writer:
        writer.post(f"/api/models/{repo}/branch/a%2Fb%2Fc", json={})
    for revision in ("a%2Fb%2Fc", "a/b/c", "refs/heads/a/b/c", "refs%2Fheads%2Fa%2Fb%2Fc"):
        answer = client.get(f"/{repo}/resolve/{revision}/deep/in/b.txt")
        assert answer.content == b"b", revision


def test_raw_bytes_in_the_address(hub: LiveHub, ada: LiveUser, repo: str) -> None:
    """No client sends these, so a socket does."""
    for target in (
        b"/%s/resolve/main/\xff\xe9",
        b"/%s/resolve/\xff/x",
        b"/api/models/%s/tree/\xe9",
    ):
        line = b"GET " + target % repo.encode() + b" HTTP/1.1\r\n"
        with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as raw:
            raw.sendall(line + b"Host: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda raw=raw: raw.recv(65536), b""))
        status = int(answer.split(b" ", 2)[1])
        assert 400 <= status < 500, answer


def test_old_and_new_name_lead_to_the_same(ada: LiveUser, client: httpx.Client) -> None:
    old = ada.make_repo()
    put(ada, old, {"a.txt": b"moved"})
    with ada.client() as writer:
        writer.post("/api/repos/move", json={"fromRepo": old, "toRepo": f"{old}2"})
    for name in (old, old.upper()):
        answer = client.head(f"/{name}/resolve/main/a.txt?download=true")
        assert answer.status_code == 307
        assert answer.headers["location"] == f"/{old}2/resolve/main/a.txt?download=true"
    followed = client.get(f"/{old}/resolve/main/a.txt", follow_redirects=True)
    assert followed.content == b"moved"


def test_a_moved_private_repository_is_nowhere(ada: LiveUser, client: httpx.Client) -> None:
    old = ada.make_repo(private=True)
    with ada.client() as writer:
        writer.post("/api/repos/move", json={"fromRepo": old, "toRepo": f"{old}2"})
        assert writer.get(f"/api/models/{old}").status_code == 307
    assert client.get(f"/{old}/resolve/main/a.txt").status_code == 401


def test_a_client_that_goes_away_leaves_nothing_behind(
    hub: LiveHub, ada: LiveUser, repo: str
) -> None:
    name = ada.make_repo()
    put(ada, name, {"big.txt": b"x" * 9_000_000})
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", hub.port)) as raw:
            path = f"/{name}/resolve/main/big.txt"
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            raw.recv(1000)
    with hub.client() as client:
        assert client.get(f"/{repo}/resolve/main/a.txt").content == TEXT


@pytest.mark.parametrize("alias", ["s", "model", "data", "gpt2"])
def test_names_of_one_segment(ada: LiveUser, client: httpx.Client, repo: str, alias: str) -> None:
    """They stand for a repository, also where their letters stand elsewhere in the address."""
    alias = f"{alias}{repo[-2:]}" if len(alias) > 1 else alias
    ada.hub.command("alias", "add", alias, repo, "--kind", "model")
    try:
        for path in (
            f"/api/models/{alias}",
            f"/api/models/{alias}/tree/main",
            f"/api/models/{alias}/tree/main/deep/in?recursive=true",
            f"/api/models/{alias}/refs",
            f"/api/models/{alias}/revision/main",
            f"/{alias}/resolve/main/a.txt",
            f"/{alias}.git/info/refs?service=git-upload-pack",
        ):
            answer = client.get(path)
            assert answer.status_code == 307, path
            assert answer.headers["location"] == path.replace(f"/{alias}", f"/{repo}", 1)
            assert client.get(path, follow_redirects=True).status_code == 200, path
    finally:
        ada.hub.command("alias", "remove", alias, "--kind", "model")
