"""Which file paths may exist in a repository: those that every client can check out safely."""

from __future__ import annotations

import re

from hub_server.git.errors import BadPath

PATH_LIMIT = 4096
SEGMENT_LIMIT = 255

# Code points that HFS+ leaves out when it compares names, so that ".g\u200cit" is ".git" there.
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# NTFS drops trailing dots and spaces, knows streams after ":", and has "git~1" as a short name.
_DOT_GIT_ON_NTFS = re.compile(r"(?:\.git|git~1)[. ]*(?::.*)?", re.IGNORECASE | re.DOTALL)
_PLAIN = re.compile(rb"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}/)*[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}")


def check_path(path: bytes) -> None:
    """Raise BadPath, saying why, for a path that is empty, unsafe or too long.

    Refused: absolute paths, empty segments, `.`, `..`, anything that some file system takes for
    `.git`, NUL, backslashes, more than 4,096 bytes or 255 in a segment.
    """
    shown = path[:200].decode(errors="replace")
    if not path or path.startswith(b"/"):
        raise BadPath("The path '{path}' must be relative and not empty", path=shown)
    if len(path) > PATH_LIMIT:
        raise BadPath("The path '{path}…' is longer than 4,096 bytes", path=shown)
    if b"\0" in path or b"\\" in path:
        raise BadPath("The path '{path}' holds a NUL or a backslash", path=shown)
    if _PLAIN.fullmatch(path) and b"git" not in path.lower():
        return
    for segment in path.split(b"/"):
        problem = _problem(segment)
        if problem:
            raise BadPath(f"The path '{{path}}' {problem}", path=shown)


def is_dot_git(segment: bytes) -> bool:
    """Whether some file system would take this name for the repository's own folder."""
    name = _IGNORED_BY_HFS.sub("", segment.decode(errors="surrogateescape"))
    return _DOT_GIT_ON_NTFS.fullmatch(name) is not None


def _problem(segment: bytes) -> str | None:
    if not segment:
        return "has an empty segment"
    if segment in {b".", b".."}:
        return "has a segment '.' or '..'"
    if len(segment) > SEGMENT_LIMIT:
        return "has a segment longer than 255 bytes"
    if is_dot_git(segment):
        return "leads into '.git'"
    return None
