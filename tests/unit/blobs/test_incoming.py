"""Bodies on their way in, from an event loop and from blocking sources."""

import asyncio
import hashlib
import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from hub_server.blobs import DigestMismatch, Incoming, Received, SizeMismatch, StoreFull
from hub_server.errors import TooLarge

MIB = 1024**2
DATA = os.urandom(3 * MIB + 17)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def incoming(tmp_path: Path) -> Iterator[Incoming]:
    made = Incoming(tmp_path / "incoming")
    yield made
    made.close()


def pieces(data: bytes, size: int = 65536) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


async def stream(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for piece in pieces(data, size):
        yield piece
        await asyncio.sleep(0)


def send(incoming: Incoming, data: bytes, *, limit: int = 10**9, **options: object) -> Received:
    async def run() -> Received:
        async with incoming.writer(limit=limit, **options) as writer:
            async for chunk in stream(data):
                await writer.send(chunk)
        assert (writer.digest, writer.size) == (writer.received.digest, writer.received.size)
        return writer.received

    return asyncio.run(run())


def left(incoming: Incoming) -> list[Path]:
    """Files that remain; the pool removes them just after the sender hears of the failure."""
    deadline = time.monotonic() + 5
    while (found := list(incoming.folder.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("size", [0, 1, 65536, MIB, len(DATA)])
def test_a_body_arrives(incoming: Incoming, size: int) -> None:
    data = DATA[:size]
    for received in (
        send(incoming, data, expect_size=size),
        incoming.receive(BytesIO(data), limit=size),
    ):
        assert received.digest == hashlib.sha256(data).hexdigest()
        assert received.size == size
        assert received.path.read_bytes() == data
        received.discard()
    assert left(incoming) == []


def test_an_expected_digest(incoming: Incoming) -> None:
    send(incoming, DATA, expect=DIGEST).discard()
    with pytest.raises(DigestMismatch):
        send(incoming, DATA[:-1], expect=DIGEST)
    with pytest.raises(DigestMismatch):
        incoming.receive(BytesIO(b"x"), limit=10, expect=DIGEST)
    assert left(incoming) == []


def test_too_large(incoming: Incoming) -> None:
    with pytest.raises(TooLarge):
        send(incoming, DATA, limit=len(DATA) - 1)
    with pytest.raises(TooLarge):
        incoming.receive(BytesIO(DATA), limit=len(DATA) - 1)
    with pytest.raises(TooLarge):
        incoming.writer(limit=10, expect_size=11)
    assert left(incoming) == []


@pytest.mark.parametrize("announced", [len(DATA) - 1, len(DATA) + 1])
def test_another_size_than_announced(incoming: Incoming, announced: int) -> None:
    with pytest.raises(SizeMismatch):
        send(incoming, DATA, expect_size=announced)
    with pytest.raises(SizeMismatch):
        incoming.receive(BytesIO(DATA), limit=10**9, expect_size=announced)
    assert left(incoming) == []


def test_a_sender_that_goes_away(incoming: Incoming) -> None:
    async def run() -> None:
        async with incoming.writer(limit=10**9) as writer:
            for piece in pieces(DATA):
                await writer.send(piece)
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(run())
    assert left(incoming) == []


def test_a_sender_that_is_cancelled(incoming: Incoming) -> None:
    async def run() -> None:
        async def upload() -> None:
            async with incoming.writer(limit=10**9) as writer:
                await writer.send(DATA)
                await asyncio.sleep(60)

        task = asyncio.create_task(upload())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert left(incoming) == []


def test_more_than_the_disk_holds_is_refused_at_once(incoming: Incoming) -> None:
    with pytest.raises(StoreFull):
        incoming.writer(limit=10**18, expect_size=10**18)


def test_slow_senders_hold_no_thread(incoming: Incoming) -> None:
    """A hundred unfinished uploads, and one that is quick all the same."""

    async def run() -> None:
        async with asyncio.timeout(10):
            writers = [incoming.writer(limit=10**9) for _ in range(100)]
            for writer in writers:
                await writer.__aenter__()
                await writer.send(DATA[:MIB])
            async with incoming.writer(limit=10**9) as quick:
                async for chunk in stream(DATA):
                    await quick.send(chunk)
            assert quick.digest == DIGEST
            for writer in writers:
                await writer.__aexit__(None, None, None)
                assert writer.size == MIB

    asyncio.run(run())


def test_the_loop_goes_on_and_memory_stays_flat(incoming: Incoming) -> None:
    """300 MB from a sender that is faster than any disk."""
    chunk = os.urandom(256 * 1024)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    async def run() -> Received:
        ticking = asyncio.create_task(tick())
        async with incoming.writer(limit=10**9) as writer:
            for _ in range(1200):
                await writer.send(chunk)
        ticking.cancel()
        return writer.received

    tracemalloc.start()
    try:
        received = asyncio.run(run())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received.size == 1200 * len(chunk)
    assert peak < 20 * MIB
    assert ticks > 10


def test_garbage_is_what_nobody_writes_to(incoming: Incoming) -> None:
    old, new = (incoming.receive(BytesIO(DATA), limit=10**9) for _ in range(2))
    long_ago = time.time() - 7200
    os.utime(old.path, (long_ago, long_ago))
    assert [info.key for info in incoming.stale(timedelta(hours=1))] == [old.path.name]
    assert incoming.remove_stale(timedelta(hours=1)) == 1
    assert list(incoming.folder.iterdir()) == [new.path]
