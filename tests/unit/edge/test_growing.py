"""Answers that are sent while they are made: slow clients cost files, not threads."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from anyio import CapacityLimiter
from starlette.types import Message

from hub_server.edge.growing import Budget, GrowingResponse, Make
from hub_server.errors import Unavailable
from tests.support.outages import small_disk

BLOCK = 300_000


class Client:
    """Takes what is sent when `reads` is set; leaves when `leaves` is set."""

    def __init__(self, *, reads: bool = True) -> None:
        self.reads, self.leaves = asyncio.Event(), asyncio.Event()
        self.got = bytearray()
        self.began = self.ended = False
        if reads:
            self.reads.set()

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.began = True
        self.got += message.get("body", b"")
        self.ended |= message["type"] == "http.response.body" and not message.get("more_body")


class Node:
    def __init__(self, folder: Path, *, limit: int = 10**9, threads: int = 2) -> None:
        self.folder, self.budget = folder, Budget(limit)
        self.limiter = CapacityLimiter(threads)

    def answer(self, make: Make) -> GrowingResponse:
        return GrowingResponse(
            make, folder=self.folder, budget=self.budget, limiter=self.limiter,
            headers={"Content-Type": "x/y"},
        )  # fmt: skip

    def serve(self, make: Make, client: Client) -> "asyncio.Task[None]":
        answer = self.answer(make)
        return asyncio.ensure_future(answer({"type": "http"}, client.receive, client.send))


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))


async def until(done: Callable[[], bool]) -> None:
    while not done():  # noqa: ASYNC110 - what it waits for happens in threads
        await asyncio.sleep(0.01)


def blocks(count: int) -> Make:
    def make(write: Callable[[bytes], None]) -> None:
        for number in range(count):
            write(bytes([number % 256]) * BLOCK)

    return make


WHOLE = b"".join(bytes([number]) * BLOCK for number in range(10))


def test_all_that_is_made_arrives_and_nothing_is_left(tmp_path: Path):
    async def test() -> None:
        node, client = Node(tmp_path), Client()
        await node.serve(blocks(10), client)
        assert bytes(client.got) == WHOLE
        assert client.ended
        assert node.budget.used == 0

    run(test)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_has_no_length_and_may_be_empty(tmp_path: Path):
    async def test() -> None:
        node, client = Node(tmp_path), Client()
        answer = node.answer(lambda write: None)
        assert "content-length" not in answer.headers
        await answer({"type": "http"}, client.receive, client.send)
        assert client.ended
        assert client.got == b""

    run(test)


def test_clients_that_do_not_read_hold_no_thread(tmp_path: Path):
    async def test() -> None:
        node = Node(tmp_path, threads=2)
        clients = [Client(reads=False) for _ in range(20)]
        made = [threading.Event() for _ in clients]

        def maker(done: threading.Event) -> Make:
            def make(write: Callable[[bytes], None]) -> None:
                blocks(10)(write)
                done.set()

            return make

        served = [
            node.serve(maker(done), client) for done, client in zip(made, clients, strict=True)
        ]
        await until(lambda: all(done.is_set() for done in made))
        assert node.budget.used == 20 * len(WHOLE)
        for client in clients:
            client.reads.set()
        await asyncio.gather(*served)
        assert all(client.got == WHOLE for client in clients)
        assert node.budget.used == 0

    run(test)


def test_what_is_there_is_sent_before_the_rest_is_made(tmp_path: Path):
    async def test() -> None:
        node, client, go_on = Node(tmp_path), Client(), threading.Event()

        def make(write: Callable[[bytes], None]) -> None:
            write(b"first")
            go_on.wait(20)
            write(b"second")

        served = node.serve(make, client)
        await until(lambda: client.got == b"first")
        go_on.set()
        await served
        assert client.got == b"firstsecond"

    run(test)


@pytest.mark.parametrize(
    "failure", [Unavailable("The store is away."), OSError(errno.ENOSPC, "full")]
)
@pytest.mark.parametrize("count", [0, 3])
def test_store_and_disk_may_fail(tmp_path: Path, count: int, failure: Exception):
    """Before the first byte in words; afterwards nobody takes what came for the whole."""

    def make(write: Callable[[bytes], None]) -> None:
        blocks(count)(write)
        raise failure

    async def test() -> None:
        node, client = Node(tmp_path), Client()
        if count:
            await node.serve(make, client)
        else:
            with pytest.raises(type(failure)):
                await node.serve(make, client)
            assert not client.began
        assert not client.ended
        assert node.budget.used == 0

    run(test)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root")
def test_a_disk_that_fills_up_while_an_answer_grows(tmp_path: Path):
    async def test() -> None:
        with small_disk(tmp_path / "disk", 1) as disk:
            node, client = Node(disk), Client()
            await node.serve(blocks(10), client)
            assert client.got == WHOLE[: len(client.got)]
            assert client.began
            assert not client.ended

    run(test)


@pytest.mark.parametrize("count", [0, 3])
def test_an_answer_that_fails_is_cut_off_not_ended(tmp_path: Path, count: int):
    def make(write: Callable[[bytes], None]) -> None:
        blocks(count)(write)
        raise LookupError("broken")

    async def test() -> None:
        node, client = Node(tmp_path), Client()
        with pytest.raises((LookupError, ConnectionAbortedError)):
            await node.serve(make, client)
        assert not client.ended
        assert node.budget.used == 0

    run(test)
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_leaves_stops_the_work(tmp_path: Path):
    async def test() -> None:
        node, client = Node(tmp_path), Client()
        written = []

        def make(write: Callable[[bytes], None]) -> None:
            for number in range(100_000):
                write(b"a" * 1000)
                written.append(number)

        served = node.serve(make, client)
        await until(lambda: len(client.got) > 0)
        client.leaves.set()
        await served
        assert len(written) < 100_000
        assert node.budget.used == 0

    run(test)


def test_beyond_the_budget_new_answers_are_refused_and_running_ones_go_on(tmp_path: Path):
    async def test() -> None:
        node, client = Node(tmp_path, limit=len(WHOLE)), Client(reads=False)
        served = node.serve(blocks(10), client)
        await until(lambda: node.budget.used == len(WHOLE))
        with pytest.raises(Unavailable) as refused:
            node.answer(blocks(1))
        assert refused.value.headers["Retry-After"]
        client.reads.set()
        await served
        assert client.got == WHOLE
        node.answer(blocks(1))

    run(test)
