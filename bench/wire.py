"""HTTP over plain sockets: the client costs so little that the server is what is measured."""

import json
import selectors
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BUFFER = 1 << 20
END = b"\r\n\r\n"


class Connection:
    """One kept-alive connection."""

    def __init__(self, url: str, *headers: str) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = headers

    def send(
        self, method: str, path: str, *headers: str, body: bytes = b"", length: int = 0
    ) -> None:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", *self.headers, *headers]
        if body or length or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {length or len(body)}")
        self.socket.sendall("\r\n".join(lines).encode() + END + body)

    def head(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, and what has come of the body."""
        data = b""
        while END not in data:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError(f"the server closed the connection after {data!r}")
            data += more
        head, _, rest = data.partition(END)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        return int(first.split()[1]), headers, rest

    def body(self) -> tuple[int, int]:
        """Status and length of the answer, which is thrown away."""
        status, headers, rest = self.head()
        if headers.get("transfer-encoding") == "chunked":
            return status, self._drain_chunks(rest)
        length = int(headers.get("content-length", 0))
        left, space = length - len(rest), memoryview(bytearray(BUFFER))
        while left > 0:
            count = self.socket.recv_into(space, min(left, BUFFER))
            if not count:
                raise ConnectionError(f"{left} bytes are missing")
            left -= count
        return status, length

    def _drain_chunks(self, rest: bytes) -> int:
        total = len(rest)
        while not rest.endswith(b"0\r\n\r\n"):
            more = self.socket.recv(BUFFER)
            if not more:
                raise ConnectionError("the answer was cut off")
            total += len(more)
            rest = (rest + more)[-5:]
        return total

    def call(self, method: str, path: str, *headers: str, body: bytes = b"") -> tuple[int, Any]:
        """Status and the JSON of a small answer."""
        self.send(method, path, *headers, body=body)
        status, found, data = self.head()
        while len(data) < int(found.get("content-length", 0)):
            data += self.socket.recv(BUFFER)
        return status, json.loads(data) if data and "json" in found.get(
            "content-type", ""
        ) else data

    def put_file(self, path: str, file: Path, *headers: str) -> int:
        with file.open("rb") as source:
            self.send("PUT", path, *headers, length=file.stat().st_size)
            self.socket.sendfile(source)
        return self.body()[0]

    def close(self) -> None:
        self.socket.close()


def rate(url: str, requests: Sequence[tuple[str, str]], *, clients: int, seconds: float) -> float:
    """Answers a second to bodiless requests (HEAD) in turn, on so many connections."""
    ready = selectors.DefaultSelector()
    connections = [Connection(url) for _ in range(clients)]
    sent = [
        f"{m} {p} HTTP/1.1\r\nHost: {connections[0].host}\r\n\r\n".encode() for m, p in requests
    ]
    for number, connection in enumerate(connections):
        ready.register(connection.socket, selectors.EVENT_READ, bytearray())
        connection.socket.sendall(sent[number % len(sent)])
    done, begin = 0, time.perf_counter()
    while (now := time.perf_counter()) - begin < seconds:
        for key, _ in ready.select():
            got: bytearray = key.data
            got += key.fileobj.recv(65536)  # type: ignore[union-attr]
            if not got.endswith(END):
                continue
            if not got.startswith((b"HTTP/1.1 200", b"HTTP/1.1 3")):
                raise ConnectionError(bytes(got[:500]))
            got.clear()
            done += 1
            key.fileobj.sendall(sent[done % len(sent)])  # type: ignore[union-attr]
    for connection in connections:
        connection.close()
    return done / (now - begin)
