"""What users, organizations and repositories may be called. Knows no SQL.

One-segment repository names (aliases) follow the rules of namespaces, because both stand at the
first place of an address.
"""

import re
from collections.abc import Iterable

from hub_server.errors import InvalidName

MAX_LENGTH = 96
_CHARACTERS = re.compile(r"[A-Za-z0-9._-]+")

_RESERVED = """
    - .well-known about access account accounts activity admin api apple-touch-icon.png archive
    assets auth avatars blob blog buckets cdn changelog chat classroom classrooms collections
    community contact cookies courses dashboard datasets discussions docs download downloads edit
    enterprise errors events explore export facets favicon.ico feed feeds files followers following
    forgot git graphql guide health healthz help home hub images import index inbox inference info
    inquiry internal invitation invitations invite issues jobs join kernels languages learn legal
    lfs license licenses likes live livez login logout manifest.json manifest.webmanifest me media
    members messages metadata metrics models new news none notifications null oauth openid
    organizations orgs papers password patterns posts preview pricing privacy profile public pull
    pulls raw readyz refs register repo repos repositories reset resolve resolve-cache robots.txt
    rss search security service-worker.js session sessions settings setup sign-in sign-out sign-up
    signin signout signup site sitemap.xml spaces static status stats storage support system tags
    tasks team teams telemetry terms token tokens topics transfer transfers tree trending undefined
    upload uploads user users v1 v2 verify viewer webhook webhooks websocket welcome wiki www xet
"""
RESERVED_NAMESPACES = frozenset(_RESERVED.split())
"""First segments that are, or may become, pages and doors of the hub itself."""

_WORDS = """
    safetensors-metadata
    archive ask-access auth-check blame blob branch branches commit commits compare delete
    discussions download-stats duplicate edit git-receive-pack git-upload-pack info jwt lfs-files
    like likers likes notebook parquet paths-info preupload raw refs resolve resolve-cache
    resource-group revision rollback runtime secrets settings super-squash tag tags tree treesize
    upload user-access-report user-access-request variables viewer xet-read-token xet-write-token
"""
ROUTE_WORDS = frozenset(_WORDS.split())
"""Words that follow a repository's name in an address; `a/tree/…` is the repository `a`."""


def _check_spelling(name: str, what: str) -> None:
    shown = name[:MAX_LENGTH]
    if not _CHARACTERS.fullmatch(name) or len(name) > MAX_LENGTH:
        raise InvalidName(
            "{name!r} cannot be the name of {what}: "
            "use 1 to 96 of the characters A-Z a-z 0-9 . _ -",
            name=shown,
            what=what,
        )
    if name[0] in "-." or name[-1] in "-.":
        raise InvalidName(
            "{name!r} cannot be the name of {what}: it may not start or end with - or .",
            name=shown,
            what=what,
        )
    if "--" in name or ".." in name or name.lower().endswith(".git"):
        raise InvalidName(
            "{name!r} cannot be the name of {what}: it may not hold -- or .. or end in .git",
            name=shown,
            what=what,
        )


def check_namespace_name(name: str) -> None:
    """Raise InvalidName unless a user, an organization or a one-segment alias may be called so."""
    _check_spelling(name, "a user or organization")
    if name.lower() in RESERVED_NAMESPACES:
        raise InvalidName("The name {name} is reserved by the hub; choose another.", name=name)


def check_repo_name(name: str) -> None:
    """Raise InvalidName unless a repository may carry this last part of its full name."""
    _check_spelling(name, "a repository")
    if name.lower() in ROUTE_WORDS:
        raise InvalidName(
            "A repository cannot be called {name}: the hub's own addresses use this word.",
            name=name,
        )


def split_full_name(full_name: str) -> tuple[str, str]:
    """`ada/tiny` -> (`ada`, `tiny`); raises InvalidName for anything that cannot exist."""
    namespace, slash, name = full_name.partition("/")
    if not slash:
        raise InvalidName(
            "{name!r} is not the full name of a repository, such as ada/tiny.",
            name=full_name[:MAX_LENGTH],
        )
    _check_spelling(namespace, "a user or organization")
    check_repo_name(name)
    return namespace, name


def key(name: str) -> str:
    """What names are compared by; `Ada/Tiny` and `ada/tiny` are one.

    Takes any text of a request: what a database would refuse becomes what no name can hold.
    """
    return name.lower().replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def unreserved(first_segments: Iterable[str]) -> set[str]:
    """Those of a router's first segments that an account could still take; must be empty."""
    free = set()
    for segment in first_segments:
        try:
            check_namespace_name(segment)
        except InvalidName:
            continue
        free.add(segment)
    return free
