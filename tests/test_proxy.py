"""deploy/nginx.conf passes on what a hub needs to see, and sends files that a hub names."""

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.nginx import StartNginx

pytestmark = pytest.mark.nginx

BODY = b"0123456789" * 1000


class Node(ThreadingHTTPServer):
    """A web server that says what it was asked, to see what arrives behind the proxy."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.first_bytes = threading.Event()
        self.seen: list[str] = []
        self.gone = False

    def go(self) -> None:
        """As a process that is killed: nobody listens, and open connections end unanswered."""
        self.gone = True
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Node

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        if self.server.gone:
            self.close_connection = True
            return
        if "/accel/" in self.path:
            self._answer(
                b"", {"X-Accel-Redirect": "/-/xaccel/lfs/ab/cd", "ETag": '"the-etag"',
                      "X-Repo-Commit": "f" * 40, "Content-Type": "application/x-thing",
                      "Content-Disposition": "attachment; filename=a.bin",
                      "Content-Security-Policy": "sandbox; default-src 'none'",
                      "X-Content-Type-Options": "nosniff"},
            )  # fmt: skip
        elif self.path.endswith("/stream"):
            self._stream()
        elif self.path.endswith(".json"):
            self._answer(BODY, {})
        else:
            self._answer(self.path.encode(), {f"Seen-{k}": v for k, v in self.headers.items()})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        received = len(self.rfile.read(min(length, 1000)))
        self.server.first_bytes.set()
        while received < length:
            received += len(self.rfile.read(min(1 << 20, length - received)))
        self._answer(str(received).encode(), {"Seen-Protocol": self.request_version})

    def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Node", self.server.address)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        """One chunk now, the last one when the client has said that it saw the first."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        self.server.first_bytes.wait(10)
        self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")


@pytest.fixture
def make_node() -> Iterator[Callable[[], Node]]:
    nodes: list[Node] = []

    def make() -> Node:
        nodes.append(Node())
        threading.Thread(target=nodes[-1].serve_forever, args=(0.02,), daemon=True).start()
        return nodes[-1]

    yield make
    for node in nodes:
        node.go()


@pytest.fixture
def node(make_node: Callable[[], Node]) -> Node:
    return make_node()


@pytest.fixture
def proxied(start_nginx: StartNginx, node: Node) -> str:
    return start_nginx([node.address])


@pytest.mark.parametrize(
    "path",
    ["/ada/tiny/resolve/refs%2Fpr%2F1/a%20b.txt?x=%2F", "/a//b", "/ada/%E2%82%AC", "/a/%2e%2e/b"],
)
def test_the_path_arrives_as_it_was_sent(proxied: str, node: Node, path: str) -> None:
    connection = http.client.HTTPConnection(proxied.removeprefix("http://"))
    connection.request("GET", path)  # httpx and curl would tidy the path up
    assert connection.getresponse().read().decode() == path
    connection.close()
    assert node.seen == [path]


def test_the_node_learns_how_the_client_came(proxied: str) -> None:
    seen = httpx.get(
        f"{proxied}/x", headers={"Host": "hub.test:81", "X-Forwarded-For": "192.0.2.7"}
    ).headers
    assert seen["Seen-Host"] == "hub.test:81"
    assert seen["Seen-X-Forwarded-Host"] == "hub.test:81"
    assert seen["Seen-X-Forwarded-Proto"] == "http"
    assert seen["Seen-X-Forwarded-For"] == "127.0.0.1", "a client cannot choose its own address"


def test_an_upload_reaches_the_node_while_it_is_being_sent(proxied: str, node: Node) -> None:
    half = 40 * 1000 * 1000

    def slow() -> Iterator[bytes]:
        yield bytes(half)
        assert node.first_bytes.wait(20), "the proxy stored the body instead of passing it on"
        yield bytes(half)

    answer = httpx.post(
        f"{proxied}/x", content=slow(), headers={"Content-Length": str(2 * half)}, timeout=60
    )
    assert answer.text == str(2 * half)
    assert answer.headers["Seen-Protocol"] == "HTTP/1.1"


def test_an_answer_reaches_the_client_while_it_is_being_made(proxied: str, node: Node) -> None:
    with httpx.stream("GET", f"{proxied}/stream", timeout=20) as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"first"
        node.first_bytes.set()
        assert b"".join(chunks) == b"last"


def test_a_transfer_keeps_its_bytes_and_length(proxied: str) -> None:
    answer = httpx.get(f"{proxied}/config.json", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Length"] == str(len(BODY))


@pytest.fixture
def accelerated(start_nginx: StartNginx, node: Node, tmp_path: Path) -> str:
    blob = tmp_path / "lfs" / "ab" / "cd"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(BODY)
    return start_nginx([node.address], blobs=tmp_path)


def test_nginx_sends_the_file_that_the_hub_names_with_the_hubs_headers(accelerated: str) -> None:
    answer = httpx.get(f"{accelerated}/accel/x")
    assert answer.content == BODY
    assert answer.headers.get_list("ETag") == ['"the-etag"']
    assert answer.headers["X-Repo-Commit"] == "f" * 40
    assert answer.headers["Content-Type"] == "application/x-thing"
    assert answer.headers["Content-Disposition"] == "attachment; filename=a.bin"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Accel-Redirect" not in answer.headers
    assert "X-Linked-Size" not in answer.headers, "what the hub did not say is not sent"


@pytest.mark.parametrize(
    ("headers", "status", "length"),
    [
        ({"Range": "bytes=5-14"}, 206, 10),
        ({"Range": "bytes=5-14", "If-Range": '"the-etag"'}, 206, 10),
        ({"Range": "bytes=5-14", "If-Range": '"another"'}, 200, len(BODY)),
        ({"Range": "bytes=99999-"}, 416, None),
    ],
)
def test_ranges_of_a_file_that_nginx_sends(
    accelerated: str, headers: dict[str, str], status: int, length: int | None
) -> None:
    answer = httpx.get(f"{accelerated}/accel/x", headers=headers)
    assert answer.status_code == status
    if length is not None:
        assert len(answer.content) == length
    if status == 206:
        assert answer.content == BODY[5:15]
        assert answer.headers["ETag"] == '"the-etag"'


def test_nobody_can_ask_for_a_file_directly(accelerated: str) -> None:
    assert httpx.get(f"{accelerated}/-/xaccel/lfs/ab/cd").status_code == 404


def test_requests_are_shared_out_and_a_lost_node_is_not_noticed(
    start_nginx: StartNginx, make_node: Callable[[], Node]
) -> None:
    first, second = make_node(), make_node()
    proxied = start_nginx([first.address, second.address])

    def nodes_of(count: int) -> set[Any]:
        answers = [httpx.get(f"{proxied}/x") for _ in range(count)]
        assert {answer.status_code for answer in answers} == {200}
        return {answer.headers["Node"] for answer in answers}

    assert nodes_of(8) == {first.address, second.address}
    first.go()
    assert nodes_of(8) == {second.address}


def test_below_a_path_nothing_is_cut_off(start_nginx: StartNginx, node: Node) -> None:
    proxied = start_nginx([node.address], prefix="/hub")
    assert httpx.get(f"{proxied}/hub/ada/tiny").text == "/hub/ada/tiny"
    assert httpx.get(f"{proxied}/ada/tiny").status_code == 404
