"""Cookies count on unsafe methods only from our own pages: right origin and a token of ours.

The token is bound to the browser session, or before signing in to a cookie of its own. It comes in
the form field `csrf_token` or the header `X-CSRF-Token`.
"""

import secrets
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.responses import Response

from hub_server.edge.bodies import is_form
from hub_server.edge.origin import host_name, is_loopback
from hub_server.errors import Forbidden
from hub_server.keys import Keys

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SESSION_COOKIE = "hub_session"
GUEST_COOKIE = "hub_guest"


class ForgedRequest(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "This form has expired or came from another site; go back, reload the page and "
            "send it again."
        )


def cookie_name(request: Request, name: str) -> str:
    """`__Host-` binds a cookie to this host and path `/`; it needs https and no path prefix."""
    origin = request.state.origin
    return f"__Host-{name}" if origin.secure and not origin.prefix else name


def read_cookie(request: Request, name: str) -> str | None:
    return request.cookies.get(cookie_name(request, name))


def set_cookie(
    request: Request, response: Response, name: str, value: str, *, seconds: int | None = None
) -> None:
    """HttpOnly, SameSite=Lax, Secure on https; until the browser closes unless `seconds`."""
    origin = request.state.origin
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=seconds,
        path=origin.prefix or "/",
        secure=origin.secure,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, name: str) -> None:
    origin = request.state.origin
    response.delete_cookie(
        cookie_name(request, name),
        path=origin.prefix or "/",
        secure=origin.secure,
        httponly=True,
        samesite="lax",
    )


def bound_to(request: Request) -> str:
    """What this browser's token is bound to; a new guest gets a secret, for `keep_guest`."""
    if session := read_cookie(request, SESSION_COOKIE):
        return f"session:{session}"
    guest = read_cookie(request, GUEST_COOKIE) or getattr(request.state, "new_guest", None)
    if guest is None:
        guest = request.state.new_guest = secrets.token_urlsafe(24)
    return f"guest:{guest}"


def token_for(request: Request, keys: Keys) -> str:
    """The value for `csrf_token` fields of this page."""
    return keys.sign("csrf", bound_to(request).encode())


def keep_guest(request: Request, response: Response) -> None:
    """Call with every page that holds a form for people who are not signed in."""
    if guest := getattr(request.state, "new_guest", None):
        set_cookie(request, response, GUEST_COOKIE, guest)


async def form_token(request: Request) -> AsyncIterator[str]:
    """The token as sent. Forms are read only when a cookie makes the question arise."""
    header = request.headers.get("x-csrf-token", "")
    if header or request.method in SAFE_METHODS or not is_form(request) or not _has_cookie(request):
        yield header
        return
    value = (await request.form()).get("csrf_token", "")
    request.state.form_read = True
    yield value if isinstance(value, str) else ""
    await request.close()


SentToken = Annotated[str, Depends(form_token)]


def is_ours(request: Request, keys: Keys, sent: str) -> bool:
    """Whether a cookie may count for this request."""
    if request.method in SAFE_METHODS:
        return True
    return _same_origin(request) and keys.verify("csrf", bound_to(request).encode(), sent)


def _has_cookie(request: Request) -> bool:
    return any(read_cookie(request, name) for name in (SESSION_COOKIE, GUEST_COOKIE))


def _same_origin(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    given = request.headers.get("origin")
    if given is None:
        return site is not None or _same_referrer(request)
    return given in _own_origins(request)


def _same_referrer(request: Request) -> bool:
    parts = urlsplit(request.headers.get("referer", ""))
    return f"{parts.scheme}://{parts.netloc}" in _own_origins(request)


def _own_origins(request: Request) -> set[str]:
    """As browsers write them: they leave the usual port out and names in lower case."""
    origin = request.state.origin
    if origin.own == origin.came_by.lower():
        return {origin.own}
    loopback = is_loopback(host_name(urlsplit(origin.came_by).netloc))
    return {origin.own, origin.came_by.lower()} if loopback or not origin.secure else {origin.own}
