"""The proxy that tests put in front of databases and buckets does what its modes say."""

import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.proxy import Proxy

BODY = b"0123456789" * 5000


class Answer(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    proxy = Proxy(server.server_address[1], rate=100_000)
    yield proxy
    proxy.close()
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(proxy: Proxy, *, timeout: float = 10) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_open(proxy: Proxy) -> None:
    assert fetch(proxy) == BODY


def test_refused_and_back_at_the_same_port(proxy: Proxy) -> None:
    port = proxy.port
    with proxy.failing("refuse"), pytest.raises(ConnectionRefusedError):
        fetch(proxy)
    assert proxy.port == port
    assert fetch(proxy) == BODY


def test_cut_in_the_middle_of_an_answer(proxy: Proxy) -> None:
    with proxy.failing("cut"), pytest.raises((OSError, http.client.HTTPException)):
        fetch(proxy)
    assert fetch(proxy) == BODY


def test_slow(proxy: Proxy) -> None:
    begun = time.monotonic()
    with proxy.failing("slow"):
        assert fetch(proxy) == BODY
    assert 0.4 < time.monotonic() - begun < 10


def test_hanging(proxy: Proxy) -> None:
    with proxy.failing("hang"), pytest.raises(TimeoutError):
        fetch(proxy, timeout=0.5)
    assert fetch(proxy) == BODY
