"""A disk that is full or fails, wherever a request meets it: 507 or 503, as for the blob store."""

import errno

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub_server.blobs import disk_failure
from hub_server.edge.errors import render

log = structlog.get_logger("hub.disk")

FAILS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE})
"""Of the machine; every other OSError is a mistake of ours."""


class DiskFailures:
    """Stands directly before the routes, whose own errors have been rendered already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except OSError as failure:
            if started or failure.errno not in FAILS:
                raise
            log.warning("the disk fails", error=str(failure))
            await render(Request(scope), disk_failure(failure))(scope, receive, send)
