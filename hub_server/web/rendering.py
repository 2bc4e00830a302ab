"""From a view model to an answer: the frame around it, language, theme, cookies, headers."""

import re
from functools import cache
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hub_server import __version__, accounts
from hub_server.accounts import Caller
from hub_server.edge import csrf, hub_of
from hub_server.edge.origin import host_name, is_loopback
from hub_server.settings import data_path
from hub_server.web import translation
from hub_server.web.templating import Templates
from hub_server.web.translation import LANGUAGES, NAMES, Catalog, Language
from hub_server.web.views.page import THEMES, Link, Page, Person, Theme

LANGUAGE_COOKIE = "hub_lang"
THEME_COOKIE = "hub_theme"
YEAR = 365 * 24 * 3600
CHOSEN = ("lang", "theme")
UNTEXT = re.compile("[\ud800-\udfff]")
"""What file names carry for bytes that are no text; a page cannot hold it."""


@cache
def templates() -> Templates:
    """Read once a process: they belong to the program, not to a hub."""
    return Templates(data_path("templates"), data_path("static"))


def render(
    request: Request,
    template: str,
    view: object,
    *,
    status: int = HTTPStatus.OK,
    secret: bool = False,
) -> Response:
    """The page; `secret` keeps it out of every cache, the browser's own too."""
    text = templates().render(template, page_of(request), view)
    response = HTMLResponse(UNTEXT.sub("\N{REPLACEMENT CHARACTER}", text), int(status))
    response.headers["Cache-Control"] = "no-store" if secret else "private, no-cache"
    response.headers["Vary"] = "Cookie, Accept-Language"
    csrf.keep_guest(request, response)
    _keep_choices(request, response)
    return response


def page_of(request: Request) -> Page:
    hub = hub_of(request)
    caller = caller_of(request)
    origin = request.state.origin
    language, theme = language_of(request), _theme(request)
    here = here_of(request)
    return Page(
        language=language,
        root=origin.prefix,
        here=here,
        base_url=origin.base_url,
        csrf_token=csrf.token_for(request, hub.keys),
        theme=theme,
        user=person_of(caller),
        is_admin=caller is not None and caller.is_admin,
        can_sign_up=caller is None and hub.settings.signup == "open",
        languages=tuple(
            Link(NAMES[code], _with(here, "lang", code), code == language, code)
            for code in LANGUAGES
        ),
        themes=tuple(
            Link(word, _with(here, "theme", name), name == theme) for name, word in THEMES.items()
        ),
        version=__version__,
    )


def caller_of(request: Request) -> Caller | None:
    """Who is signed in, also where no route asked (an error page); None for nobody."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    cookie = csrf.read_cookie(request, csrf.SESSION_COOKIE)
    if not cookie:
        return None
    with hub_of(request).database.read() as session:
        request.state.caller = accounts.authenticate_session(session, cookie)
    found: Caller | None = request.state.caller
    return found


def person_of(caller: Caller | None) -> Person | None:
    if caller is None or caller.is_anonymous:
        return None
    return Person(caller.name, f"/{caller.name}", full_name=caller.full_name)


def catalog_of(request: Request) -> Catalog:
    return templates().catalogs[language_of(request)]


def language_of(request: Request) -> Language:
    caller = caller_of(request)
    return translation.negotiate(
        asked=request.query_params.get("lang"),
        cookie=csrf.read_cookie(request, LANGUAGE_COOKIE) or (caller.language if caller else None),
        accept=request.headers.get("accept-language"),
        default=hub_of(request).settings.default_language,
    )


def _theme(request: Request) -> Theme:
    chosen = (request.query_params.get("theme"), csrf.read_cookie(request, THEME_COOKIE))
    return next((name for wanted in chosen for name in THEMES if wanted == name), "system")


def here_of(request: Request) -> str:
    """Path and query as they came, without the hub's prefix and without choices of the frame."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    path = "/" + quote(raw, safe="/%:@!$&'()*+,;=~-._").lstrip("/")
    kept = [(k, v) for k, v in parse_qsl(request.url.query) if k not in CHOSEN]
    return f"{path}?{urlencode(kept)}" if kept else path


def _with(here: str, name: str, value: str) -> str:
    return f"{here}{'&' if '?' in here else '?'}{name}={value}"


def _keep_choices(request: Request, response: Response) -> None:
    """A choice made on our own pages is remembered; one in a link from elsewhere is only shown."""
    if request.headers.get("sec-fetch-site") not in (None, "same-origin"):
        return
    language, theme = request.query_params.get("lang"), request.query_params.get("theme")
    if language in LANGUAGES:
        csrf.set_cookie(request, response, LANGUAGE_COOKIE, str(language), seconds=YEAR)
    if theme in THEMES:
        csrf.set_cookie(request, response, THEME_COOKIE, str(theme), seconds=YEAR)


def is_local(base_url: str) -> bool:
    """An address by which no other computer reaches the hub."""
    return is_loopback(host_name(urlsplit(base_url).netloc))


def see_other(request: Request, path: str) -> Response:
    """303 to a path of ours, as every form that worked answers."""
    return RedirectResponse(request.state.origin.prefix + path, HTTPStatus.SEE_OTHER)


def local_path(wanted: str) -> str:
    """`wanted` if it is a path of this hub, else the front page; never another host."""
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return "/"
    return quote(wanted, safe="/%:@!$&'()*+,;=~-._?#[]")
