"""Routing on raw paths: an encoded slash stays inside its segment, any bytes can be named."""

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from hub_server.edge.paths import (
    SLASH,
    RawPath,
    RepoRef,
    decode,
    register_convertors,
    repo_path,
    revision_and_path,
)

register_convertors()
app = FastAPI()


@app.get("/api/{kinds:kinds}/{id:id}/tree/{rest:rawrest}")
def tree(request: Request) -> dict[str, object]:
    revision, path = next(revision_and_path(request.path_params["rest"]))
    return {
        "kind": request.path_params["kinds"],
        "id": request.path_params["id"],
        "revision": revision,
        "path": path.encode("utf-8", "surrogateescape").hex(),
    }


@app.get("/{repo:repo}/info/refs")
def refs(request: Request) -> dict[str, str]:
    repo: RepoRef = request.path_params["repo"]
    return {"kind": repo.kind, "name": repo.name}


client = TestClient(RawPath(app))


def got(path: str) -> dict[str, str]:
    answer = client.get(f"http://testserver{path}")
    assert answer.status_code == 200, path
    found: dict[str, str] = answer.json()
    return found


def test_an_encoded_slash_belongs_to_the_revision():
    found = got("/api/models/ada/tiny/tree/feat%2Fx/sub%20dir/a%2Fb")
    assert found["revision"] == "feat/x"
    assert bytes.fromhex(found["path"]) == b"sub dir/a/b"


@pytest.mark.parametrize(
    ("path", "name"),
    [("ada/tiny", "ada/tiny"), ("gpt2", "gpt2")],
)
def test_one_segment_names_are_names(path: str, name: str):
    assert got(f"/api/datasets/{path}/tree/main") == {
        "kind": "dataset",
        "id": name,
        "revision": "main",
        "path": "",
    }


def test_names_hold_any_bytes():
    found = got("/api/models/a/b/tree/main/caf%E9%0Aline")
    assert bytes.fromhex(found["path"]) == b"caf\xe9\nline"


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/ada/tiny/info/refs", "model", "ada/tiny"),
        ("/ada/tiny.git/info/refs", "model", "ada/tiny"),
        ("/datasets/ada/iris.git/info/refs", "dataset", "ada/iris"),
        ("/spaces/ada/app/info/refs", "space", "ada/app"),
        ("/gpt2.git/info/refs", "model", "gpt2"),
        ("/datasets/glue/info/refs", "dataset", "glue"),
        ("//ada/tiny/info/refs", "model", "ada/tiny"),
    ],
)
def test_clone_addresses(path: str, kind: str, name: str):
    assert got(path) == {"kind": kind, "name": name}


def test_revisions_are_tried_from_short_to_long():
    assert list(revision_and_path("a/b/c")) == [("a", "b/c"), ("a/b", "c"), ("a/b/c", "")]


def test_a_full_ref_name_is_one_revision_though_a_proxy_decoded_it():
    assert next(revision_and_path("refs/pr/1/a/b")) == ("refs/pr/1", "a/b")


def test_the_mark_of_a_slash_cannot_be_sent():
    assert SLASH not in decode(b"/%ED%A0%80")


def test_paths_of_pages():
    assert repo_path("model", "ada/tiny") == "ada/tiny"
    assert repo_path("space", "ada/app") == "spaces/ada/app"
