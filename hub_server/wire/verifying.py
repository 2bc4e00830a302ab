"""Shards that take long: lines that tell how far their verification is, until it ends.

A few are under way at a time and take turns, so that nobody waits long behind large files; nothing
goes on for a client that has gone.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

from anyio import to_thread
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from hub_server.errors import HubError
from hub_server.xet import Registration

PATIENCE = 10.0
"""Seconds for which the status is held back: most shards are done by then."""
LINE_EVERY = 10.0
LOOK_EVERY = 0.5
MEDIA_TYPE = "application/x-ndjson"
SERVER_FAILED = 500
DONE = object()


async def finished(request: Request, work: Registration) -> bool:
    """What `work.run` says. Raises the same; Abandoned where the client went away."""
    task = _begin(request, work)
    while not await _done(task, LOOK_EVERY):
        if await request.is_disconnected():
            work.stop()
    return task.result()


async def progress(request: Request, work: Registration) -> Response:
    """An answer in lines of JSON, the last of which decides. Raises what is known early."""
    task = _begin(request, work)
    if await _done(task, PATIENCE):
        return Response(_line(type="result", result=int(task.result())), media_type=MEDIA_TYPE)
    return StreamingResponse(_lines(task, work), media_type=MEDIA_TYPE)


def _begin(request: Request, work: Registration) -> "asyncio.Task[bool]":
    task = asyncio.ensure_future(_in_turns(request, work))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it was looked at
    return task


async def _in_turns(request: Request, work: Registration) -> bool:
    state = request.app.state
    async with state.registrations:
        steps = work.steps()
        while await to_thread.run_sync(_step, steps, limiter=state.registrars):
            pass
    return work.new


def _step(steps: Iterator[None]) -> bool:
    """Whether there is more to do."""
    return next(steps, DONE) is not DONE


async def _done(task: "asyncio.Task[bool]", seconds: float) -> bool:
    await asyncio.wait({task}, timeout=seconds)
    return task.done()


async def _lines(task: "asyncio.Task[bool]", work: Registration) -> AsyncIterator[bytes]:
    try:
        while not task.done():
            yield _line(type="validating", verified=work.verified, total=work.total)
            await _done(task, LINE_EVERY)
        yield _last(task)
    finally:
        work.stop()


def _last(task: "asyncio.Task[bool]") -> bytes:
    try:
        return _line(type="result", result=int(task.result()))
    except HubError as failure:
        again = failure.status >= SERVER_FAILED
        return _line(type="error", message=str(failure), retryable=again)


def _line(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"
