"""What a backup looks like on disk, the same whatever database and store it was made from.

    TARGET/
      hub-backup.json                what this folder is
      blobs/lfs/… pack/… xorb/…      shared by all snapshots, laid out as the directory store does
      snapshots/20261120T093000Z/
        tables/<name>.jsonl.gz       one JSON list for each row, in the order of `columns`
        blobs.jsonl.gz               [key, size, sha256] of every blob the rows name
        secret.key                   only if asked for
        manifest.json                written last: counts and a sha256 for each file of these

A snapshot grows under a name that ends with `.partial`; the folder is renamed when all is durable.
"""

import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hub_server.errors import BadRequest, Unprocessable

FORMAT = 1
ABOUT = "hub-backup.json"
OWN = frozenset({ABOUT, f"{ABOUT}.new", "blobs", "snapshots", "lock", "lost+found"})
MANIFEST = "manifest.json"
BLOB_LIST = "blobs.jsonl.gz"
SECRET = "secret.key"  # noqa: S105 - a file name
PARTIAL = ".partial"
_LEVEL = 4
_PIECE = 1024 * 1024


class NotABackup(BadRequest):
    """The folder is not what a command needs it to be."""


class DamagedBackup(Unprocessable):
    """Something of a backup is missing or has other bytes than were written."""


class NamedBlob(NamedTuple):
    """A blob that rows name; `sha256` is "" where the rows do not tell it."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True)
class FileFacts:
    """A file of a snapshot, `rows` lines long and `size` bytes large."""

    file: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True)
class TableFacts(FileFacts):
    columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Manifest:
    """`schema` is the revision of the rows. `missing` and `damaged` are keys that the hub itself
    did not have, or had with other bytes, when the snapshot was made."""

    snapshot: str
    created_at: str
    release: str
    schema: str
    database: str
    key_fingerprint: str
    with_key: bool
    tables: dict[str, TableFacts]
    blobs: FileFacts
    blob_bytes: int
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Durable when it returns."""
        content = asdict(self)
        content["checksum"] = _checksum(content)
        write_durably(folder / MANIFEST, json.dumps(content, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Raises DamagedBackup."""
        path = folder / MANIFEST
        try:
            content = json.loads(path.read_bytes())
            stated = content.pop("checksum")
        except FileNotFoundError:
            raise DamagedBackup(
                "{folder} is half a backup: it has no manifest.", folder=str(folder)
            ) from None
        except (ValueError, KeyError, AttributeError) as failure:
            raise DamagedBackup("{path} is damaged.", path=str(path)) from failure
        if content.get("format") != FORMAT:
            raise NotABackup(
                "{path} has format {found}; this release reads format {known}.",
                path=str(path),
                found=content.get("format"),
                known=FORMAT,
            )
        if stated != _checksum(content):
            raise DamagedBackup("{path} is damaged.", path=str(path))
        content["tables"] = {name: TableFacts(**each) for name, each in content["tables"].items()}
        content["blobs"] = FileFacts(**content["blobs"])
        return cls(**content)


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class LineWriter:
    """A compressed file of JSON lines, and what the manifest says of it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name
        self.name = name
        self.rows = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        packed = gzip.GzipFile(self.path, "wb", compresslevel=_LEVEL, mtime=0)
        self._file = io.TextIOWrapper(packed, encoding="utf-8")

    def write(self, values: Iterable[Any]) -> None:
        self._file.write(json.dumps(list(values), ensure_ascii=False, separators=(",", ":")) + "\n")
        self.rows += 1

    def close(self) -> FileFacts:
        self._file.close()
        return FileFacts(self.name, self.rows, self.path.stat().st_size, file_sha256(self.path))


def read_lines(folder: Path, facts: FileFacts) -> Iterator[list[Any]]:
    """Lines of a file that `check_file` has found to be sound."""
    with gzip.open(folder / facts.file, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def read_blobs(folder: Path, manifest: Manifest) -> Iterator[NamedBlob]:
    for key, size, sha256 in read_lines(folder, manifest.blobs):
        yield NamedBlob(key, size, sha256)


def check_file(folder: Path, facts: FileFacts) -> None:
    """Raises DamagedBackup unless the file has the bytes that the manifest says."""
    path = folder / facts.file
    if not path.is_file():
        raise DamagedBackup("{path} is missing from the backup.", path=str(path))
    if path.stat().st_size != facts.size or file_sha256(path) != facts.sha256:
        raise DamagedBackup("{path} is damaged.", path=str(path))


def check_files(folder: Path, manifest: Manifest) -> None:
    """Every file of the snapshot but its blobs. Raises DamagedBackup."""
    for facts in (*manifest.tables.values(), manifest.blobs):
        check_file(folder, facts)
    if manifest.with_key and not (folder / SECRET).is_file():
        raise DamagedBackup("{path} is missing from the backup.", path=str(folder / SECRET))


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_durably(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


class BackupFolder:
    """TARGET of a backup, SOURCE of a restore."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.blobs = self.root / "blobs"
        self.snapshots = self.root / "snapshots"

    def claim(self) -> None:
        """Make the folder where nothing is yet. Raises NotABackup if it has other things in it."""
        self.root.mkdir(parents=True, exist_ok=True)
        others = {path.name for path in self.root.iterdir()} - OWN
        if not (self.root / ABOUT).is_file() and others:
            raise NotABackup(
                "{root} is neither empty nor a backup; choose another folder.",
                root=str(self.root),
            )

    def prepare(self) -> None:
        """Ready for a snapshot; for who holds the folder's lock. Raises NotABackup."""
        if not (self.root / ABOUT).is_file():
            self.root.chmod(0o700)  # rows hold addresses and hashes of passwords
            about = {"format": FORMAT, "what": "backups of a hub server"}
            write_durably(self.root / ABOUT, json.dumps(about).encode())
        self._read_about()
        for folder in (self.blobs, self.snapshots):
            folder.mkdir(exist_ok=True)

    def expect(self) -> None:
        """Raises NotABackup unless a backup was begun here."""
        if not (self.root / ABOUT).is_file():
            raise NotABackup("{root} holds no backup of a hub.", root=str(self.root))
        self._read_about()

    def names(self) -> list[str]:
        """Complete snapshots, the oldest first."""
        if not self.snapshots.is_dir():
            return []
        return sorted(
            path.name
            for path in self.snapshots.iterdir()
            if path.is_dir() and not path.name.endswith(PARTIAL)
        )

    def partial(self) -> list[Path]:
        """What interrupted backups left."""
        return sorted(self.snapshots.glob(f"*{PARTIAL}"))

    def choose(self, wanted: str | None) -> Path:
        """The folder of the snapshot `wanted`, the newest for None. Raises NotABackup."""
        names = self.names()
        if wanted is None and names:
            return self.snapshots / names[-1]
        if wanted in names:
            return self.snapshots / str(wanted)
        halves = [path.name.removesuffix(PARTIAL) for path in self.partial()]
        if wanted in halves or (wanted is None and halves):
            raise DamagedBackup(
                "{name} in {root} is half a backup: it was interrupted.",
                name=wanted or halves[-1],
                root=str(self.root),
            )
        raise NotABackup(
            "{root} has no snapshot {name}; it has {names}.",
            root=str(self.root),
            name=wanted or "at all",
            names=", ".join(names) or "none",
        )

    def _read_about(self) -> None:
        try:
            found = json.loads((self.root / ABOUT).read_bytes())["format"]
        except (ValueError, KeyError, TypeError):
            found = "unknown"
        if found != FORMAT:
            raise NotABackup(
                "{root} holds backups of format {found}; this release knows format {known}.",
                root=str(self.root),
                found=found,
                known=FORMAT,
            )
