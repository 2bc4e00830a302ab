"""Files into a hub over HTTP, and clients that take their time."""

import base64
import hashlib
import json
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx


def commit(client: httpx.Client, repo: str, *operations: Mapping[str, object]) -> httpx.Response:
    """One HTTP commit to main; `repo` as in addresses of the API: `models/ada/tiny`."""
    header = {"key": "header", "value": {"summary": "change"}}
    lines = "\n".join(json.dumps(line) for line in (header, *operations))
    kind = {"Content-Type": "application/x-ndjson"}
    return client.post(f"/api/{repo}/commit/main", content=lines, headers=kind)


def file_line(path: str, data: bytes) -> dict[str, object]:
    content = base64.b64encode(data).decode()
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}


def put_file(client: httpx.Client, repo: str, path: str, data: bytes) -> None:
    answer = commit(client, repo, file_line(path, data))
    assert answer.status_code == 200, answer.text


def upload_link(client: httpx.Client, repo: str, data: bytes, *, git: str = "") -> str:
    """Where git-lfs would PUT `data`; `git` is the repository's path for Git."""
    git = git or repo.removeprefix("models/")
    body = {
        "operation": "upload",
        "transfers": ["basic"],
        "hash_algo": "sha256",
        "objects": [{"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}],
    }
    kind = {"Content-Type": "application/vnd.git-lfs+json"}
    answer = client.post(f"/{git}.git/info/lfs/objects/batch", json=body, headers=kind)
    assert answer.status_code == 200, answer.text
    link: str = answer.json()["objects"][0]["actions"]["upload"]["href"]
    return link


def put_large(client: httpx.Client, repo: str, path: str, data: bytes) -> None:
    """A file in LFS: batch, PUT, commit."""
    link = upload_link(client, repo, data)
    answer = client.put(link, content=data, headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    digest = hashlib.sha256(data).hexdigest()
    value = {"path": path, "algo": "sha256", "oid": digest, "size": len(data)}
    answer = commit(client, repo, {"key": "lfsFile", "value": value})
    assert answer.status_code == 200, answer.text


class SlowClient:
    """One HTTP/1.1 request whose body, or whose answer, moves only when the test says so."""

    def __init__(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, *, length: int = 0
    ) -> None:
        parts = urlsplit(url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.socket.settimeout(60)
        self.socket.connect((parts.hostname or "", parts.port or 80))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if method in ("PUT", "POST"):
            lines.append(f"Content-Length: {length}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self) -> tuple[int, bytes]:
        """The status, and what of the body came with the headers."""
        gathered = b""
        while b"\r\n\r\n" not in gathered:
            data = self.socket.recv(4096)
            if not data:
                raise ConnectionError(f"the connection ended: {gathered!r}")
            gathered += data
        head, _, rest = gathered.partition(b"\r\n\r\n")
        return int(head.split()[1]), rest

    def rest(self) -> bytes:
        """All that still comes."""
        gathered = bytearray()
        while data := self.socket.recv(1 << 20):
            gathered += data
        return bytes(gathered)

    def close(self) -> None:
        self.socket.close()
