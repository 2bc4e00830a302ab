"""Where the links and pictures of a card lead, seen from the page that shows it."""

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_WEB = re.compile(r"(https?):[/\\]*", re.IGNORECASE)
_SAFE = "/%:@!$&'()*+,;=~-._"
_ENCODED_DOTS = re.compile(r"%2e", re.IGNORECASE)
_BLANKS = "".join(map(chr, range(0x21)))
ID_PREFIX = "user-content-"
MAX_URL = 4_000


@dataclass(frozen=True, slots=True)
class Target:
    """`outside`: on another host than the hub's."""

    url: str
    outside: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True)
class LinkBase:
    """Prefixes of the shown revision, without a final slash.

    `page` + `/path` shows a file (`/ada/tiny/blob/main`), `raw` + `/path` serves its bytes
    (`/ada/tiny/resolve/main`), `tree` + `/path` lists a folder. `folder` is that of the rendered
    file. `root` goes before links that begin with a slash (the hub's own path prefix).
    `origins` (`https://hub.example`) are the hub itself, so never "outside".
    """

    page: str
    raw: str
    tree: str = ""
    folder: str = ""
    root: str = ""
    origins: tuple[str, ...] = ()

    def link(self, href: str) -> Target | None:
        """Where a link leads; None for schemes that cards may not use."""
        url = _cleaned(href)
        if url.startswith("#"):
            return Target("#" + anchor_id(url[1:]))
        if url.lower().startswith("mailto:"):
            return Target(quote(url, safe=_SAFE + "?#"), outside=True)
        absolute = self._absolute(url)
        if absolute is not None or _is_absolute(url):
            return absolute
        path = url.partition("#")[0].partition("?")[0]
        folder = path.endswith("/") or posixpath.basename(path) in ("", ".", "..")
        return Target(self._inside(url, self.tree or self.page if folder else self.page))

    def image(self, source: str) -> Target | None:
        """Where the bytes of a picture, sound or film are."""
        url = _cleaned(source)
        absolute = self._absolute(url)
        if absolute is not None or _is_absolute(url) or not url or url[0] == "#":
            return absolute
        return Target(self._inside(url, self.raw))

    def _absolute(self, url: str) -> Target | None:
        """A target for URLs with a host; None when there is none or it is no web address."""
        web = _WEB.match(url)
        if not web and not url.startswith("//"):
            return None
        rest = url[web.end() :] if web else url.lstrip("/")
        full = f"{web[1].lower() if web else 'https'}://{rest}"
        try:
            parts = urlsplit(full)
            host = parts.hostname or ""
        except ValueError:
            return None
        if not host:
            return None
        own = f"{parts.scheme}://{parts.netloc}" in self.origins
        return Target(quote(full, safe=_SAFE + "?#[]"), outside=not own, host=host)

    def _inside(self, url: str, prefix: str) -> str:
        path, mark, fragment = url.partition("#")
        path, question, query = path.partition("?")
        after = (question + quote(query, safe=_SAFE + "?") if query else "") + (
            mark + quote(fragment, safe=_SAFE) if fragment else ""
        )
        if path.startswith("/"):
            return self.root + quote(_ENCODED_DOTS.sub(".", path), safe=_SAFE) + after
        joined = posixpath.join("/", self.folder, _ENCODED_DOTS.sub(".", path))
        inside = posixpath.normpath(joined).lstrip("/")
        return f"{prefix}/{quote(inside, safe=_SAFE)}".rstrip("/") + after


def _cleaned(url: str) -> str:
    """As a browser reads it: no blanks around, no line breaks within, backslashes are slashes."""
    bare = re.sub(r"[\t\r\n]", "", url.strip(_BLANKS))[:MAX_URL]
    path, mark, rest = bare.partition("#")
    return path.replace("\\", "/") + mark + rest


def _is_absolute(url: str) -> bool:
    return url.startswith("//") or _SCHEME.match(url) is not None


def anchor_id(fragment: str) -> str:
    """The id that an author's `#fragment` means on our page."""
    name = re.sub(r"\s+", "-", unquote(fragment).strip())[:200]
    return name if name.startswith(ID_PREFIX) else ID_PREFIX + name
