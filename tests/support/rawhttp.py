"""Requests as bytes on a socket, for those that no client library would send."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.server import LiveHub

SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where the server closed the connection without a word."""

    status: int
    headers: bytes
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def exchange(hub: LiveHub, request: bytes, *, half: bool = False) -> Answer:
    """Send it on a connection of its own, as it is, and read to the end.

    `half`: say that nothing more comes, so that the server sees a body that stops early.
    """
    with socket.create_connection(("127.0.0.1", hub.port), timeout=SECONDS) as connection:
        try:
            connection.sendall(request)
            if half:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered already
        return parsed(_all(connection))


def _all(connection: socket.socket) -> bytes:
    received = bytearray()
    try:
        while data := connection.recv(1 << 16):
            received += data
    except ConnectionResetError:
        pass  # what came before counts
    return bytes(received)


def parsed(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return Answer(status, head, body)


def request(
    hub: LiveHub,
    method: str,
    target: bytes | str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
) -> bytes:
    """Method, target and headers as they are; Host, Connection and the length are added."""
    path = target.encode() if isinstance(target, str) else target
    given = {name.lower() for name, _ in headers}
    lines = [method.encode() + b" " + path + b" HTTP/1.1", b"Connection: close"]
    if "host" not in given:
        lines.append(b"Host: 127.0.0.1:%d" % hub.port)
    if body is not None and not given & {"content-length", "transfer-encoding"}:
        lines.append(b"Content-Length: %d" % len(body))
    lines += [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
