"""A backup while the hub serves: rows as of one moment, then the blobs that those rows name.

The steps, each with a fault point: 1 nobody collects bytes from now on; 2 rows, and the list of
blobs, in one transaction; 3 blobs that are not there yet; 4 the manifest, and the snapshot has its
name; 5 old snapshots go. Cut off anywhere it leaves what the next backup takes up or removes.
"""

import contextlib
import fcntl
import re
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from hub_server import __version__
from hub_server.blobs import BlobStore, StoreFull
from hub_server.blobs.files import disk_errors
from hub_server.db import Database, now
from hub_server.db.schema import Schema
from hub_server.errors import Conflict, HubError, StorageFull, Unavailable
from hub_server.faults import point
from hub_server.gitstore import keep_blobs
from hub_server.upkeep.backup_blobs import Copied, Shelf, persistently, sync_file_system
from hub_server.upkeep.backup_format import (
    BLOB_LIST,
    PARTIAL,
    SECRET,
    BackupFolder,
    FileFacts,
    LineWriter,
    Manifest,
    NamedBlob,
    check_files,
    read_blobs,
    write_durably,
)
from hub_server.upkeep.backup_rows import dump, frozen, named_blobs, read_facts
from hub_server.upkeep.progress import Progress, silent

KEEP_SECONDS = 120.0
RENEW_SECONDS = 20.0
_NAME = "%Y%m%dT%H%M%SZ"
_STAMP = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Order:
    """`secret` goes into the backup where given; `keep` is how many snapshots stay, 0 all."""

    target: Path
    secret: str | None = None
    keep: int = 0
    verify: bool = False


@dataclass
class Done:
    """The summary of a backup. `healed`: damaged blobs of the backup that were copied anew."""

    snapshot: str
    tables: int = 0
    rows: int = 0
    blobs: int = 0
    bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    verified: bool = False
    healed: int = 0
    removed_snapshots: list[str] = field(default_factory=list)
    removed_blobs: int = 0
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        return not (self.missing or self.damaged)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 2)}


class Keeper:
    """While the block lasts nobody collects bytes; `check` raises if that was not so."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._until = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keep-blobs", daemon=True)

    def __enter__(self) -> "Keeper":
        self._renew()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        if time.monotonic() > self._until:
            raise Unavailable(
                "The database did not answer for minutes, and bytes may have been collected "
                "meanwhile; start the backup again."
            )

    def _run(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            with contextlib.suppress(HubError):  # the next turn comes before the promise ends
                self._renew()

    def _renew(self) -> None:
        began = time.monotonic()
        with self.database.write() as session:
            keep_blobs(session, KEEP_SECONDS)
        self._until = began + KEEP_SECONDS


def back_up(
    database: Database,
    blobs: BlobStore,
    schema: Schema,
    order: Order,
    progress: Progress | None = None,
) -> Done:
    """Make a snapshot in `order.target`; several may be made, not at the same time.

    Blobs that the hub has lost are told in the result, and the backup is made without them.
    Raises SchemaError, NotABackup, Conflict (another backup writes there), StorageFull,
    Unavailable.
    """
    began = time.monotonic()
    _expect_schema(schema)
    folder = BackupFolder(order.target)
    folder.claim()
    try:
        with _alone(folder), Keeper(database) as keeper:
            folder.prepare()
            making = _Making(folder, database, blobs, order, progress or Progress(silent))
            done = making.run(str(schema.newest), keeper)
    except StoreFull:
        raise StorageFull(
            "The disk of {target} is full; the backup is not complete.", target=str(order.target)
        ) from None
    done.seconds = time.monotonic() - began
    return done


def _expect_schema(schema: Schema) -> None:
    """Raises SchemaError if the database has another than this release's."""
    try:
        schema.prepare("check")
    except DBAPIError as failure:
        said = str(failure.orig).strip().splitlines()[0]
        raise Unavailable("The database does not answer: {said}.", said=said) from failure


@contextlib.contextmanager
def _alone(folder: BackupFolder) -> Iterator[None]:
    with (folder.root / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "Another backup is writing to {target}.", target=str(folder.root)
            ) from None
        yield


class _Making:
    """One snapshot on its way."""

    def __init__(
        self,
        folder: BackupFolder,
        database: Database,
        blobs: BlobStore,
        order: Order,
        progress: Progress,
    ) -> None:
        self.folder = folder
        self.database = database
        self.blobs = blobs
        self.order = order
        self.progress = progress
        self.shelf = Shelf(folder.blobs)
        self.name = _next_name(folder.names())
        self.place = folder.snapshots / (self.name + PARTIAL)
        self._digests: dict[str, str] = {}

    def run(self, schema: str, keeper: Keeper) -> Done:
        for half in self.folder.partial():
            shutil.rmtree(half)
        self.shelf.tidy()
        self.place.mkdir(mode=0o700)
        point("backup.begun")
        manifest = persistently(lambda: self._rows(schema))
        point("backup.rows")
        copied = self._blobs(manifest)
        keeper.check()
        point("backup.blobs")
        manifest = replace(
            manifest,
            blobs=self._list_with_digests(manifest),
            missing=copied.missing,
            damaged=copied.damaged,
        )
        done = self._done(manifest, copied)
        if self.order.verify:
            done.healed = self._verify(manifest)
            done.verified = True
        self._finish(manifest)
        point("backup.named")
        if self.order.keep:
            done.removed_snapshots, done.removed_blobs = prune(
                self.folder, self.order.keep, newest=self.name
            )
        return done

    def _rows(self, schema: str) -> Manifest:
        self.progress.stage("rows")
        with frozen(self.database) as connection:
            tables = dump(connection, self.place, self.progress.step)
            listed, size = self._list(named_blobs(connection))
            facts = read_facts(connection)
        return Manifest(
            snapshot=self.name,
            created_at=now().isoformat(),
            release=__version__,
            schema=schema,
            database="sqlite" if self.database.is_sqlite else "postgresql",
            key_fingerprint=facts.get("secret-key", ""),
            with_key=self.order.secret is not None,
            tables=tables,
            blobs=listed,
            blob_bytes=size,
        )

    def _list(self, blobs: Iterable[NamedBlob]) -> tuple[FileFacts, int]:
        file, size = LineWriter(self.place, BLOB_LIST), 0
        try:
            for blob in blobs:
                file.write(blob)
                size += blob.size
        finally:
            facts = file.close()
        return facts, size

    def _blobs(self, manifest: Manifest) -> Copied:
        self.progress.stage("blobs", manifest.blobs.rows)
        wanted = read_blobs(self.place, manifest)
        copied, self._digests = self.shelf.take_in(
            self.blobs, wanted, lambda blob: self.progress.step(1, blob.size)
        )
        return copied

    def _list_with_digests(self, manifest: Manifest) -> FileFacts:
        """The list again, with the sha256 of each blob whose rows do not tell it."""
        listed = list(read_blobs(self.place, manifest))
        if all(blob.sha256 for blob in listed):
            return manifest.blobs
        known = {**self._former_digests(), **self._digests}
        return self._list(
            blob if blob.sha256 else blob._replace(sha256=known.get(blob.key, ""))
            for blob in listed
        )[0]

    def _former_digests(self) -> dict[str, str]:
        names = self.folder.names()
        if not names:
            return {}
        former = self.folder.snapshots / names[-1]
        return {blob.key: blob.sha256 for blob in read_blobs(former, Manifest.read(former))}

    def _verify(self, manifest: Manifest) -> int:
        """Read back all that was written; what is damaged in the backup is copied anew."""
        self.progress.stage("verifying", manifest.blobs.rows)
        check_files(self.place, replace(manifest, with_key=False))
        lost = {*manifest.missing, *manifest.damaged}
        there = (blob for blob in read_blobs(self.place, manifest) if blob.key not in lost)
        bad = list(self.shelf.damaged(there, lambda blob: self.progress.step(1, blob.size)))
        for blob in bad:
            self.shelf.forget(blob.key)
        again, _ = self.shelf.take_in(self.blobs, bad, lambda _: None)
        manifest.missing.extend(again.missing)
        manifest.damaged.extend(again.damaged)
        return again.copied

    def _finish(self, manifest: Manifest) -> None:
        if self.order.secret is not None:
            write_durably(self.place / SECRET, self.order.secret.encode(), mode=0o600)
        with disk_errors():
            sync_file_system(self.place)
            manifest.write(self.place)
        point("backup.manifest")
        with disk_errors():
            self.place.rename(self.folder.snapshots / self.name)
            sync_file_system(self.folder.snapshots)

    def _done(self, manifest: Manifest, copied: Copied) -> Done:
        return Done(
            self.name,
            tables=len(manifest.tables),
            rows=sum(table.rows for table in manifest.tables.values()),
            blobs=copied.blobs,
            bytes=copied.bytes,
            copied=copied.copied,
            copied_bytes=copied.copied_bytes,
            missing=manifest.missing,
            damaged=manifest.damaged,
        )


def _next_name(known: list[str]) -> str:
    """The time, but never before the newest there is: a clock may jump."""
    moment = now().replace(microsecond=0)
    if known and _STAMP.fullmatch(known[-1]):
        newest = datetime.strptime(known[-1], _NAME).replace(tzinfo=UTC)
        moment = max(moment, newest + timedelta(seconds=1))
    return moment.strftime(_NAME)


def prune(folder: BackupFolder, keep: int, *, newest: str) -> tuple[list[str], int]:
    """Remove all but the last `keep` snapshots, then the blobs that only those named.

    Answers their names and the number of blobs. A snapshot that cannot be read stops it: nobody
    knows which blobs that one needs.
    """
    names = folder.names()
    gone = [name for name in names[:-keep] if name != newest]
    if not gone:
        return [], 0
    named: set[str] = set()
    for name in names:
        if name not in gone:
            place = folder.snapshots / name
            manifest = Manifest.read(place)
            check_files(place, manifest)
            named.update(blob.key for blob in read_blobs(place, manifest))
    for name in gone:  # first no snapshot any more, then in pieces
        going = folder.snapshots / name
        half = going.rename(going.with_name(name + PARTIAL))
        shutil.rmtree(half)
        point("backup.pruned")
    count, _ = Shelf(folder.blobs).sweep(named)
    return gone, count
