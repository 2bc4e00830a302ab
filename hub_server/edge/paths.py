"""Routing on the path as it was sent: `%2F` stays inside its segment, any bytes may be a name.

ASGI servers decode the whole path, which turns `/tree/feat%2Fx/a` into something else. Here each
segment is decoded alone; a slash inside one travels as `SLASH`, a lone surrogate that no decoded
text can hold, and the path convertors of this module turn it back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar
from urllib.parse import quote, unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from hub_server.db.tables.repos import Kind
from hub_server.errors import RevisionNotFound

SLASH = "\ud800"
PLAIN = "!#$%&'()*+,-./:;=?@[]^_`{|}~"
READINGS = 8
Found = TypeVar("Found")
FULL_REFS = ("heads", "tags", "pr", "convert")


def decode(raw: bytes) -> str:
    """The routing path of a raw path; bytes that are not UTF-8 become surrogate escapes."""
    return "/".join(
        unquote_to_bytes(segment).decode("utf-8", "surrogateescape").replace("/", SLASH)
        for segment in raw.split(b"?", 1)[0].split(b"/")
    )


def sent_path(scope: Scope) -> str:
    """The path as it was sent, fit for a header: bytes that stand in none are encoded."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    return quote(raw, safe=PLAIN)


class RawPath:
    """ASGI middleware: `scope["path"]` becomes what `decode` says; doubled slashes in front go."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = decode(scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape"))
            scope = {**scope, "path": "/" + path.lstrip("/"), "root_path": ""}
        await self.app(scope, receive, send)


class SegmentConvertor(Convertor[str]):
    """One raw segment, in which encoded slashes are slashes again: a revision, a branch."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return value.replace(SLASH, "/")

    def to_string(self, value: str) -> str:
        return value


class RestConvertor(SegmentConvertor):
    """All that is left of the path, slashes, newlines and all."""

    regex = r"[\s\S]*"


class RawRestConvertor(RestConvertor):
    """All that is left with encoded slashes still marked; `revision_and_path` splits it."""

    def convert(self, value: str) -> str:
        return value


def register_convertors() -> None:
    """Make the convertors below known to routes, by the names used here."""
    register_url_convertor("str", SegmentConvertor())  # no parameter may hold the mark
    register_url_convertor("path", RestConvertor())
    register_url_convertor("segment", SegmentConvertor())
    register_url_convertor("rest", RestConvertor())
    register_url_convertor("rawrest", RawRestConvertor())
    register_url_convertor("kinds", KindsConvertor())
    register_url_convertor("id", IdConvertor())
    register_url_convertor("full", FullIdConvertor())
    register_url_convertor("repo", RepoConvertor())


def revision_and_path(rest: str) -> Iterator[tuple[str, str]]:
    """Ways to read `rest` as (revision, path), the likeliest first.

    The first segment is the revision. Where a proxy decoded the slashes, a full ref name
    (`refs/pr/1/…`) and then ever longer prefixes are tried.
    """
    segments = rest.rstrip("/").split("/")
    first = 1
    if segments[0] == "refs" and segments[2:] and segments[1] in FULL_REFS:
        first = 3
    for count in range(first, len(segments) + 1):
        revision = "/".join(segments[:count]).replace(SLASH, "/")
        yield revision, "/".join(segments[count:]).replace(SLASH, "/")


def at_revision(rest: str, look: Callable[[str, str], Found]) -> Found:
    """What `look(revision, path)` says of the first reading of `rest` whose revision exists.

    Raises the RevisionNotFound of the likeliest reading.
    """
    first: RevisionNotFound | None = None
    for revision, path in islice(revision_and_path(rest), READINGS):
        try:
            return look(revision, path)
        except RevisionNotFound as failure:
            first = first or failure
    raise first or RevisionNotFound(rest)


@dataclass(frozen=True)
class RepoRef:
    """Which repository an address means: `name` is `namespace/name`, or one segment."""

    kind: Kind
    name: str


KINDS_IN_PATHS: dict[str, Kind] = {"models": "model", "datasets": "dataset", "spaces": "space"}


class KindsConvertor(Convertor[Kind]):
    """`models`, `datasets` or `spaces`, as in `/api/models/…`."""

    regex = "models|datasets|spaces"

    def convert(self, value: str) -> Kind:
        return KINDS_IN_PATHS[value]

    def to_string(self, value: Kind) -> str:
        return f"{value}s"


class IdConvertor(SegmentConvertor):
    """`namespace/name` or one segment, as in `/api/models/{id}`."""

    regex = "[^/]+(?:/[^/]+)?"


class FullIdConvertor(SegmentConvertor):
    """`namespace/name` alone, where the word behind it may be the name of a repository."""

    regex = "[^/]+/[^/]+"


class RepoConvertor(Convertor[RepoRef]):
    """A repository's address on the web and for Git: `ns/name`, `datasets/ns/name`, `….git`."""

    regex = "(?:(?:datasets|spaces|models)/)?[^/]+(?:/[^/]+)?"

    def convert(self, value: str) -> RepoRef:
        first, _, rest = value.partition("/")
        if rest and first in KINDS_IN_PATHS:
            return RepoRef(KINDS_IN_PATHS[first], rest.removesuffix(".git"))
        return RepoRef("model", value.removesuffix(".git"))

    def to_string(self, value: RepoRef) -> str:
        return repo_path(value.kind, value.name)


def repo_path(kind: str, full_name: str) -> str:
    """The path of a repository's page, without a slash in front: `datasets/ada/iris`."""
    return full_name if kind == "model" else f"{kind}s/{full_name}"


register_convertors()  # routes are declared at import, and name them
