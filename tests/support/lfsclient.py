"""LFS by hand: every request a client makes, one at a time, so that each can be made wrongly."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.server import LiveHub, LiveUser

MEDIA_TYPE = "application/vnd.git-lfs+json"
CHUNK = 1 << 20


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pointer(data: bytes) -> str:
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid_of(data)}\nsize {len(data)}\n"
    )


def stream(size: int) -> Iterator[bytes]:
    """Bytes that are all alike to nobody: the same for every call, never all in memory."""
    block = hashlib.shake_128(b"stream").digest(CHUNK)
    for start in range(0, size, CHUNK):
        head = start.to_bytes(8, "big")
        yield (head + block[8:])[: size - start]


def stream_oid(size: int) -> str:
    digest = hashlib.sha256()
    for chunk in stream(size):
        digest.update(chunk)
    return digest.hexdigest()


@dataclass
class LfsDoor:
    """One person at the LFS door of one repository; `user` None is nobody."""

    hub: LiveHub
    user: LiveUser | None
    repo: str
    plain: httpx.Client = field(init=False)
    """Without a token, as clients use the links of an answer."""
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.plain = self.hub.client()
        self.client = self.user.client() if self.user else self.plain

    def close(self) -> None:
        self.plain.close()
        self.client.close()

    def post(self, place: str, body: object) -> httpx.Response:
        return self.client.post(
            f"/{self.repo}.git/info/lfs/{place}",
            content=json.dumps(body),
            headers={"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE},
        )

    def ask(
        self,
        operation: str,
        wishes: Sequence[tuple[str, int]],
        transfers: Sequence[str] = ("basic",),
        ref: str | None = "refs/heads/main",
    ) -> httpx.Response:
        body: dict[str, Any] = {
            "operation": operation,
            "transfers": list(transfers),
            "objects": [{"oid": oid, "size": size} for oid, size in wishes],
        }
        if ref:
            body["ref"] = {"name": ref}
        return self.post("objects/batch", body)

    def one(self, operation: str, oid: str, size: int, **more: Any) -> dict[str, Any]:
        """The answer for one object."""
        answer = self.ask(operation, [(oid, size)], **more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith(MEDIA_TYPE)
        found: dict[str, Any] = answer.json()["objects"][0]
        assert found["oid"] == oid
        return found

    def upload_link(self, data: bytes, **more: Any) -> str:
        link: str = self.one("upload", oid_of(data), len(data), **more)["actions"]["upload"]["href"]
        return link

    def put(self, href: str, data: bytes) -> httpx.Response:
        return self.plain.put(href, content=data)

    def send(self, data: bytes, **more: Any) -> str:
        """Upload plainly; the oid."""
        done = self.put(self.upload_link(data, **more), data)
        assert done.status_code == 200, done.text
        return oid_of(data)

    def has(self, oid: str, size: int) -> bool:
        """Whether this person may fetch the object through this repository."""
        found = self.one("download", oid, size)
        if "error" in found:
            assert found["error"]["code"] == 404, found
        return "error" not in found

    def fetch(self, oid: str, size: int) -> bytes:
        href = self.one("download", oid, size)["actions"]["download"]["href"]
        answer = self.plain.get(href, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.content

    def commit(
        self, lines: Sequence[tuple[str, Mapping[str, Any]]], revision: str = "main"
    ) -> httpx.Response:
        header = ("header", {"summary": "by hand"})
        body = "\n".join(json.dumps({"key": k, "value": v}) for k, v in (header, *lines))
        return self.client.post(
            f"/api/models/{self.repo}/commit/{revision}",
            content=body,
            headers={"Content-Type": "application/x-ndjson"},
        )

    def name(self, path: str, oid: str, size: int | None = None) -> httpx.Response:
        """Commit a large file that was sent before."""
        value: dict[str, Any] = {"path": path, "algo": "sha256", "oid": oid}
        return self.commit([("lfsFile", value | ({} if size is None else {"size": size}))])

    def keep(self, path: str, data: bytes) -> str:
        """Upload and commit; the oid."""
        oid = self.send(data)
        done = self.name(path, oid, len(data))
        assert done.status_code == 200, done.text
        return oid


def new_data(size: int = 5000) -> bytes:
    return secrets.token_bytes(size)


OpenDoor = Callable[[LiveUser | None, str], LfsDoor]


@pytest.fixture
def open_door(hub: LiveHub) -> Iterator[OpenDoor]:
    """`open_door(user, repo)`, on the hub of the test's module."""
    made: list[LfsDoor] = []

    def make(user: LiveUser | None, repo: str) -> LfsDoor:
        made.append(LfsDoor(user.hub if user else hub, user, repo))
        return made[-1]

    yield make
    for each in made:
        each.close()
