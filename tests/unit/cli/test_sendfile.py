"""Files to sockets by the kernel: whole, in ranges, to the slow, to those who leave."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from hub_server.cli.protocol import HubProtocol
from hub_server.cli.sendfile import AT_ONCE, EXTENSION

SIZE = 24_000_001


class Served:
    """The file at `/offset/count`; how answers ended is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        assert EXTENSION in scope["extensions"]
        offset, count = map(int, scope["path"].strip("/").split("/"))
        length = [(b"content-length", str(count).encode())]
        with self.path.open("rb") as file:
            await send({"type": "http.response.start", "status": 200, "headers": length})
            part = {"file": file.fileno(), "offset": offset, "count": count}
            try:
                await send({"type": EXTENSION, **part})
            except EOFError:
                self.ended.append("short")
                raise
        self.ended.append("done")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sendfile") / "file"
    path.write_bytes(bytes(range(251)) * (SIZE // 251 + 1))
    with path.open("r+b") as file:
        file.truncate(SIZE)
    return path


@pytest.fixture(params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest, data: Path) -> Iterator[tuple[Served, int]]:
    served = Served(data)
    config = uvicorn.Config(
        served, http=HubProtocol, loop=request.param, lifespan="off", log_config=None
    )
    running = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    factory = config.get_loop_factory()

    def run() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(running.serve([listener]))

    thread = threading.Thread(target=run)
    thread.start()
    yield served, listener.getsockname()[1]
    running.should_exit = True
    thread.join()


def test_parts_of_a_file_over_one_connection(server: tuple[Served, int], data: Path) -> None:
    whole = data.read_bytes()
    with httpx.Client(base_url=f"http://127.0.0.1:{server[1]}") as client:
        for offset, count in ((0, SIZE), (7, 0), (SIZE - 1, 1), (123_456, 5_000_000), (0, 9)):
            answer = client.get(f"/{offset}/{count}")
            assert answer.content == whole[offset : offset + count]
    deadline = time.monotonic() + 20  # the last byte is there before the answer has ended
    while len(server[0].ended) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server[0].ended == ["done"] * 5


def test_a_head_is_the_head_alone(server: tuple[Served, int]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{server[1]}") as client:
        answer = client.head(f"/0/{SIZE}")
        assert (answer.headers["content-length"], answer.content) == (str(SIZE), b"")
        assert client.get("/1/3").content == b"\x01\x02\x03"


def test_slow_clients_hold_no_thread(server: tuple[Served, int], data: Path) -> None:
    """More of them than there are threads, and somebody fast is served all the same."""
    slow = [_asking(server[1], f"/0/{SIZE}") for _ in range(AT_ONCE * 3)]
    time.sleep(0.2)
    answer = httpx.get(f"http://127.0.0.1:{server[1]}/10/1000000")
    assert answer.content == data.read_bytes()[10:1_000_010]
    received = [_rest(each) for each in slow]
    assert all(each.endswith(data.read_bytes()[-1000:]) for each in received)
    assert {len(each.split(b"\r\n\r\n", 1)[1]) for each in received} == {SIZE}


def test_who_leaves_ends_the_answer(server: tuple[Served, int]) -> None:
    gone = [_asking(server[1], f"/0/{SIZE}") for _ in range(AT_ONCE * 2)]
    time.sleep(0.1)
    for each in gone:
        each.close()
    deadline = time.monotonic() + 20
    while len(server[0].ended) < len(gone) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(server[0].ended) == len(gone)
    assert httpx.get(f"http://127.0.0.1:{server[1]}/0/2").content == b"\x00\x01"


def test_a_file_that_is_too_short_ends_the_connection(server: tuple[Served, int]) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{server[1]}/{SIZE - 5}/10")
    assert server[0].ended == ["short"]


def _asking(port: int, path: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(20)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    return connection


def _rest(connection: socket.socket) -> bytes:
    pieces = []
    with connection:
        while piece := connection.recv(1 << 20):
            pieces.append(piece)
    return b"".join(pieces)
