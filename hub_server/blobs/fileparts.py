"""Uploads in parts on a local disk: every part is written at its place of one file.

`incoming/parts-<id>/` holds `about` (key, part size), `data`, and a marker `<number>-<size>-<etag>`
for each part that is durable. `about` is locked: shared while a part is written, alone while the
parts are joined, so that nobody can go on writing to a file that has become a blob.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hub_server.blobs.errors import PartsMissing, SizeMismatch
from hub_server.blobs.protocol import CHUNK, Key, Part, UnfinishedParts

MAX_PARTS = 10_000
_ID = re.compile(r"[0-9a-f]{24}")
_NO_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_MARKER = re.compile(r"(\d{5})-(\d+)-([0-9a-f]{32})")


def start(incoming: Path, key: Key, part_size: int) -> str:
    upload_id = secrets.token_hex(12)
    folder = incoming / f"parts-{upload_id}"
    folder.mkdir()
    (folder / "data").touch()
    about = folder / "about.new"
    about.write_text(json.dumps({"key": key, "part_size": part_size}))
    about.rename(folder / "about")
    return upload_id


@contextlib.contextmanager
def opened(
    incoming: Path, upload_id: str, key: Key, *, alone: bool = False
) -> Iterator["StoredParts"]:
    """Hold the upload, together with others or alone. Raises PartsMissing."""
    if not _ID.fullmatch(upload_id):
        raise PartsMissing("it is unknown")
    folder = incoming / f"parts-{upload_id}"
    try:
        file = (folder / "about").open("rb")
    except FileNotFoundError:
        raise PartsMissing("it is unknown or has ended") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not (folder / "about").exists():  # ended while we waited
            raise PartsMissing("it has ended")
        about = json.load(file)
        if about["key"] != key:
            raise PartsMissing("it is unknown")
        yield StoredParts(folder, about["part_size"])


def every(incoming: Path) -> Iterator[UnfinishedParts]:
    for folder in incoming.glob("parts-*"):
        with contextlib.suppress(FileNotFoundError):
            about = json.loads((folder / "about").read_text())
            started = datetime.fromtimestamp((folder / "about").stat().st_mtime, UTC)
            yield UnfinishedParts(about["key"], folder.name.removeprefix("parts-"), started)


class StoredParts:
    """The parts of one upload, while its lock is held."""

    def __init__(self, folder: Path, part_size: int) -> None:
        self.folder = folder
        self.part_size = part_size

    def put(self, number: int, source: Path) -> Part:
        if not 1 <= number <= MAX_PARTS:
            raise PartsMissing(f"{number} is not a part number")
        size = source.stat().st_size
        if size > self.part_size:
            raise SizeMismatch(self.part_size, size)
        self._unmark(number)
        with source.open("rb") as reader, (self.folder / "data").open("r+b") as writer:
            _copy(reader.fileno(), writer.fileno(), (number - 1) * self.part_size, size)
            os.fsync(writer.fileno())
        part = Part(number, size, secrets.token_hex(16))
        (self.folder / f"{number:05}-{size}-{part.etag}").touch()
        return part

    def list(self) -> Sequence[Part]:
        found = filter(None, (_MARKER.fullmatch(path.name) for path in self.folder.iterdir()))
        return sorted(
            (Part(int(match[1]), int(match[2]), match[3]) for match in found),
            key=lambda part: part.number,
        )

    def join(self, parts: Sequence[Part]) -> Path:
        """The one file, cut to its length and durable. Raises PartsMissing."""
        stored = {part.number: part for part in self.list()}
        for place, part in enumerate(parts, 1):
            have = stored.get(part.number)
            if part.number != place or have is None or have.etag != part.etag.strip('"'):
                raise PartsMissing(f"part {place} has not arrived")
            if place < len(parts) and have.size != self.part_size:
                raise PartsMissing(f"part {place} is too small")
        if not parts:
            raise PartsMissing("it has no parts")
        total = (len(parts) - 1) * self.part_size + stored[len(parts)].size
        data = self.folder / "data"
        with data.open("r+b") as file:
            file.truncate(total)
            os.fsync(file.fileno())
        return data

    def forget(self) -> None:
        (self.folder / "about").unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _unmark(self, number: int) -> None:
        for marker in self.folder.glob(f"{number:05}-*"):
            marker.unlink(missing_ok=True)


def _copy(reader: int, writer: int, offset: int, size: int) -> None:
    """Inside the kernel where it can (which shares the blocks on some file systems)."""
    done = 0
    while done < size:
        try:
            step = min(size - done, 64 * CHUNK)
            copied = os.copy_file_range(reader, writer, step, done, offset + done)
        except OSError as failure:
            if failure.errno not in _NO_COPY:
                raise
            copied = 0
        if not copied:  # some file systems say so instead of refusing
            _copy_here(reader, writer, offset, done, size)
            return
        done += copied


def _copy_here(reader: int, writer: int, offset: int, done: int, size: int) -> None:
    while done < size:
        chunk = os.pread(reader, CHUNK, done)
        if not chunk:
            raise SizeMismatch(size, done)
        view = memoryview(chunk)
        while view:
            written = os.pwrite(writer, view, offset + done)
            done += written
            view = view[written:]
