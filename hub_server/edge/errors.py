"""The one renderer of errors: JSON for clients, pages for people, text for Git, LFS's own form."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from hub_server.edge.logs import printable
from hub_server.edge.paths import sent_path
from hub_server.errors import (
    AlreadyExists,
    BadRequest,
    HubError,
    InvalidCredentials,
    MethodNotAllowed,
    Moved,
    NotFound,
)

log = structlog.get_logger("hub.errors")

Door = Literal["page", "api", "git", "lfs"]
ErrorPage = Callable[[Request, HubError], Response]
"""Renders a page for an error; the room `web` gives it, `app` puts it at `app.state.error_page`."""

LFS_TYPE = "application/vnd.git-lfs+json"
GIT_ENDINGS = ("/info/refs", "/git-upload-pack", "/git-receive-pack")
FILE_WORDS = ("/resolve/", "/raw/")


class MisdirectedHost(HubError):
    status = 421

    def __init__(self, host: str) -> None:
        super().__init__(
            "This hub does not answer to the name {host}. If it should, its operator adds the "
            "address to HUB_PUBLIC_URL.",
            host=host[:200] or "(none)",
        )


def door(request: Request) -> Door:
    """Which kind of client is at the door, told by the path and what it accepts."""
    path = request.url.path
    if path.endswith(GIT_ENDINGS):
        return "git"
    if "/info/lfs/" in path or path.startswith("/-/lfs"):
        return "lfs"
    wants_page = "text/html" in request.headers.get("accept", "")
    if path.startswith(("/api/", "/-/", "/xet/")) or not wants_page:
        return "api"
    return "page"


def render(request: Request, error: HubError) -> Response:
    """Status, `X-Error-*` headers and a body in the form of the door."""
    at = door(request)
    if isinstance(error, Moved):
        return redirect(request, error)
    response = _body(request, error, at)
    for name, value in _headers(error).items():
        response.headers[name] = value
    if error.status == HTTPStatus.UNAUTHORIZED and at in ("git", "lfs"):
        response.headers["WWW-Authenticate"] = 'Basic realm="hub server", charset="UTF-8"'
        response.headers["LFS-Authenticate"] = 'Basic realm="hub server"'
    return response


def _body(request: Request, error: HubError, at: Door) -> Response:
    if at == "page":
        page: ErrorPage = request.app.state.error_page
        return page(request, error)
    if at == "git":
        return PlainTextResponse(f"{error}{_hint(request, error)}\n", error.status)
    if at == "lfs":
        content = {"message": str(error), "request_id": request.state.request_id}
        return JSONResponse(content, error.status, media_type=LFS_TYPE)
    body: dict[str, object] = {"error": str(error)}
    if isinstance(error, AlreadyExists) and error.url:
        body["url"] = request.state.origin.base_url + error.url
    extra = getattr(error, "body", None)
    if isinstance(extra, dict):
        body |= extra
    return JSONResponse(body, error.status)


def _hint(request: Request, error: HubError) -> str:
    """What git shows to somebody whose token is wrong, old or cut off."""
    if not isinstance(error, InvalidCredentials):
        return ""
    return (
        "; the token is wrong, expired or revoked. Make another at "
        f"{request.state.origin.base_url}/settings/tokens and give it as the password"
    )


def _headers(error: HubError) -> dict[str, str]:
    headers = {"X-Error-Message": header_safe(str(error)), **error.headers}
    if error.code:
        headers["X-Error-Code"] = error.code
    return headers


def header_safe(text: str) -> str:
    """One line of printable Latin-1, at most 800 characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line.encode("latin-1", "replace").decode("latin-1")[:800]


def redirect(request: Request, moved: Moved) -> Response:
    """307 to the same address under the new id, query and method kept."""
    raw = sent_path(request.scope)
    name = re.escape(moved.old).replace("/", "(?:/|%2F)")
    found = re.search(rf"(?<=/){name}(?=/|$|\.git(?:/|$))", raw, re.IGNORECASE)
    if found is None:
        return render(request, NotFound("Repository not found"))
    target = raw[: found.start()] + moved.new + raw[found.end() :]
    query = f"?{request.url.query}" if request.url.query else ""
    location = request.state.origin.prefix + target + query
    return Response(status_code=307, headers={"Location": location})


def install(app: FastAPI) -> None:
    """All errors of `app`, ours and the framework's, go through `render`."""

    async def hub_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HubError)  # noqa: S101 - registered for it
        return render(request, error)

    async def framework_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)  # noqa: S101
        cause = error.__cause__  # what went wrong while the framework read the body
        known = cause if isinstance(cause, HubError) else _of_status(error.status_code)
        return render(request, known)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return render(request, _of_validation(error))

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=499)  # nobody reads it; the log calls it by nginx's number

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("unexpected error", exc_info=error, path=printable(request.scope))
        sentence = "Something failed inside the hub; its log knows more under {request_id}."
        return render(request, HubError(sentence, request_id=request.state.request_id))

    app.add_exception_handler(HubError, hub_error)
    app.add_exception_handler(StarletteHTTPException, framework_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unexpected)


def refuse_host(app: FastAPI) -> Callable[[Scope, Receive, Send], object]:
    """An ASGI app for requests by a name that is not ours."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request({**scope, "app": app}, receive)
        error = MisdirectedHost(request.headers.get("host", ""))
        await render(request, error)(scope, receive, send)

    return refuse


def _of_status(status: int) -> HubError:
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed("This address does not take that method.")
    if status == HTTPStatus.NOT_FOUND:
        return NotFound("There is nothing at this address.")
    return BadRequest("The request could not be read.")


def _of_validation(error: RequestValidationError) -> HubError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    said = str(first["msg"]).removeprefix("Value error, ")
    if not place:
        return BadRequest("The request could not be read: {said}.", said=said)
    return BadRequest('"{place}" is not right: {said}.', place=place[:100], said=said)
