"""A request id on every answer, one line in the log for every request, no secrets in either."""

import logging
import re
import secrets
import sys
import time
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub_server.settings import Settings

log = structlog.get_logger("hub.access")

TRACE = re.compile(r"[A-Za-z0-9=;:._\-]{1,128}")
SECRET_PATHS = re.compile(r"(/(?:join|reset|setup)/)[\w-]{16,}")  # also below a public path


def configure(settings: Settings) -> None:
    """Lines for people or JSON for machines, to stderr; standard logging goes the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        _calm_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            sort_keys=False,
            # Not rich's, which prints the values of variables, secrets too, and takes seconds.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([structlog.processors.format_exc_info] if settings.log_format == "json" else []),
            last,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("botocore", "boto3", "urllib3", "asyncio", "alembic", "httpx", "s3transfer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _calm_name(_logger: object, _method: str, event: Any) -> Any:
    """uvicorn's logger for everything is called `uvicorn.error`, which alarms who reads it."""
    if event.get("logger") == "uvicorn.error":
        event["logger"] = "uvicorn"
    return event


class RequestLog:
    """Outermost middleware: `X-Request-Id` quotes the client's trace id, as the public Hub does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(dict(scope["headers"]))
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, tagged)
        finally:
            log.info(
                "request",
                method=scope["method"],
                path=printable(scope),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                caller=scope["state"].get("caller_name", ""),
            )


def _request_id(headers: dict[bytes, bytes]) -> str:
    own = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    trace = headers.get(b"x-amzn-trace-id", b"").decode("latin-1")
    return f"{own};{trace}" if TRACE.fullmatch(trace) else own


def printable(scope: Scope) -> str:
    """The path without its query: links below `/-/` carry signatures there."""
    raw = (scope.get("raw_path") or scope["path"].encode()).split(b"?")[0]
    return SECRET_PATHS.sub(r"\1…", raw.decode("ascii", "backslashreplace"))[:300]
