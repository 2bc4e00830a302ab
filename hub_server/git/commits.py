"""Commits and annotated tags: from raw bytes to values, and the making of new ones.

Reading forgives what old tools wrote; writing yields only what `git fsck --strict` accepts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hub_server.git.errors import BadObject
from hub_server.git.types import Commit, Kind, NewObject, ObjectId, Signature

_PERSON = re.compile(rb"(.*?) ?<([^>]*)>(?: +(-?\d{1,20}))?(?: ([+-])(\d\d)(\d\d))?")
_LINKS = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)")
_COMMITTED = re.compile(rb"^committer [^\n]*> *(\d{1,20})", re.MULTILINE)
_UNSAFE = re.compile(r"[\x00-\x1f<>]")
_EDGE = " .,:;\"'\\"  # what Git strips from the ends of names
_LAST_SECOND = 253_402_300_799  # of the year 9999; later times fit no calendar
_MINUTES_A_DAY = 1440


class Links(NamedTuple):
    """What a walk needs of a commit: seconds of the committer, tree, parents."""

    time: int
    tree: ObjectId
    parents: tuple[ObjectId, ...]


@dataclass(frozen=True, slots=True)
class Tag:
    """An annotated tag."""

    id: ObjectId
    target: ObjectId
    target_kind: Kind
    name: bytes
    tagger: Signature | None
    message: str


def parse_links(data: bytes) -> Links:
    """Raises BadObject for bytes that are no commit."""
    found = _LINKS.match(data)
    if found is None:
        raise BadObject("A commit of this repository is damaged")
    committed = _COMMITTED.search(data, found.end())
    time = min(int(committed[1]), _LAST_SECOND) if committed else 0
    parents = found[2]
    if not parents:
        return Links(time, found[1].decode(), ())
    return Links(time, found[1].decode(), tuple(parents.decode()[7:-1].split("\nparent ")))


def parse_commit(object_id: ObjectId, data: bytes) -> Commit:
    """Raises BadObject for bytes that are no commit."""
    links = parse_links(data)
    headers, message = _split(data)
    encoding = headers.get(b"encoding", b"")
    return Commit(
        id=object_id,
        tree=links.tree,
        parents=links.parents,
        author=_person(headers.get(b"author", b""), encoding),
        committer=_person(headers.get(b"committer", b""), encoding),
        message=_text(message, encoding),
    )


def parse_tag(object_id: ObjectId, data: bytes) -> Tag:
    """Raises BadObject for bytes that are no annotated tag."""
    headers, message = _split(data)
    target = headers.get(b"object", b"").decode("ascii", "replace")
    kind = headers.get(b"type")
    if kind not in _KINDS or not re.fullmatch("[0-9a-f]{40}", target):
        raise BadObject("The tag {id} is damaged", id=object_id)
    tagger = headers.get(b"tagger")
    return Tag(
        id=object_id,
        target=target,
        target_kind=_KINDS[kind],
        name=headers.get(b"tag", b""),
        tagger=None if tagger is None else _person(tagger, b""),
        message=_text(message, b""),
    )


_KINDS: dict[bytes, Kind] = {b"commit": "commit", b"tree": "tree", b"blob": "blob", b"tag": "tag"}


def new_commit(
    tree: ObjectId,
    parents: Sequence[ObjectId],
    author: Signature,
    committer: Signature,
    message: str,
) -> NewObject:
    """A commit whose message ends in one line break; names lose what Git allows in none."""
    lines = [f"tree {tree}".encode(), *(f"parent {parent}".encode() for parent in parents)]
    lines += b"author " + _format(author), b"committer " + _format(committer)
    return NewObject("commit", _encode(lines, message))


def new_tag(
    target: ObjectId, name: bytes, tagger: Signature, message: str, *, kind: Kind = "commit"
) -> NewObject:
    """An annotated tag; `name` without `refs/tags/`."""
    lines = [f"object {target}\ntype {kind}".encode(), b"tag " + name]
    lines.append(b"tagger " + _format(tagger))
    return NewObject("tag", _encode(lines, message))


def _encode(lines: list[bytes], message: str) -> bytes:
    head = b"\n".join(lines)
    body = message.replace("\0", "").rstrip("\n").encode(errors="replace")
    return b"%s\n\n%s\n" % (head, body) if body else head + b"\n\n"


def _format(who: Signature) -> bytes:
    email = _UNSAFE.sub("", who.email).strip(_EDGE)
    name = _UNSAFE.sub("", who.name).strip(_EDGE) or email.partition("@")[0] or "unknown"
    sign = "-" if who.offset < 0 else "+"
    hours, minutes = divmod(abs(who.offset), 60)
    line = f"{name} <{email}> {max(who.time, 0)} {sign}{hours:02}{minutes:02}"
    return line.encode(errors="replace")


def _split(data: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The first line of each header, and the message."""
    head, _, message = data.partition(b"\n\n")
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name:  # the further lines of a signature begin with a space
            headers.setdefault(name, value)
    return headers, message


def _person(line: bytes, encoding: bytes) -> Signature:
    found = _PERSON.match(line)
    if found is None:
        return Signature(_text(line, encoding), "", 0)
    name, email, time, sign, hours, minutes = found.groups()
    offset = int(hours or 0) * 60 + int(minutes or 0)
    return Signature(
        name=_text(name, encoding),
        email=_text(email, encoding),
        time=min(max(int(time or 0), 0), _LAST_SECOND),
        offset=0 if offset >= _MINUTES_A_DAY else -offset if sign == b"-" else offset,
    )


def _text(data: bytes, encoding: bytes) -> str:
    try:
        return data.decode(encoding.decode("ascii") or "utf-8")
    except (ValueError, LookupError):
        return data.decode("utf-8", "replace")
