"""The body of a commit: one JSON object a line, read from disk one line at a time.

Contents are kept in memory as far as a small budget goes, the others in files of their own, so a
commit of a gigabyte costs the memory of one of its lines.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from hub_server.contents import AddFile, AddLfs, Delete, DeleteFolder, Operation
from hub_server.errors import BadRequest, TooLarge

IN_MEMORY = 16 * 1024 * 1024
SMALL = 64 * 1024
ESCAPED = 6
"""A character that JSON escapes takes up to six bytes in place of one."""
LINE_ROOM = 1024 * 1024
SHA256_LENGTH = 64


@dataclass(frozen=True)
class AskedCommit:
    """`parent` is the commit that the client saw at the head of the branch, if it cares."""

    summary: str
    description: str
    parent: str | None
    operations: list[Operation]


class BadLine(BadRequest):
    """Says which line of the body is wrong, and why."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__("Line {number} of the commit: {why}", number=number, why=why)


@dataclass
class Reader:
    """Reads one body. `folder` is for contents and stays until the commit is done."""

    folder: Path
    file_limit: int
    memory_left: int = IN_MEMORY
    spooled: int = 0
    header: dict[str, Any] | None = None
    operations: list[Operation] = field(default_factory=list)

    def read(self, body: BinaryIO) -> AskedCommit:
        """Raises BadLine, TooLarge."""
        for number, line in self._lines(body):
            key, value = _key_and_value(number, line)
            if key == "header":
                self._take_header(number, value)
            else:
                self._take(number, key, value)
        if self.header is None:
            raise BadRequest('A commit begins with a line whose "key" is "header".')
        return AskedCommit(
            self.header["summary"],
            self.header.get("description") or "",
            self.header.get("parentCommit") or None,
            self.operations,
        )

    def _lines(self, body: BinaryIO) -> Iterator[tuple[int, bytes]]:
        longest = self.file_limit * ESCAPED + LINE_ROOM
        for number, line in enumerate(iter(lambda: body.readline(longest + 1), b""), start=1):
            if len(line) > longest:
                raise TooLarge(
                    "Line {number} of the commit is longer than any file that may be sent so; "
                    "upload it as a large file (LFS).",
                    number=number,
                )
            if line.strip():
                yield number, line

    def _take_header(self, number: int, value: dict[str, Any]) -> None:
        if self.header is not None:
            raise BadLine(number, "there is a header already.")
        for name in ("summary", "description", "parentCommit"):
            if value.get(name) is not None:
                _text(number, value, name)
        _text(number, value, "summary")
        self.header = value

    def _take(self, number: int, key: str, value: dict[str, Any]) -> None:
        path = _text(number, value, "path")
        match key:
            case "file":
                self.operations.append(AddFile(path, self._content(number, value)))
            case "lfsFile":
                self.operations.append(_large_file(number, path, value))
            case "deletedFile" | "deletedEntry":
                self.operations.append(Delete(path))
            case "deletedFolder":
                self.operations.append(DeleteFolder(path))
            case _:
                raise BadLine(number, f'"{key[:50]}" is not an operation of a commit.')
        self._move_away(number, path, value)

    def _move_away(self, number: int, path: str, value: dict[str, Any]) -> None:
        """`oldPath` says that a file was renamed."""
        if value.get("oldPath") is not None and (old := _text(number, value, "oldPath")) != path:
            self.operations.append(Delete(old))

    def _content(self, number: int, value: dict[str, Any]) -> bytes | Path:
        data = _decoded(number, _text(number, value, "content"), value.get("encoding", "utf-8"))
        if len(data) <= SMALL and len(data) <= self.memory_left:
            self.memory_left -= len(data)
            return data
        self.spooled += 1
        path = self.folder / f"content-{self.spooled}"
        path.write_bytes(data)
        return path


def _key_and_value(number: int, line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine(number, "it is not JSON.") from None
    key = entry.get("key") if isinstance(entry, dict) else None
    value = entry.get("value") if isinstance(entry, dict) else None
    if not isinstance(key, str) or not isinstance(value, dict):
        raise BadLine(number, 'it has no "key" with a "value".')
    return key, value


def _text(number: int, value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise BadLine(number, f'"{name}" must be a text.')
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadLine(number, f'"{name}" is not valid Unicode.') from None
    return text


def _decoded(number: int, content: str, encoding: object) -> bytes:
    if encoding == "base64":
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise BadLine(number, '"content" is not base64.') from None
    if encoding == "utf-8":
        return content.encode()
    raise BadLine(number, '"encoding" must be base64 or utf-8.')


def _large_file(number: int, path: str, value: dict[str, Any]) -> AddLfs:
    oid = _text(number, value, "oid").lower()
    size = value.get("size")
    if value.get("algo", "sha256") != "sha256" or len(oid) != SHA256_LENGTH:
        raise BadLine(number, 'large files are named by "algo": "sha256" and an "oid" of 64 hex.')
    if set(oid) - set("0123456789abcdef"):
        raise BadLine(number, '"oid" is not a sha256.')
    if size is not None and (not isinstance(size, int) or size < 0):
        raise BadLine(number, '"size" must be a number of bytes.')
    return AddLfs(path, oid, size)
