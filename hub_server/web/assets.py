"""Style sheets, scripts and fonts, read once at start and served for ever under one hash.

No build step: the CSS files are joined in layer order here, scripts are ES modules as written.
The hash covers everything below `static/` that is served, so a page and its files always match.
"""

import gzip
import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response

LAYERS = ("tokens", "base", "layout", "components", "utilities")
STYLESHEET = "hub.css"
SERVED = ("js", "fonts", "images", "vendor")
FOREVER = "public, max-age=31536000, immutable"
MIN_GZIP = 1024
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class Asset:
    body: bytes
    media_type: str
    gzipped: bytes | None


class Assets:
    """What `static/` serves, in memory (a few hundred kB)."""

    def __init__(self, folder: Path) -> None:
        bodies = dict(_files(folder))
        bodies[STYLESHEET] = joined_css(folder).encode()
        digest = hashlib.sha256()
        for name in sorted(bodies):
            digest.update(f"{name}\0{len(bodies[name])}\0".encode() + bodies[name])
        self.hash = digest.hexdigest()[:16]
        self._assets = {name: _asset(name, body) for name, body in bodies.items()}

    def path(self, name: str) -> str:
        """The address of a file below the hub's root; KeyError for a name that is not served."""
        self._assets[name]
        return f"/static/{self.hash}/{name}"

    def get(self, name: str) -> Asset | None:
        return self._assets.get(name)

    def response(self, request: Request, version: str, name: str) -> Response | None:
        """None without such a file. Another version (a page of an older node) gets today's file."""
        asset = self._assets.get(name)
        if asset is None:
            return None
        current = version == self.hash
        headers = {
            "Cache-Control": FOREVER if current else "no-cache",
            "ETag": f'"{self.hash}"',
            "X-Content-Type-Options": "nosniff",
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        body = asset.body
        if asset.gzipped is not None:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                body, headers["Content-Encoding"] = asset.gzipped, "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)


def joined_css(folder: Path) -> str:
    """All style sheets as one text, `@layer` order first, addresses made relative to the result."""
    parts = [f"@layer {', '.join(LAYERS)};\n"]
    for layer in LAYERS:
        for file in sorted((folder / "css" / layer).glob("*.css")):
            text = _rebased(file.read_text(), f"css/{layer}")
            parts.append(f"@layer {layer} {{\n{text}\n}}\n")
    return "".join(parts)


def _rebased(css: str, folder: str) -> str:
    return re.sub(
        r'url\("([^":]+)"\)',
        lambda found: f'url("{posixpath.normpath(posixpath.join(folder, found[1]))}")',
        css,
    )


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in SERVED:
        for file in sorted((folder / name).rglob("*")):
            # Icons are drawn into the page by the templates, never fetched one by one.
            if file.is_file() and file.suffix in TYPES and "lucide" not in file.parts:
                yield file.relative_to(folder).as_posix(), file.read_bytes()


def _asset(name: str, body: bytes) -> Asset:
    suffix = posixpath.splitext(name)[1]
    media_type = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = media_type.startswith("text/") or suffix == ".svg"
    zipped = gzip.compress(body, mtime=0) if text and len(body) >= MIN_GZIP else None
    return Asset(body, media_type, zipped)
