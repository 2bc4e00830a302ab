"""Large files over the API: how they are described, sent, listed, shared and taken away."""

import hashlib
import os
from collections.abc import Callable, Iterator

import httpx
import pytest

from hub_server.blobs.s3client import S3Place
from tests.support.server import LiveHub, LiveUser
from tests.support.transfers import put_file, put_large


class Large(bytes):
    """Content that nobody has sent before."""

    @property
    def oid(self) -> str:
        return hashlib.sha256(self).hexdigest()


@pytest.fixture
def data() -> Large:
    return Large(os.urandom(200_000))


@pytest.fixture
def client(ada: LiveUser) -> Iterator[httpx.Client]:
    with ada.client() as made:
        yield made


@pytest.fixture
def guest(bob: LiveUser) -> Iterator[httpx.Client]:
    with bob.client() as made:
        yield made


@pytest.fixture
def repo(ada: LiveUser, client: httpx.Client, data: Large) -> str:
    name = ada.make_repo()
    put_large(client, f"models/{name}", "dir/weights.bin", data)
    return name


def entries(client: httpx.Client, repo: str, revision: str = "main") -> dict[str, dict]:
    found = client.get(f"/api/models/{repo}/tree/{revision}?recursive=true").json()
    return {entry["path"]: entry for entry in found}


def test_how_it_is_described(client: httpx.Client, repo: str, data: Large) -> None:
    head = client.head(f"/{repo}/resolve/main/dir/weights.bin")
    assert head.headers["x-linked-etag"] == head.headers["etag"] == f'"{data.oid}"'
    assert head.headers["x-linked-size"] == head.headers["content-length"] == str(len(data))
    entry = entries(client, repo)["dir/weights.bin"]
    pointer = client.get(f"/{repo}/raw/main/dir/weights.bin").content
    assert entry["lfs"] == {"oid": data.oid, "size": len(data), "pointerSize": len(pointer)}
    assert entry["size"] == len(data)
    assert pointer.splitlines()[1] == b"oid sha256:" + data.oid.encode()
    assert entry["oid"] == hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()
    files = client.get(f"/api/models/{repo}?blobs=true").json()["siblings"]
    (told,) = [file for file in files if file["rfilename"] == "dir/weights.bin"]
    assert told["lfs"] == {"sha256": data.oid, "size": len(data), "pointerSize": len(pointer)}
    assert told["size"] == len(data)
    raw = client.head(f"/{repo}/raw/main/dir/weights.bin").headers
    assert "x-linked-etag" not in raw


def test_its_bytes(client: httpx.Client, repo: str, data: Large) -> None:
    url = f"/{repo}/resolve/main/dir/weights.bin"
    assert client.get(url).content == data
    part = client.get(url, headers={"range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, data[1000:2000])
    assert client.get(url, headers={"if-none-match": f'"{data.oid}"'}).status_code == 304
    assert part.headers["content-security-policy"].startswith("sandbox")


def test_where_it_is_listed(
    client: httpx.Client, guest: httpx.Client, repo: str, data: Large
) -> None:
    other = os.urandom(1000)
    put_large(client, f"models/{repo}", "second.bin", other)
    answer = client.get(f"/api/models/{repo}/lfs-files?limit=1")
    (first,) = answer.json()
    assert (first["fileOid"], first["oid"], first["filename"]) == (
        data.oid,
        data.oid,
        "dir/weights.bin",
    )
    assert (first["size"], first["ref"]) == (len(data), "refs/heads/main")
    assert first["pushedAt"].endswith("Z")
    (second,) = client.get(answer.links["next"]["url"]).json()
    assert second["filename"] == "second.bin"
    assert guest.get(f"/api/models/{repo}/lfs-files").status_code == 403


def test_it_is_taken_away(client: httpx.Client, repo: str, data: Large) -> None:
    put_file(client, f"models/{repo}", "kept.txt", b"kept")
    asked = {"deletions": {"sha": [data.oid.upper(), "0" * 64], "rewriteHistory": True}}
    assert client.post(f"/api/models/{repo}/lfs-files/batch", json=asked).is_success
    assert set(entries(client, repo)) == {".gitattributes", "kept.txt"}
    answer = client.get(f"/{repo}/resolve/main/dir/weights.bin")
    assert answer.headers["x-error-code"] == "EntryNotFound"
    assert client.get(f"/api/models/{repo}/lfs-files").json() == []
    for commit in client.get(f"/api/models/{repo}/commits/main").json():
        assert "dir/weights.bin" not in entries(client, repo, commit["id"])


def test_it_is_taken_away_but_its_history_stays(
    client: httpx.Client, repo: str, data: Large
) -> None:
    commits = client.get(f"/api/models/{repo}/commits/main").json()
    assert client.delete(f"/api/models/{repo}/lfs-files/{data.oid}").is_success
    assert client.get(f"/api/models/{repo}/commits/main").json() == commits
    answer = client.get(f"/{repo}/resolve/main/dir/weights.bin")
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "EntryNotFound")
    assert client.get(f"/{repo}/raw/main/dir/weights.bin").is_success


@pytest.mark.parametrize(
    "asked",
    [{}, {"deletions": {}}, {"deletions": {"sha": "x"}}, {"deletions": {"sha": ["0" * 64] * 1001}}],
)
def test_taken_away_wrongly(client: httpx.Client, repo: str, asked: object) -> None:
    assert client.post(f"/api/models/{repo}/lfs-files/batch", json=asked).status_code == 400


def test_shared_with_another_repository(
    ada: LiveUser, bob: LiveUser, client: httpx.Client, guest: httpx.Client, repo: str, data: Large
) -> None:
    target = bob.make_repo(kind="dataset")
    unknown = "1" * 64
    asked = {
        "target": {"type": "dataset", "name": target},
        "files": [
            {"sha256": data.oid, "filename": "a.bin", "xetHash": "f" * 64},
            {"sha256": unknown, "filename": "b.bin"},
        ],
    }
    told = guest.post(f"/api/models/{repo}/lfs-files/duplicate", json=asked).json()
    assert [each["sha256"] for each in told["failed"]] == [unknown]
    value = {"path": "a.bin", "algo": "sha256", "oid": data.oid}
    lines = (
        '{"key":"header","value":{"summary":"copy"}}\n'
        + httpx.Request(
            "POST", "http://x", json={"key": "lfsFile", "value": value}
        ).content.decode()
    )
    kind = {"content-type": "application/x-ndjson"}
    url = f"/api/datasets/{target}/commit/main"
    assert guest.post(url, content=lines, headers=kind).is_success
    assert guest.get(f"/datasets/{target}/resolve/main/a.bin").content == data
    assert (
        client.post(f"/api/models/{repo}/lfs-files/duplicate", json=asked).status_code == 403
    )  # ada may not write to bob's


def test_a_hash_alone_opens_nothing(
    ada: LiveUser, bob: LiveUser, client: httpx.Client, guest: httpx.Client
) -> None:
    """Knowing the sha256 of a private file is no way to get it."""
    secret = os.urandom(5000)
    oid = hashlib.sha256(secret).hexdigest()
    hidden, mine = ada.make_repo(private=True), bob.make_repo()
    put_large(client, f"models/{hidden}", "secret.bin", secret)
    line = f'{{"key":"lfsFile","value":{{"path":"a.bin","algo":"sha256","oid":"{oid}"}}}}'
    lines = '{"key":"header","value":{"summary":"steal"}}\n' + line
    kind = {"content-type": "application/x-ndjson"}
    answer = guest.post(f"/api/models/{mine}/commit/main", content=lines, headers=kind)
    assert answer.status_code == 422
    asked = {"target": {"type": "model", "name": mine}, "files": [{"sha256": oid}]}
    for source in (hidden, mine):
        answer = guest.post(f"/api/models/{source}/lfs-files/duplicate", json=asked)
        assert answer.status_code == 404 or answer.json()["failed"]
    put_file(guest, f"models/{mine}", "x.txt", b"x")
    assert guest.get(f"/{mine}/resolve/main/a.bin").status_code == 404


def test_a_copy_has_them_too(
    client: httpx.Client, guest: httpx.Client, repo: str, data: Large
) -> None:
    name = f"bob/copy-of-{repo.partition('/')[2]}"
    asked = {"repository": name}
    assert guest.post(f"/api/models/{repo}/duplicate", json=asked).is_success
    assert guest.get(f"/{name}/resolve/main/dir/weights.bin").content == data
    client.delete(f"/api/models/{repo}/lfs-files/{data.oid}")
    assert guest.get(f"/{name}/resolve/main/dir/weights.bin").content == data


def test_clients_are_sent_to_the_store(
    make_hub: Callable[..., LiveHub], moto_place: S3Place, data: Large
) -> None:
    hub = make_hub(
        HUB_BLOBS=f"s3://{moto_place.bucket}/{moto_place.prefix}",
        HUB_S3_ENDPOINT=moto_place.endpoint or "",
        HUB_S3_ACCESS_KEY_ID=moto_place.access_key_id or "",
        HUB_S3_SECRET_ACCESS_KEY=moto_place.secret_access_key or "",
        HUB_S3_DIRECT="false",
    )
    user = hub.make_user()
    name = user.make_repo()
    with user.client() as client:
        put_large(client, f"models/{name}", "weights.bin", data)
        assert client.get(f"/{name}/resolve/main/weights.bin").content == data
    hub.stop()
    hub.settings["HUB_S3_DIRECT"] = "true"  # type: ignore[index]
    hub.start()
    url = f"/{name}/resolve/main/weights.bin"
    with hub.client() as client:
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(moto_place.endpoint or "?")
        assert answer.headers["x-linked-etag"] == f'"{data.oid}"'
        assert answer.headers["x-linked-size"] == str(len(data))
        assert answer.headers["x-repo-commit"]
        assert answer.headers["cache-control"] == "no-store"
        stored = httpx.get(answer.headers["location"], trust_env=False)
        assert stored.content == data
        assert stored.headers["content-disposition"].startswith("attachment")
        assert client.head(url).headers["content-length"] == str(len(data))
        for place in ("image", "video", "empty", "audio"):  # what pages of ours embed
            assert client.get(url, headers={"sec-fetch-dest": place}).content == data
        assert client.get(f"/{name}/resolve/main/.gitattributes").status_code == 200
