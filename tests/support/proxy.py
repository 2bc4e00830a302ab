"""A TCP proxy that can be told to misbehave: between a hub and its database, or its bucket."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Mode = Literal["open", "refuse", "slow", "cut", "hang"]
CHUNK = 16384
LATEST_CUT = 400


class Proxy:
    """`port` of the loopback interface leads to the port `target`, as `mode` says.

    `open`: as if it were not there. `refuse`: connections break, new ones are refused. `slow`:
    `rate` bytes a second and direction. `cut`: each connection breaks within the next few hundred
    bytes of answers. `hang`: connections are taken, and nothing moves.
    """

    def __init__(self, target: int, *, rate: int = 20_000, seed: int = 0) -> None:
        self.target = target
        self.rate = rate
        self.mode: Mode = "open"
        self.port = 0
        self._chance = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._moving = asyncio.Event()
        self._moving.set()
        self._thread.start()
        self._do(self._listen)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def turn(self, mode: Mode) -> None:
        self._do(self._set, mode)

    @contextmanager
    def failing(self, mode: Mode) -> Iterator[None]:
        """In this mode until the block ends."""
        self.turn(mode)
        try:
            yield
        finally:
            self.turn("open")

    def close(self) -> None:
        self._do(self._set, "refuse")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Callable[..., object], *arguments: object) -> None:
        async def run() -> None:
            done = work(*arguments)
            if asyncio.iscoroutine(done):
                await done

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, mode: Mode) -> None:
        was, self.mode = self.mode, mode
        (self._moving.clear if mode == "hang" else self._moving.set)()
        if mode == "refuse" and self._server is not None:
            self._server.close()
            self._server = None
            for writer in list(self._writers):
                writer.transport.abort()
            await asyncio.sleep(0)
        elif was == "refuse" and mode != "refuse":
            await self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            outside, target = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, target}
        self._writers |= both
        try:
            await asyncio.gather(
                self._carry(reader, target, both, answers=False),
                self._carry(outside, writer, both, answers=True),
            )
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _carry(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
        *,
        answers: bool,
    ) -> None:
        broken = False
        with contextlib.suppress(OSError):
            left = self._chance.randrange(LATEST_CUT)
            while not broken and (data := await source.read(CHUNK)):
                await self._moving.wait()
                if self.mode == "cut" and answers:
                    broken, data = len(data) > left, data[:left]
                    left -= len(data)
                if self.mode == "slow":
                    await asyncio.sleep(len(data) / self.rate)
                target.write(data)
                await target.drain()
            if not broken:
                target.write_eof()
                return
        for writer in both:
            writer.transport.abort()
