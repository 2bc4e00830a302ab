"""What is malformed, oversized, cut off or odd: a status clients understand, never a 500."""

import base64
import gzip
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import rawgit
from tests.support.gitclient import GitClient
from tests.support.rawhttp import Answer, exchange, request
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.git

FETCH, PUSH = "git-upload-pack", "git-receive-pack"
V2 = ("Git-Protocol", "version=2")
NDJSON = ("Content-Type", "application/x-ndjson")
ZIPPED = ("Content-Encoding", "gzip")


@pytest.fixture(scope="module")
def repo(ada: LiveUser) -> str:
    return ada.make_repo()


@pytest.fixture(autouse=True)
def alive_and_calm(hub: LiveHub) -> Iterator[None]:
    """After every test of this file: the server answers, and nothing unexpected is in its log."""
    begin = hub.log.stat().st_size
    yield
    assert exchange(hub, request(hub, "GET", "/-/readyz")).status == 200
    assert b"unexpected error" not in hub.log.read_bytes()[begin:]


Send = Callable[..., Answer]


@pytest.fixture
def send(hub: LiveHub, ada: LiveUser) -> Send:
    """`send("POST", "/path", b"body", ("Header", "value"), …)` as ada."""

    def one(
        method: str, target: bytes | str, body: bytes | None = None, *headers: tuple[str, str]
    ) -> Answer:
        bearer = ("Authorization", f"Bearer {ada.token}")
        return exchange(hub, request(hub, method, target, headers=[bearer, *headers], body=body))

    return one


def line(payload: bytes) -> bytes:
    return rawgit.pkt(payload)


PKT_LINES = [
    b"", b"0", b"000", b"0000", b"0001", b"0002", b"0003", b"0004", b"zzzz", b"-001", b"+004",
    b"0x10", b"ffff", b"fff1abc", b"0032want 0123", b"0009want0000", b"\0" * 100, b"0000" * 1000,
    b"0004" * 1000, b"0010want \xff\xfe\xfd\xfc\n", os.urandom(200),
    line(b"want " + b"z" * 40 + b"\n") + b"0000" + line(b"done\n"),
    line(b"want " + b"1" * 40 + b" " + b"x" * 60_000) + b"0000" + line(b"done\n"),
    line(b"want " + b"1" * 40 + b"\n") * 1000 + b"0000" + line(b"done\n"),
    line(b"have " + b"1" * 40 + b"\n") + line(b"done\n"),
    line(b"shallow nothing\n") + line(b"deepen -5\n") + b"0000",
    line(b"deepen 99999999999999999999\n") + b"0000", line(b"filter blob:none\n") + b"0000",
]  # fmt: skip


@pytest.mark.parametrize("service", [FETCH, PUSH])
@pytest.mark.parametrize("body", PKT_LINES, ids=range(len(PKT_LINES)))
def test_malformed_pkt_lines(send: Send, repo: str, service: str, body: bytes):
    for headers in ((), (V2,)):
        answer = send("POST", f"/{repo}/{service}", body, *headers)
        assert answer.status in (200, 400, 404, 422), answer.text


COMMANDS_OF_V2 = [
    line(b"command=nothing") + b"0000",
    line(b"command=ls-refs") + b"0001" + line(b"ref-prefix " + b"x" * 5000) + b"0000",
    line(b"command=ls-refs") + b"0001" + line(b"ref-prefix x") * 5000 + b"0000",
    line(b"command=ls-refs") + b"0001" + line(b"ref-prefix \xff\0\n") + b"0000",
    line(b"command=ls-refs") + b"0001" + line(b"unknown argument") + b"0000",
    line(b"command=ls-refs") + line(b"object-format=sha256") + b"00010000",
    line(b"command=ls-refs") + line(b"command=fetch") + b"0000",
    line(b"command=fetch") + b"0001" + line(b"done") + b"0000",
    line(b"command=fetch") + b"0001" + line(b"want " + b"1" * 40) + line(b"done") + b"0000",
    line(b"command=fetch") + b"0001" + line(b"want-ref refs/heads/no") + line(b"done") + b"0000",
    line(b"command=fetch") + b"0001" + line(b"deepen-since never") + line(b"done") + b"0000",
    line(b"command=fetch") + b"0001" + line(b"filter sparse:oid=main:x") + line(b"done") + b"0000",
    line(b"command=object-info") + b"0001" + line(b"size") + line(b"oid zz") + b"0000",
    line(b"command=fetch") + b"0001" + line(b"want " + b"1" * 40),
]


@pytest.mark.parametrize("body", COMMANDS_OF_V2, ids=range(len(COMMANDS_OF_V2)))
def test_odd_commands_of_protocol_2(send: Send, repo: str, body: bytes):
    answer = send("POST", f"/{repo}/{FETCH}", body, V2)
    assert answer.status in (200, 400, 404), answer.text


@pytest.mark.parametrize("service", [FETCH, PUSH])
@pytest.mark.parametrize(
    "body", [b"", b"not gzip", gzip.compress(b"0000")[:-6], gzip.compress(b"0000") + b"tail"],
    ids=["empty", "plain", "cut", "tail"],
)  # fmt: skip
def test_damaged_gzip(send: Send, repo: str, service: str, body: bytes):
    assert send("POST", f"/{repo}/{service}", body, ZIPPED).status in (200, 400)


@pytest.mark.parametrize("service", [FETCH, PUSH])
def test_a_gzip_bomb(hub: LiveHub, send: Send, repo: str, service: str):
    bomb = gzip.compress(line(b"want " + b"1" * 40 + b"\n") * 8_000_000, 9)
    assert len(bomb) < 2_000_000
    before = peak_memory(hub)
    assert send("POST", f"/{repo}/{service}", bomb, ZIPPED).status in (200, 400, 413)
    assert peak_memory(hub) - before < 200_000_000


def peak_memory(hub: LiveHub) -> int:
    assert hub.process
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{hub.process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x" * 500])
def test_unknown_content_encodings(send: Send, repo: str, encoding: str):
    headers = ("Content-Encoding", encoding)
    assert send("POST", f"/{repo}/{FETCH}", b"0000", headers).status == 400


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999999", "0x10", "1,2"])
@pytest.mark.parametrize("place", [PUSH, "commit"])
def test_lengths_that_are_no_lengths(send: Send, repo: str, length: str, place: str):
    path = f"/{repo}/{PUSH}" if place == PUSH else f"/api/models/{repo}/commit/main"
    answer = send("POST", path, b"0000", ("Content-Length", length), NDJSON)
    assert answer.status in (0, 400, 413), answer.text


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n", b"-4\r\n0000\r\n0\r\n\r\n", b"4\r\n0000", b"ffffffffffffffffff\r\n0", b"\r\n"],
)
@pytest.mark.parametrize("place", [PUSH, FETCH, "commit", "preupload"])
def test_malformed_chunks(hub: LiveHub, ada: LiveUser, repo: str, body: bytes, place: str):
    path = f"/{repo}/{place}" if "git" in place else f"/api/models/{repo}/{place}/main"
    headers = [("Transfer-Encoding", "chunked"), ("Authorization", f"Bearer {ada.token}"), NDJSON]
    sent = request(hub, "POST", path, headers=headers, body=body)
    assert exchange(hub, sent, half=True).status in (0, 200, 400, 422)


def test_sound_chunks(send: Send, repo: str):
    body = b"2\r\n00\r\n2\r\n00\r\n0\r\n\r\n"
    answer = send("POST", f"/{repo}/{PUSH}", body, ("Transfer-Encoding", "chunked"))
    assert (answer.status, answer.body) == (200, b""), "a probe"


@pytest.mark.parametrize("path", [PUSH, FETCH, "commit", "preupload", "branch", "batch"])
def test_a_body_that_stops_early(hub: LiveHub, ada: LiveUser, repo: str, path: str):
    place = {
        "commit": f"/api/models/{repo}/commit/main",
        "preupload": f"/api/models/{repo}/preupload/main",
        "branch": f"/api/models/{repo}/branch/cut",
        "batch": f"/{repo}.git/info/lfs/objects/batch",
    }.get(path, f"/{repo}/{path}")
    headers = [("Content-Length", "1000"), ("Authorization", f"Bearer {ada.token}")]
    sent = request(hub, "POST", place, headers=headers, body=b'{"half":')
    assert exchange(hub, sent, half=True).status in (0, 400)


def test_bodies_above_the_limits(make_hub, git: GitClient):
    hub: LiveHub = make_hub(HUB_MAX_PUSH="1MB", HUB_MAX_COMMIT_BODY="1MB")
    ada = hub.make_user("ada")
    repo = ada.make_repo()
    clone = git.clone(ada.git_url(repo), "clone")
    git.commit(clone, {"data.dat": os.urandom(2_000_000)})
    said = git.refused("push", "origin", "HEAD:main", cwd=clone)
    assert "413" in said or "larger than" in said
    said = git.refused("-c", "http.postBuffer=65536", "push", "origin", "HEAD:main", cwd=clone)
    assert "413" in said or "larger than" in said or "hung up" in said
    value = {"path": "a", "content": "x" * 1_500_000, "encoding": "utf-8"}
    with ada.client() as client:
        answer = client.post(
            f"/api/models/{repo}/commit/main",
            content=ndjson(("header", {"summary": "s"}), ("file", value)),
            headers=dict([NDJSON]),
        )
        assert answer.status_code == 413
        assert client.get(f"/api/models/{repo}").status_code == 200
        files = [{"path": "x" * 4000, "size": 1, "sample": ""}] * 20_000
        answer = client.post(f"/api/models/{repo}/preupload/main", json={"files": files})
        assert 400 <= answer.status_code < 500


def ndjson(*lines: tuple[str, object]) -> bytes:
    return b"".join(json.dumps({"key": k, "value": v}).encode() + b"\n" for k, v in lines)


HEADER = ("header", {"summary": "s"})


def file(path: str, content: object = "", encoding: object = "utf-8") -> tuple[str, object]:
    return ("file", {"path": path, "content": content, "encoding": encoding})


BAD_COMMITS = {
    "nothing": b"",
    "blank": b"\n\n\n",
    "not json": b"hello\n",
    "a list": b"[1,2]\n",
    "null": b"null\n",
    "no header": ndjson(file("a")),
    "no key": b'{"value":{}}\n',
    "unknown key": ndjson(HEADER, ("bogus", {})),
    "header is text": ndjson(("header", "s")),
    "no summary": ndjson(("header", {})),
    "summary is a list": ndjson(("header", {"summary": [1]})),
    "parent is a number": ndjson(("header", {"summary": "s", "parentCommit": 5}), file("a")),
    "value is null": ndjson(HEADER, ("file", None)),
    "no path": ndjson(HEADER, ("file", {"content": ""})),
    "path is a list": ndjson(HEADER, ("file", {"path": ["a"], "content": ""})),
    "bad base64": ndjson(HEADER, file("a", "@@@", "base64")),
    "base64 is a number": ndjson(HEADER, file("a", 5, "base64")),
    "unknown encoding": ndjson(HEADER, file("a", "x", "rot13")),
    "not utf-8": b'{"key":"header","value":{"summary":"\xff\xfe"}}\n',
    "lone surrogate": b'{"key":"header","value":{"summary":"\\ud800"}}\n' + ndjson(file("a", "x")),
    "deep": b'{"key":' + b"[" * 100_000 + b"\n",
    "cut": ndjson(HEADER) + b'{"key":"file","value":{"path":"a","con',
    "lfs without oid": ndjson(HEADER, ("lfsFile", {"path": "a", "algo": "sha256"})),
    "lfs oid too short": ndjson(HEADER, ("lfsFile", {"path": "a", "oid": "12", "size": 1})),
    "lfs never uploaded": ndjson(
        HEADER, ("lfsFile", {"path": "a", "algo": "sha256", "oid": "1" * 64, "size": 1})
    ),
    "lfs size is text": ndjson(HEADER, ("lfsFile", {"path": "a", "oid": "1" * 64, "size": "x"})),
    "two in one place": ndjson(HEADER, file("a"), file("a/b")),
    "delete what is not there": ndjson(HEADER, ("deletedFile", {"path": "never.txt"})),
}


@pytest.mark.parametrize("name", BAD_COMMITS)
def test_bad_commits(send: Send, ada: LiveUser, repo: str, name: str):
    answer = send("POST", f"/api/models/{repo}/commit/main", BAD_COMMITS[name], NDJSON)
    if name == "lone surrogate":
        assert answer.status < 500
    else:
        assert 400 <= answer.status < 500, answer.text
        assert "X-Error-Message" in answer.headers.decode("latin-1").title()


BAD_PATHS = [
    "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", ".", "./a", ".git/config", "x/.git/y",
    ".GIT/config", "a\\b", "a\0b", "", ".git\u200c/x", "git~1/x", "a/./b", "x" * 4097, "x" * 256,
    "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS, ids=range(len(BAD_PATHS)))
def test_paths_that_may_not_be_committed(send: Send, repo: str, path: str):
    answer = send("POST", f"/api/models/{repo}/commit/main", ndjson(HEADER, file(path)), NDJSON)
    assert answer.status in (400, 422), answer.text


ODD_TARGETS = [
    b"..", b"../../../etc/passwd", b"%2e%2e/%2e%2e/etc/passwd", b"a%2Fb", b"a%2F..%2Fb", b"%00",
    b"a%00b", b"%ff%fe", b"\xff\xfe", b"%", b"%zz", b"%2", b"x" * 4000, b"%2F" * 1000, b"/" * 500,
    b"a" * 60_000, b"%0d%0aX-Evil: 1", b"%ed%a0%80", b"a?b#c", b";v=1", b".git/config", b"%5c..%5c",
    b"refs/heads/../x", b"refs%2Fheads%2F..%2Fx", b"HEAD~1", b"HEAD^{tree}", b"main:README.md",
    b"@{-1}", b"0" * 40, b"f" * 40, b"abc", b"--upload-pack=x", b"refs/pr/0",
    b"refs/pr/99999999999",
]  # fmt: skip


@pytest.mark.parametrize(
    "form",
    [
        b"/%s", b"/%s/%s", b"/ada/%s", b"/ada/%s.git/info/refs?service=git-upload-pack",
        b"/REPO/resolve/%s/README.md", b"/REPO/resolve/main/%s", b"/REPO/raw/main/%s",
        b"/REPO/tree/%s", b"/REPO/blob/main/%s", b"/REPO/commits/%s", b"/REPO/commit/%s",
        b"/api/models/REPO/tree/%s", b"/api/models/REPO/tree/main/%s", b"/api/models/%s",
        b"/api/models/REPO/revision/%s", b"/api/models/REPO/commits/%s", b"/static/x/%s",
        b"/api/models/REPO/compare/main..%s", b"/-/%s", b"/api/users/%s/overview",
        b"/REPO.git/info/lfs/objects/%s",
    ],
)  # fmt: skip
def test_odd_targets(send: Send, repo: str, form: bytes):
    for number, odd in enumerate(ODD_TARGETS):
        target = form.replace(b"REPO", repo.encode()).replace(b"%s", odd)
        method = "HEAD" if number % 5 == 4 else "GET"
        answer = send(method, target, None, ("Accept", "text/html"))
        assert answer.status < 500, answer.text
        assert b"root:" not in answer.body
        assert b"\r\nx-evil" not in answer.headers.lower()


@pytest.mark.parametrize("revision", ["never", "0" * 40, "refs/heads/../x", "a..b", "\0", "%2e%2e"])
@pytest.mark.parametrize("what", ["tree", "revision", "commits", "resolve"])
def test_unknown_revisions(send: Send, repo: str, revision: str, what: str):
    escaped = "".join(f"%{byte:02x}" for byte in revision.encode())
    path = f"/api/models/{repo}/{what}/{escaped}"
    if what == "resolve":
        path = f"/{repo}/resolve/{escaped}/README.md"
    answer = send("GET", path)
    assert answer.status == 404, answer.text
    assert b"x-error-code: RevisionNotFound" in answer.headers


BAD_REFS = ["../x", "a..b", "a b", "a~1", ".a", "a.lock", "a\0b", "x" * 4000, "a:b", "", "@{0}"]


@pytest.mark.parametrize("name", BAD_REFS, ids=range(len(BAD_REFS)))
@pytest.mark.parametrize("what", ["branch", "tag"])
def test_bad_branches_and_tags(send: Send, repo: str, name: str, what: str):
    escaped = "".join(f"%{byte:02x}" for byte in name.encode())
    path = f"/api/models/{repo}/{what}/{'main' if what == 'tag' else escaped}"
    body = json.dumps({"tag": name}).encode() if what == "tag" else b"{}"
    answer = send("POST", path, body, ("Content-Type", "application/json"))
    assert answer.status in (400, 404, 405, 422), answer.text


TOKENS = [
    "Bearer hf_wrong", "Bearer", "Bearer ", "Basic", "Basic !!!", "Basic " + "A" * 5000,
    "Bearer \xff", "Digest x", "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    "Bearer hf_" + "x" * 20_000,
    "Basic " + base64.b64encode(b"ada:").decode(), "Basic " + base64.b64encode(b":").decode(),
]  # fmt: skip


@pytest.mark.parametrize("credentials", TOKENS, ids=range(len(TOKENS)))
@pytest.mark.parametrize("path", ["/api/whoami-v2", "/REPO/info/refs?service=git-upload-pack"])
def test_wrong_credentials(hub: LiveHub, repo: str, credentials: str, path: str):
    target = path.replace("REPO", repo)
    answer = exchange(hub, request(hub, "GET", target, headers=[("Authorization", credentials)]))
    assert answer.status in (401, 400, 431), answer.text


def test_tokens_that_have_expired_or_lack_the_scope(hub: LiveHub, ada: LiveUser, repo: str):
    words = ["--role", "fine-grained", "--scope", f"repo.read:models/{repo}"]
    fine = hub.command("token", "create", "ada", *words)
    with hub.client(fine) as client:
        answer = client.post("/api/repos/create", json={"name": "never"})
        assert answer.status_code == 403, answer.text
        body = rawgit.commands([f"{rawgit.NULL} {'1' * 40} refs/heads/x"]) + rawgit.pack([])
        assert client.post(f"/{repo}/{PUSH}", content=body).status_code in (401, 403)
    short = hub.command("token", "create", "ada", "--role", "write", "--expires", "1s")
    with hub.client(short) as client:
        for _ in range(50):
            if client.get("/api/whoami-v2").status_code == 401:
                break
            subprocess.run(["sleep", "0.1"], check=True)
        answer = client.get("/api/whoami-v2")
    assert answer.status_code == 401
    assert "Invalid credentials" in answer.text or "expired" in answer.text


def test_ranges_nobody_can_satisfy(send: Send, repo: str):
    for value in ("bytes=99999-", "bytes=-0"):
        answer = send("GET", f"/{repo}/resolve/main/.gitattributes", None, ("Range", value))
        assert answer.status == 416
    for value in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=-", "x" * 5000):
        answer = send("GET", f"/{repo}/resolve/main/.gitattributes", None, ("Range", value))
        assert answer.status in (200, 206, 416)


def test_two_commits_at_once_that_name_a_parent(ada: LiveUser):
    """Exactly one wins; the other hears that the branch has moved."""
    repo = ada.make_repo()
    with ada.client() as client:
        head = client.get(f"/api/models/{repo}").json()["sha"]

        def one(number: int) -> int:
            lines = ndjson(
                ("header", {"summary": "s", "parentCommit": head}), file(f"{number}.txt", "x")
            )
            path = f"/api/models/{repo}/commit/main"
            return client.post(path, content=lines, headers=dict([NDJSON])).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(pool.map(one, range(8)))
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {409, 412}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(small_disk: Path, make_hub, git: GitClient):
    hub: LiveHub = make_hub(data_dir=small_disk / "data")
    ada = hub.make_user("ada")
    repo = ada.make_repo()
    clone = git.clone(ada.git_url(repo), "clone")
    for number in range(8):
        git.commit(clone, {f"{number}.dat": os.urandom(8_000_000)})
    said = git.refused("push", "origin", "HEAD:main", cwd=clone)
    assert "507" in said or "space" in said.lower()
    assert len(git.remote_refs(ada.git_url(repo))) == 2, "it still answers"
    git("reset", "-q", "--hard", "HEAD~7", cwd=clone)
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    assert b"unexpected error" not in hub.log.read_bytes()


def test_an_encoded_slash_in_any_parameter(send: Send):
    for path in ("/-/avatars/%2F.svg", "/join/%2F", "/reset/%2F", "/api/users/%2F/overview"):
        assert send("GET", path, None, ("Accept", "text/html")).status < 500
    assert send("GET", "/static/x/%2F..%2Fsetup.py").status == 404


@pytest.mark.parametrize("path", ["duplicate", "commit/main", "preupload/main", "tag/main"])
def test_a_form_with_a_cookie_where_json_belongs(hub: LiveHub, repo: str, path: str):
    """Looking for a form's token reads the body, which the route then wants to read."""
    headers = [("Cookie", "hub_session=x"), ("Content-Type", "multipart/form-data; boundary=x")]
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
    sent = request(hub, "POST", f"/api/models/{repo}/{path}", headers=headers, body=body)
    assert 400 <= exchange(hub, sent).status < 500
