"""Committing over HTTP: every operation, and every way to get it wrong."""

import hashlib
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.api.committing import NDJSON, body, file_line, header, post, put
from tests.support.server import LiveUser

MOVED = "The branch was updated since you opened this page. Please refresh and try again."


@pytest.fixture
def repo(ada: LiveUser) -> str:
    return ada.make_repo()


@pytest.fixture
def client(ada: LiveUser) -> Iterator[httpx.Client]:
    with ada.client() as made:
        yield made


def names(client: httpx.Client, repo: str, revision: str = "main") -> set[str]:
    answer = client.get(f"/api/models/{repo}/tree/{revision}?recursive=true")
    return {entry["path"] for entry in answer.json() if entry["type"] == "file"}


def test_the_answer_leads_to_the_commit(ada: LiveUser, repo: str) -> None:
    answer = post(ada, repo.upper(), header(), file_line("a.txt", b"a"))
    told = answer.json()
    assert told["success"] is True
    assert told["commitUrl"] == f"{ada.hub.url}/{repo}/commit/{told['commitOid']}"
    assert told["hookOutput"] == ""


def test_a_body_without_its_last_newline(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    lines = body(header(), file_line("a.txt", b"a")).rstrip(b"\n")
    assert post(ada, repo, raw=b"\n" + lines.replace(b"\n", b"\r\n")).status_code == 200
    assert "a.txt" in names(client, repo)


def test_text_needs_no_base64(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    value = {"path": "é.txt", "content": "naïve ☃ \u0000", "encoding": "utf-8"}
    assert post(ada, repo, header(), {"key": "file", "value": value}).status_code == 200
    assert client.get(f"/{repo}/resolve/main/é.txt").content == "naïve ☃ \0".encode()


def test_a_renamed_file(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    put(ada, repo, {"old.txt": b"same"})
    line = file_line("new.txt", b"same")
    line["value"]["oldPath"] = "old.txt"
    assert post(ada, repo, header(), line).status_code == 200
    assert names(client, repo) == {".gitattributes", "new.txt"}


def test_operations_apply_in_order(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    answer = post(
        ada,
        repo,
        header(),
        file_line("folder/a.txt", b"1"),
        {"key": "deletedFolder", "value": {"path": "folder/"}},
        file_line("folder/b.txt", b"2"),
        file_line("folder/b.txt", b"3"),
    )
    assert answer.status_code == 200
    assert names(client, repo) == {".gitattributes", "folder/b.txt"}
    assert client.get(f"/{repo}/resolve/main/folder/b.txt").content == b"3"


def test_a_commit_to_a_branch_with_slashes(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    client.post(f"/api/models/{repo}/branch/feat%2Fx", json={})
    put(ada, repo, {"x": b"x"}, revision="feat%2Fx")
    assert "x" in names(client, repo, "feat%2Fx")
    assert "x" not in names(client, repo)


def test_many_files_in_one_commit(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    files = {f"d{n % 7}/{n}.txt": b"%d" % n for n in range(1500)}
    put(ada, repo, files)
    answer = client.get(f"/api/models/{repo}/tree/main?recursive=true")
    assert len(answer.json()) == 1000
    following = client.get(answer.links["next"]["url"])
    paths = [entry["path"] for entry in answer.json() + following.json()]
    assert len(paths) == len(set(paths)) == 1500 + 7 + 1


def test_more_than_a_hundred_megabytes(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    """In 12 files of 9 MB of text, as an upload without LFS."""
    content = {f"{n}.txt": (b"%08d\n" % n) * 1_000_000 for n in range(12)}
    put(ada, repo, content)
    for name in ("0.txt", "11.txt"):
        assert client.get(f"/{repo}/resolve/main/{name}").content == content[name]


def test_a_file_that_belongs_into_lfs(ada: LiveUser, repo: str) -> None:
    answer = post(ada, repo, header(), file_line("big.txt", b"x" * (11 * 1024 * 1024)))
    assert answer.status_code == 413
    assert "big.txt" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "../up",
        "a/../b",
        "/abs",
        "a//b",
        ".git/config",
        "a/.GIT/x",
        "a\\b",
        "",
        ".",
        "a/./b",
        "a\0b",
    ],
)
def test_paths_nobody_could_check_out(ada: LiveUser, repo: str, path: str) -> None:
    answer = post(ada, repo, header(), file_line(path, b"x"))
    assert answer.status_code == 422, answer.text


def test_a_path_of_four_thousand_characters(ada: LiveUser, repo: str) -> None:
    assert post(ada, repo, header(), file_line("x" * 4000, b"x")).status_code == 422
    long = "/".join("y" * 200 for _ in range(30))
    assert post(ada, repo, header(), file_line(long, b"x")).status_code == 422


def test_a_file_where_a_folder_is(ada: LiveUser, repo: str) -> None:
    put(ada, repo, {"a/b": b"x"})
    assert post(ada, repo, header(), file_line("a/b/c", b"x")).status_code == 422


MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "header"),
    "no JSON": (body(header()) + b"{nope\n", "Line 2"),
    "no header": (body(file_line("a", b"")), "header"),
    "two headers": (body(header(), header()), "Line 2"),
    "no summary": (body({"key": "header", "value": {}}), "Line 1"),
    "a list": (b"[]\n", "Line 1"),
    "no key": (body(header(), {"value": {"path": "a"}}), "Line 2"),
    "unknown key": (body(header(), {"key": "explode", "value": {"path": "a"}}), "explode"),
    "no path": (body(header(), {"key": "file", "value": {"content": ""}}), "path"),
    "a number for a path": (body(header(), {"key": "deletedFile", "value": {"path": 1}}), "path"),
    "no base64": (
        body(
            header(), {"key": "file", "value": {"path": "a", "content": "*", "encoding": "base64"}}
        ),
        "base64",
    ),
    "an unknown encoding": (
        body(header(), {"key": "file", "value": {"path": "a", "content": "", "encoding": "rot13"}}),
        "encoding",
    ),
    "half a character": (
        b'{"key":"header","value":{"summary":"\\ud800"}}\n',
        "Unicode",
    ),
    "an oid that is none": (
        body(header(), {"key": "lfsFile", "value": {"path": "a", "algo": "sha256", "oid": "xyz"}}),
        "oid",
    ),
    "deeply nested": (body(header()) + b"[" * 100_000 + b"\n", "Line 2"),
    "bytes": (b"\xff\xfe\x00\n", "Line 1"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bodies(ada: LiveUser, repo: str, name: str) -> None:
    raw, word = MALFORMED[name]
    answer = post(ada, repo, raw=raw)
    assert answer.status_code == 400, answer.text
    assert word in answer.json()["error"]


def test_a_line_longer_than_any_file(ada: LiveUser, repo: str) -> None:
    raw = body(header()) + b'{"key":"file","value":{"path":"a","content":"' + b"x" * 70_000_000
    assert post(ada, repo, raw=raw).status_code == 413


def test_large_files_that_nobody_uploaded(ada: LiveUser, repo: str) -> None:
    oid = hashlib.sha256(b"never sent").hexdigest()
    value = {"path": "weights.bin", "algo": "sha256", "oid": oid, "size": 10}
    answer = post(ada, repo, header(), {"key": "lfsFile", "value": value})
    assert answer.status_code == 422
    assert "weights.bin" in answer.json()["error"]


def test_deleting_nothing(ada: LiveUser, repo: str) -> None:
    answer = post(ada, repo, header(), {"key": "deletedFile", "value": {"path": "nope"}})
    assert answer.status_code == 404
    assert answer.headers["x-error-code"] == "EntryNotFound"
    assert "A file with this name doesn't exist" in answer.json()["error"]


def test_a_parent(ada: LiveUser, repo: str) -> None:
    first = put(ada, repo, {"a": b"1"})
    assert post(ada, repo, header(parentCommit=first), file_line("a", b"2")).status_code == 200
    answer = post(ada, repo, header(parentCommit=first), file_line("a", b"3"))
    assert (answer.status_code, answer.json()["error"]) == (412, MOVED)


@pytest.mark.parametrize("revision", ["nope", "v1", "refs%2Ftags%2Fv1", "refs%2Fpr%2F1", "%ff"])
def test_a_commit_goes_to_a_branch(
    ada: LiveUser, repo: str, client: httpx.Client, revision: str
) -> None:
    client.post(f"/api/models/{repo}/tag/main", json={"tag": "v1"})
    answer = post(ada, repo, header(), file_line("a", b"x"), revision=revision)
    assert answer.status_code == 404, answer.text
    assert answer.headers["x-error-code"] == "RevisionNotFound"


def test_a_commit_to_a_commit(ada: LiveUser, repo: str) -> None:
    head = put(ada, repo, {"a": b"x"})
    answer = post(ada, repo, header(), file_line("b", b"x"), revision=head)
    assert answer.headers["x-error-code"] == "RevisionNotFound"


def test_a_card_that_is_wrong(ada: LiveUser, repo: str) -> None:
    answer = post(ada, repo, header(), file_line("README.md", b"---\nlicense: nope\n---\n"))
    assert answer.status_code == 400
    assert "license" in answer.json()["errors"][0]["message"]


def test_pull_requests_are_not_there_yet(ada: LiveUser, bob: LiveUser, repo: str) -> None:
    answer = post(bob, repo, header(), file_line("a", b"x"), revision="main?create_pr=1")
    assert answer.status_code == 501
    assert "pull requests" in answer.json()["error"]


def test_the_same_again_changes_nothing_anybody_misses(ada: LiveUser, repo: str) -> None:
    put(ada, repo, {"a": b"x"})
    assert post(ada, repo, header("again"), file_line("a", b"x")).status_code == 200


def test_a_commit_by_cookie_needs_the_page_it_came_from(ada: LiveUser, repo: str) -> None:
    with ada.hub.client() as client:
        answer = client.post(
            f"/api/models/{repo}/commit/main",
            content=body(header(), file_line("a", b"x")),
            headers={**NDJSON, "cookie": "hub_session=made-up"},
        )
    assert answer.status_code == 401


def test_preupload(ada: LiveUser, repo: str, client: httpx.Client) -> None:
    put(ada, repo, {"README.md": b"# Hi", ".gitignore": b"*.log\n"})
    files = [
        {"path": "README.md", "size": 4, "sample": "IyBIaQ=="},
        {"path": "weights.bin", "size": 4, "sample": "YWJjZA=="},
        {"path": "x.log", "size": 1, "sample": ""},
        {"path": "big.txt", "size": 11 * 1024 * 1024, "sample": "YWJj"},
        {"path": "nine.txt", "size": 9 * 1024 * 1024, "sample": "YWJj"},
        {"path": "ü/\\ö", "size": 0},
    ]
    told = client.post(f"/api/models/{repo}/preupload/main", json={"files": files}).json()
    found = {each["path"]: each for each in told["files"]}
    assert set(found) == {file["path"] for file in files}
    assert {name: each["uploadMode"] for name, each in found.items()} == {
        "README.md": "regular",
        "weights.bin": "lfs",
        "x.log": "regular",
        "big.txt": "lfs",
        "nine.txt": "regular",
        "ü/\\ö": "regular",
    }
    assert [name for name, each in found.items() if each["shouldIgnore"]] == ["x.log"]
    blob = hashlib.sha1(b"blob 4\0# Hi").hexdigest()
    assert found["README.md"]["oid"] == blob
    assert "oid" not in found["x.log"]
    assert len(told["commitOid"]) == 40


def test_preupload_by_rules_that_come_along(repo: str, client: httpx.Client) -> None:
    asked = {
        "files": [{"path": "a.txt", "size": 1}, {"path": "b.bin", "size": 1}],
        "gitIgnore": "b.*",
        "gitAttributes": "*.txt filter=lfs\n",
    }
    told = client.post(f"/api/models/{repo}/preupload/main", json=asked).json()["files"]
    assert [each["uploadMode"] for each in told] == ["lfs", "regular"]
    assert [each["shouldIgnore"] for each in told] == [False, True]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"files": "a"},
        {"files": [{"size": 1}]},
        {"files": [{"path": "a", "size": -1}]},
        {"files": [{"path": "a", "size": 1, "sample": "*"}]},
        {"files": [{"path": "a", "size": 1}] * 1001},
    ],
)
def test_malformed_preuploads(repo: str, client: httpx.Client, asked: object) -> None:
    assert client.post(f"/api/models/{repo}/preupload/main", json=asked).status_code == 400


def test_preupload_to_nowhere(repo: str, client: httpx.Client) -> None:
    answer = client.post(f"/api/models/{repo}/preupload/nope", json={"files": []})
    assert answer.headers["x-error-code"] == "RevisionNotFound"


def test_validation_of_cards(client: httpx.Client) -> None:
    def ask(content: object, kind: object = "model", **headers: str) -> httpx.Response:
        asked = {"content": content, "repoType": kind}
        return client.post("/api/validate-yaml", json=asked, headers=headers)

    good = ask("---\nlicense: mit\n---\n# Usage\n")
    assert (good.status_code, good.json()) == (200, {"errors": [], "warnings": []})
    bare = ask("# Hi")
    assert bare.status_code == 200
    assert "empty or missing yaml metadata" in bare.json()["warnings"][0]["message"]
    for content, kind in (("---\na: [\n---\n", "model"), (None, "model"), ("x", "kernel")):
        bad = ask(content, kind)
        assert bad.status_code == 400
        assert bad.json()["errors"][0]["message"]
    text = ask("---\nlicense: nope\n---\n", accept="text/plain")
    assert text.status_code == 400
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.startswith('- Error: "license" must be one of [apache-2.0, mit, ')
    assert ask("# Hi", accept="text/plain").text.startswith("- Warning: empty or missing yaml")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"content": 1}'])
def test_validation_always_answers_in_json(client: httpx.Client, raw: bytes) -> None:
    answer = client.post("/api/validate-yaml", content=raw)
    assert answer.status_code == 400
    assert json.loads(answer.content)["errors"]
