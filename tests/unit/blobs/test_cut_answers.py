"""An answer of the S3 service that broke off is never believed, wherever it broke."""

import http.client
import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hub_server.blobs import BlobStore, StoreUnavailable
from hub_server.blobs.s3 import S3Store
from hub_server.blobs.s3client import S3Place
from hub_server.blobs.wholeheads import WholeHead

BODY = b"0123456789" * 3
HEAD = (
    b"HTTP/1.1 200 OK\r\nETag: \"0123456789abcdef0123456789abcdef\"\r\n"
    b"Last-Modified: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Length: 30\r\n\r\n"
)  # fmt: skip
LIST = b"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says these bytes to every request, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_every_place_where_a_head_can_break() -> None:
    for cut in range(len(HEAD)):
        response = WholeHead(_Pretended(HEAD[:cut]), method="HEAD")  # type: ignore[arg-type]
        with pytest.raises((http.client.RemoteDisconnected, http.client.BadStatusLine)):
            response.begin()
    whole = WholeHead(_Pretended(HEAD + BODY), method="GET")  # type: ignore[arg-type]
    whole.begin()
    assert whole.read() == BODY


class _Pretended:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


ASKED: dict[str, Callable[[BlobStore], object]] = {
    "size": lambda store: store.size("cache/a"),
    "open": lambda store: store.open("cache/a").read(),
    "put": lambda store: store.put("cache/a", io.BytesIO(b"abc")),
    "list": lambda store: list(store.list("cache/")),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    "answer", [HEAD[:-5], HEAD[:40], HEAD[:100]], ids=["number", "tag", "date"]
)
def test_a_head_that_broke_off(asked: str, answer: bytes) -> None:
    """`Content-Length: 30` that ends after the 3 is not 3 bytes."""
    with answering(answer) as url, pytest.raises(StoreUnavailable):
        ASKED[asked](store_at(url))


@pytest.mark.timeout(30)
def test_an_invitation_to_go_on_that_broke_off() -> None:
    """The upload ends; it once waited for the rest of "100 Continue" on a closed connection."""
    with answering(b"HTTP/1.1 100 Continue\r\n") as url, pytest.raises(StoreUnavailable):
        store_at(url).put("cache/a", io.BytesIO(b"abc"))


def test_a_list_that_broke_off() -> None:
    """Without a length, only the XML itself tells."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n"
    with answering(head + LIST) as url:
        assert list(store_at(url).list("cache/")) == []
    with answering(head + LIST[:-10]) as url, pytest.raises(StoreUnavailable):
        list(store_at(url).list("cache/"))


def store_at(url: str) -> S3Store:
    return S3Store(S3Place("bucket", endpoint=url, access_key_id="a", secret_access_key="b"))
