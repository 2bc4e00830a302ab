"""All files of a revision as one .zip or .tar.gz, made while it is sent: a few MB of memory.

Large files are in it with their real bytes; where one was removed from the repository, its pointer
is, as in Git. Holds no connection to the database while it is made.
"""

import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from hub_server.contents.hub import Hub
from hub_server.contents.lfs_files import present_files
from hub_server.contents.snapshots import ContentFacts, Snapshot, snapshot
from hub_server.errors import TooLarge
from hub_server.git import EXECUTABLE, LINK, SUBMODULE, ObjectId, PackSet, read_commit

Form = Literal["zip", "tar.gz"]
MOST_FILES = 100_000
MOST_BYTES = 50_000_000_000
CHUNK = 1 << 20
_FIRST_ZIP_DAY = 315_532_800  # 1980; a .zip knows no earlier time
_LAST_ZIP_DAY = 4_354_819_198


class TooLargeForArchive(TooLarge):
    def __init__(self) -> None:
        super().__init__("This revision is too large to be packed on the way; clone it with git.")


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """`oid` is set for a large file whose bytes go in; `size` counts what goes in."""

    path: bytes
    mode: int
    id: ObjectId
    size: int
    oid: str | None = None


@dataclass(frozen=True)
class Archive:
    """`folder` is the one that everything lies in; `time` that of the commit."""

    folder: bytes
    commit: ObjectId
    time: int
    files: list[ArchivedFile]
    objects: PackSet
    hub: Hub

    def packed(self, form: Form) -> Iterator[bytes]:
        """The bytes of the archive, about a megabyte at a time."""
        return _as_zip(self) if form == "zip" else _as_tar(self)


def archive_of(
    hub: Hub, session: Session, repo: ContentFacts, revision: str, folder: str
) -> Archive:
    """Raises RevisionNotFound and TooLargeForArchive before the first byte."""
    seen = snapshot(hub, session, repo, revision)
    found = list(_listed(seen))
    here = present_files(hub, session, repo, [file.oid for file in found if file.oid])
    files = [file if file.oid in here else _as_pointer(seen, file) for file in found]
    if sum(file.size for file in files) > MOST_BYTES:
        raise TooLargeForArchive
    moment = read_commit(seen.objects, seen.commit).committer.time
    return Archive(folder.encode(), seen.commit, moment, files, seen.objects, hub)


def _listed(seen: Snapshot) -> Iterator[ArchivedFile]:
    for number, (path, entry) in enumerate(seen.walk()):
        if number >= MOST_FILES:
            raise TooLargeForArchive
        if entry.is_tree or entry.is_submodule:
            yield ArchivedFile(path, SUBMODULE, entry.id, 0)
            continue
        size, pointer = seen.facts(entry.id)
        if pointer and entry.is_file:
            yield ArchivedFile(path, entry.mode, entry.id, pointer.size, pointer.oid)
        else:
            yield ArchivedFile(path, entry.mode, entry.id, size)


def _as_pointer(seen: Snapshot, file: ArchivedFile) -> ArchivedFile:
    return (
        ArchivedFile(file.path, file.mode, file.id, seen.facts(file.id).size) if file.oid else file
    )


def _bytes_of(archive: Archive, file: ArchivedFile) -> Iterator[bytes]:
    if file.oid is None:
        yield archive.objects.read(file.id)[1]
        return
    with archive.hub.objects.open(file.oid, size=file.size) as reader:
        while chunk := reader.read(CHUNK):
            yield chunk


@dataclass
class _Sink:
    """What a packer wrote and nobody has taken yet."""

    _written: list[bytes] = field(default_factory=list)
    size: int = 0

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass

    def take(self, least: int = CHUNK) -> Iterator[bytes]:
        """Everything, if there is enough of it."""
        if self.size >= max(least, 1):
            yield b"".join(self._written)
            self._written, self.size = [], 0


def _as_zip(archive: Archive) -> Iterator[bytes]:
    sink = _Sink()
    moment = min(max(archive.time, _FIRST_ZIP_DAY), _LAST_ZIP_DAY)
    with zipfile.ZipFile(sink, "w", allowZip64=True) as packer:  # type: ignore[call-overload]
        for file in archive.files:
            name = (archive.folder + b"/" + file.path).decode("utf-8", "replace")
            entry = zipfile.ZipInfo(name, time.gmtime(moment)[:6])
            entry.create_system = 3  # Unix, so that modes count
            entry.external_attr = _mode(file) << 16
            if file.mode == SUBMODULE:
                entry.filename += "/"
                packer.writestr(entry, b"")
                continue
            entry.compress_type = zipfile.ZIP_STORED if file.oid else zipfile.ZIP_DEFLATED
            with packer.open(entry, "w", force_zip64=file.size > 1 << 31) as member:
                for chunk in _bytes_of(archive, file):
                    member.write(chunk)
                    yield from sink.take()
    yield from sink.take(0)


def _as_tar(archive: Archive) -> Iterator[bytes]:
    sink, packer = _Sink(), zlib.compressobj(1, wbits=31)
    for file in archive.files:
        sink.write(packer.compress(_header(archive, file)))
        if file.mode in (LINK, SUBMODULE):
            continue
        for chunk in _bytes_of(archive, file):
            sink.write(packer.compress(chunk))
            yield from sink.take()
        sink.write(packer.compress(b"\0" * (-file.size % tarfile.BLOCKSIZE)))
        yield from sink.take()
    sink.write(packer.compress(b"\0" * (2 * tarfile.BLOCKSIZE)) + packer.flush())
    yield from sink.take(0)


def _header(archive: Archive, file: ArchivedFile) -> bytes:
    name = (archive.folder + b"/" + file.path).decode("utf-8", "surrogateescape")
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = _mode(file) & 0o777, max(archive.time, 0)
    if file.mode == SUBMODULE:
        entry.type = tarfile.DIRTYPE
    elif file.mode == LINK:
        entry.type = tarfile.SYMTYPE
        target = archive.objects.read(file.id)[1]
        entry.linkname = target.decode("utf-8", "surrogateescape")
    else:
        entry.size = file.size
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _mode(file: ArchivedFile) -> int:
    if file.mode == SUBMODULE:
        return stat.S_IFDIR | 0o755
    if file.mode == LINK:
        return stat.S_IFLNK | 0o777
    return stat.S_IFREG | (0o755 if file.mode == EXECUTABLE else 0o644)
