"""Names of refs: what `git check-ref-format` accepts and this hub has a place for."""

from __future__ import annotations

import re

from hub_server.git.errors import BadRefName

HEADS = b"refs/heads/"
TAGS = b"refs/tags/"
PULLS = b"refs/pr/"
CONVERT = b"refs/convert/"
PLACES = (HEADS, TAGS, PULLS, CONVERT)

_LIMIT = 1024  # bytes; names become columns and files
_FORBIDDEN = re.compile(rb"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|/$|\.$")


def check_ref_name(name: bytes) -> None:
    """Raise BadRefName for a full ref name that Git or this hub would not take."""
    shown = name[:200].decode(errors="replace")
    place = next((place for place in PLACES if name.startswith(place)), None)
    if place is None:
        raise BadRefName(
            "'{name}' is outside refs/heads, refs/tags, refs/pr and refs/convert", name=shown
        )
    if len(name) > _LIMIT:
        raise BadRefName("The ref name '{name}…' is longer than 1,024 bytes", name=shown)
    if name == place or name[len(place)] == ord(".") or _FORBIDDEN.search(name):
        raise BadRefName("'{name}' is not a valid ref name", name=shown)


def branch_ref(name: str) -> bytes:
    """The full name of a branch; raises BadRefName (also for "HEAD" and names like a sha)."""
    if name == "HEAD" or name.startswith("-") or re.fullmatch("[0-9a-f]{40}", name):
        raise BadRefName("'{name}' cannot be the name of a branch", name=name)
    full = HEADS + name.encode(errors="surrogateescape")
    check_ref_name(full)
    return full


def tag_ref(name: str) -> bytes:
    """The full name of a tag; raises BadRefName."""
    if name.startswith("-"):
        raise BadRefName("'{name}' cannot be the name of a tag", name=name)
    full = TAGS + name.encode(errors="surrogateescape")
    check_ref_name(full)
    return full


def short_name(name: bytes) -> str:
    """What people call a ref: without refs/heads/ or refs/tags/, else the full name."""
    for place in (HEADS, TAGS):
        if name.startswith(place):
            name = name.removeprefix(place)
            break
    return name.decode(errors="surrogateescape")
