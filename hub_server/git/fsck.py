"""Whether a pushed object is one that stock Git, and every client of it, takes for sound.

The same findings as `git index-pack --strict`, for servers without a git program.
"""

from __future__ import annotations

import re

from hub_server.git.errors import BadObject
from hub_server.git.listing import RawId, tree_entries
from hub_server.git.paths import is_dot_git
from hub_server.git.types import Kind, ObjectId

_IDENT = rb"[^<>\n\0]* <[^<>\n\0]*> (?:0|[1-9][0-9]{0,18}) [+-][0-9]{4}\n"
_COMMIT = re.compile(
    rb"tree [0-9a-f]{40}\n(?:parent [0-9a-f]{40}\n)*author " + _IDENT + rb"committer " + _IDENT
)
_TAG = re.compile(
    rb"object [0-9a-f]{40}\ntype (commit|tree|blob|tag)\ntag [^\n\0]+\n(?:tagger " + _IDENT + rb")?"
)
_MODES = frozenset((b"100644", b"100755", b"120000", b"40000", b"160000"))
# No file system takes these for `.git`; the others are looked at closely.
_HARMLESS = re.compile(rb"(?![gG][iI][tT]~)[A-Za-z0-9_-][^\\/]*\Z", re.DOTALL)
_FOLDER = b"40000"
_LINK = b"120000"
_NULL = bytes(20)
_RESERVED = (b".", b"..", b"")


def check_object(kind: Kind, object_id: ObjectId, data: bytes) -> None:
    """Raise BadObject, naming the object and what is wrong with it."""
    problem = None
    if kind == "tree":
        problem = _tree_problem(data)
    elif kind == "commit" and (not _COMMIT.match(data) or b"\0" in data):
        problem = "its header is not that of a commit"
    elif kind == "tag" and (not _TAG.match(data) or b"\0" in data.partition(b"\n\n")[0]):
        problem = "its header is not that of a tag"
    if problem:
        raise BadObject(
            "The {kind} {id} is refused: {problem}", kind=kind, id=object_id, problem=problem
        )


def _tree_problem(data: bytes) -> str | None:
    entries = tree_entries(data)
    names = [name for _, name, _ in entries]
    if sum(len(mode) + len(name) + 22 for mode, name, _ in entries) != len(data):
        return "its entries are damaged"
    if len(set(names)) != len(names):
        return "it holds two entries of the same name"
    keys = [name + b"/" if mode == _FOLDER else name for mode, name, _ in entries]
    if any(map(bytes.__gt__, keys, keys[1:])):
        return "its entries are not sorted"
    modes, _, ids = zip(*entries, strict=True) if entries else ((), (), ())
    if _MODES.issuperset(modes) and _NULL not in ids and all(map(_HARMLESS.match, names)):
        return None
    return next(filter(None, map(_entry_problem, entries)), None)


def _entry_problem(entry: tuple[bytes, bytes, RawId]) -> str | None:
    mode, name, raw = entry
    problem = None
    if mode not in _MODES:
        problem = f"an entry has the mode {mode.decode()}"
    elif raw == _NULL:
        problem = "an entry points at nothing"
    elif name in _RESERVED or b"/" in name:
        problem = "an entry is named '.', '..' or holds a '/'"
    elif not _HARMLESS.match(name) and any(is_dot_git(part) for part in name.split(b"\\")):
        problem = "an entry is named '.git'"
    elif mode == _LINK and name.lower() == b".gitmodules":
        problem = "'.gitmodules' is a symbolic link"
    return problem
