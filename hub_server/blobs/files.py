"""Blobs in a directory: one copy, one fsync, one rename.

`lfs/` and `xorb/` are fanned out by the beginning of the name (`lfs/ab/cd/abcd…`), other classes
lie as their keys say. Unfinished writes are `incoming/put-…`, uploads in parts `incoming/parts-…`.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from hub_server import faults
from hub_server.blobs import fileparts
from hub_server.blobs.errors import (
    BlobMissing,
    DigestMismatch,
    PartsMissing,
    SizeMismatch,
    StoreUnavailable,
    disk_failure,
)
from hub_server.blobs.protocol import (
    CHUNK,
    BlobInfo,
    BlobReader,
    Digest,
    Key,
    Part,
    UnfinishedParts,
    UploadTarget,
    check_key,
    check_prefix,
)

FANNED = ("lfs", "xorb")


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise disk_failure(failure) from failure


class _FileReader(BlobReader):
    def __init__(self, path: Path, start: int, length: int | None) -> None:
        self._file = path.open("rb", buffering=0)
        size = os.fstat(self._file.fileno()).st_size
        begin = max(0, size + start) if start < 0 else min(start, size)
        left = size - begin
        super().__init__(left if length is None else max(0, min(length, left)))
        self._file.seek(begin)

    def _take(self, count: int) -> bytes:
        with disk_errors():
            return self._file.read(count)

    def fileno(self) -> int:
        """The file itself, which stands at the next byte to read (for sendfile)."""
        return self._file.fileno()

    def close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()
        super().close()


class FileStore:
    """A BlobStore below one local directory, which only the hub writes to."""

    direct = False

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.incoming = self.root / "incoming"
        with disk_errors():
            self.incoming.mkdir(parents=True, exist_ok=True)

    @property
    def incoming_folder(self) -> Path | None:
        return self.incoming

    def check(self) -> None:
        probe = self._temporary()
        try:
            probe.write_bytes(b"")
        except OSError as failure:
            raise StoreUnavailable(f"{self.root}: {failure.strerror}") from failure
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)

    def put(
        self,
        key: Key,
        source: IO[bytes] | Path,
        *,
        expect: Digest | None = None,
        size: int | None = None,
    ) -> int:
        path, temporary = self.path_of(key), self._temporary()
        try:
            with disk_errors():
                found, digest = _write(temporary, source, hashed=expect is not None)
                if size is not None and found != size:
                    raise SizeMismatch(size, found)
                if expect is not None and digest != expect:
                    raise DigestMismatch(expect, digest)
                self._publish(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return found

    def adopt(self, key: Key, path: Path) -> None:
        target = self.path_of(key)
        with disk_errors():
            if path.stat().st_dev != self.incoming.stat().st_dev:
                self.put(key, path)
                path.unlink()
                return
            _sync(path)
            self._publish(path, target)

    def open(self, key: Key, start: int = 0, length: int | None = None) -> BlobReader:
        path = self.path_of(key)
        try:
            return _FileReader(path, start, length)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise BlobMissing(key) from None
        except OSError as failure:
            raise disk_failure(failure) from failure

    def size(self, key: Key) -> int | None:
        path = self.path_of(key)
        with disk_errors(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = path.stat()
            return found.st_size if path.is_file() else None
        return None

    def delete(self, key: Key) -> None:
        path = self.path_of(key)
        with disk_errors(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        if path.parent != self.incoming:
            with contextlib.suppress(OSError):  # not empty, most of the time
                path.parent.rmdir()

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        check_prefix(prefix)
        top = prefix.split("/", 1)[0]
        base = self.root / (top if top in FANNED else prefix.rpartition("/")[0])
        for folder, _, names in os.walk(base):
            for name in names:
                path = Path(folder, name)
                key = f"{top}/{name}" if top in FANNED else str(path.relative_to(self.root))
                if key.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):
                        found = path.stat()
                        modified = datetime.fromtimestamp(found.st_mtime, UTC)
                        yield BlobInfo(key, found.st_size, modified)

    def copy(self, source: Key, target: Key) -> None:
        """A second name for the same file where the file system can, as blobs never change."""
        path, temporary = self.path_of(source), self._temporary()
        try:
            temporary.hardlink_to(path)
            with disk_errors():
                self._publish(temporary, self.path_of(target))
        except FileNotFoundError:
            raise BlobMissing(source) from None
        except OSError:  # no hard links here
            self.put(target, path)
        finally:
            temporary.unlink(missing_ok=True)

    def local_path(self, key: Key) -> Path | None:
        return self.path_of(key)

    def url(
        self,
        key: Key,
        *,
        seconds: int,
        headers: Mapping[str, str] | None = None,
        start: int = 0,
        length: int | None = None,
    ) -> str | None:
        return None

    def upload_url(
        self, key: Key, *, seconds: int, size: int | None = None, sha256: Digest | None = None
    ) -> UploadTarget | None:
        return None

    def part_url(
        self,
        key: Key,
        upload_id: str,
        number: int,
        *,
        seconds: int,
        size: int | None = None,
        sha256: Digest | None = None,
    ) -> UploadTarget | None:
        return None

    def start_parts(self, key: Key, *, part_size: int) -> str:
        check_key(key)
        with disk_errors():
            return fileparts.start(self.incoming, key, part_size)

    def put_part(self, key: Key, upload_id: str, number: int, source: Path) -> Part:
        with disk_errors(), fileparts.opened(self.incoming, upload_id, key) as parts:
            return parts.put(number, source)

    def list_parts(self, key: Key, upload_id: str) -> Sequence[Part]:
        with disk_errors(), fileparts.opened(self.incoming, upload_id, key) as parts:
            return parts.list()

    def complete_parts(self, key: Key, upload_id: str, parts: Sequence[Part]) -> None:
        with (
            disk_errors(),
            fileparts.opened(self.incoming, upload_id, key, alone=True) as stored,
        ):
            data = stored.join(parts)
            self._publish(data, self.path_of(key))
            faults.point("parts.joined")
            stored.forget()

    def abort_parts(self, key: Key, upload_id: str) -> None:
        with (
            disk_errors(),
            contextlib.suppress(PartsMissing),
            fileparts.opened(self.incoming, upload_id, key, alone=True) as parts,
        ):
            parts.forget()

    def unfinished(self, prefix: str) -> Iterator[UnfinishedParts]:
        check_prefix(prefix)
        for found in fileparts.every(self.incoming):
            if found.key.startswith(prefix):
                yield found

    def path_of(self, key: Key) -> Path:
        check_key(key)
        top, rest = key.split("/", 1)
        if top in FANNED:
            return self.root / top / rest[:2] / rest[2:4] / rest
        return self.root / key

    def _temporary(self) -> Path:
        return self.incoming / f"put-{secrets.token_hex(12)}"

    def _publish(self, temporary: Path, path: Path) -> None:
        """Rename, durably; `delete` may remove the folder in between, so try again."""
        for _ in range(5):
            fresh = _make_folders(path.parent, self.root)
            with contextlib.suppress(FileNotFoundError):
                temporary.replace(path)
                break
        else:
            raise StoreUnavailable("a folder of the store keeps vanishing", retry_after=1)
        for folder in (path.parent, *fresh):
            with contextlib.suppress(FileNotFoundError):
                sync_folder(folder)


def _write(path: Path, source: IO[bytes] | Path, *, hashed: bool) -> tuple[int, Digest]:
    """Copy, and return size and sha256 ("" where not `hashed`); durable when it returns."""
    digest, size = hashlib.sha256(), 0
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        writer = stack.enter_context(path.open("xb", buffering=0))
        while chunk := reader.read(CHUNK):
            if hashed:
                digest.update(chunk)
            write_all(writer.fileno(), chunk)
            size += len(chunk)
        os.fsync(writer.fileno())
    return size, digest.hexdigest() if hashed else ""


def write_all(descriptor: int, data: bytes) -> None:
    """os.write until all is written: a nearly full disk takes a piece before it refuses."""
    done = os.write(descriptor, data)
    if done < len(data):
        view = memoryview(data)
        while done < len(data):
            done += os.write(descriptor, view[done:])


def _make_folders(folder: Path, root: Path) -> list[Path]:
    """Make what is missing; returns the parents whose listing changed."""
    missing = []
    while not folder.is_dir() and folder != root:
        missing.append(folder)
        folder = folder.parent
    for fresh in reversed(missing):
        fresh.mkdir(parents=True, exist_ok=True)
    return [fresh.parent for fresh in missing]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_folder = _sync
