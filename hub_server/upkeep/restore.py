"""A backup into an empty hub, of the same kind or of the other: blobs first, rows last.

The steps, each with a fault point: 1 everything but the blobs is checked, and that the target is
empty and nobody serves it; 2 a mark says which backup is being restored, so that the same one may
be begun again; 3 blobs, each compared with its sha256; 4 rows in one transaction; 5 the schema of
this release. Until 4 commits the hub is as empty as before.
"""

import io
import json
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, inspect, select, update
from sqlalchemy.exc import DBAPIError

from hub_server.blobs import BlobMissing, BlobStore, DigestMismatch, FileStore, SizeMismatch
from hub_server.db import Database
from hub_server.db.schema import Schema, SchemaError
from hub_server.db.tables.accounts import BrowserSession, OneTimeLink
from hub_server.db.tables.catalog import CatalogClock
from hub_server.db.tables.jobs import Fact
from hub_server.errors import Conflict, Unavailable
from hub_server.faults import point
from hub_server.gitstore import living_nodes
from hub_server.keys import Keys
from hub_server.upkeep.backup_blobs import WORKERS, Shelf, in_order, persistently
from hub_server.upkeep.backup_format import (
    SECRET,
    BackupFolder,
    DamagedBackup,
    Manifest,
    NamedBlob,
    check_files,
    read_blobs,
)
from hub_server.upkeep.progress import Progress, silent
from hub_server.upkeep.restore_rows import filling, first_content, load
from hub_server.xet import EPOCH as XET_EPOCH

MARK = "cache/restore"
EPOCH = "epoch"
CLASSES = ("lfs/", "pack/", "xorb/")
KeyChange = Literal["kept", "changed"]


@dataclass(frozen=True)
class Plan:
    """A snapshot that is to be restored, found sound but for its blobs."""

    folder: BackupFolder
    place: Path
    manifest: Manifest

    @property
    def secret(self) -> str | None:
        """The secret key that the backup holds."""
        return (self.place / SECRET).read_text().strip() if self.manifest.with_key else None


@dataclass
class Restored:
    """The summary of a restore; `skipped` are keys of damaged blobs that were left out.

    `key`: `changed` means that browser sessions and links made with the former key have ended.
    """

    snapshot: str
    tables: int
    rows: int = 0
    blobs: int = 0
    bytes: int = 0
    skipped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    key: KeyChange = "kept"
    epoch: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 2)}


class NotEmpty(Conflict):
    """A restore replaces nothing and disturbs nobody."""


def plan(source: Path, snapshot: str | None = None) -> Plan:
    """Raises NotABackup, and DamagedBackup with the name of what is missing or damaged."""
    folder = BackupFolder(source)
    folder.expect()
    place = folder.choose(snapshot)
    manifest = Manifest.read(place)
    check_files(place, manifest)
    return Plan(folder, place, manifest)


@dataclass(frozen=True)
class Target:
    """Where a backup goes."""

    database: Database
    blobs: BlobStore
    schema: Schema


def expect_empty(target: Target, wanted: Plan) -> bool:
    """Raises NotEmpty, or SchemaError for a backup of a later release.

    True if an interrupted restore of the same snapshot is to be finished.
    """
    schema, manifest = target.schema, wanted.manifest
    if not schema.knows(manifest.schema):
        raise SchemaError(
            f"The backup has schema {manifest.schema}, which is newer than this release; "
            f"install release {manifest.release} or a newer one."
        )
    if schema.current() is not None:
        _expect_no_rows(target.database)
    mark = _read_mark(target.blobs)
    if mark is None:
        _expect_no_blobs(target.blobs)
    elif mark != _mark(wanted):
        raise NotEmpty(
            "The blob store holds what another restore has begun ({mark}); finish that one, or "
            "empty the store.",
            mark=mark.decode(errors="replace"),
        )
    return mark is not None


def restore(
    wanted: Plan,
    target: Target,
    keys: Keys,
    *,
    skip_damaged: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Bring the snapshot back into a hub with these `keys`.

    Raises NotEmpty, DamagedBackup, RowsRefused, SchemaError, Unavailable. What was cut off is
    finished by calling it again with the same snapshot.
    """
    began = time.monotonic()
    progress = progress or Progress(silent)
    manifest = wanted.manifest
    begun = expect_empty(target, wanted)
    done = Restored(manifest.snapshot, len(manifest.tables))
    done.missing = [*manifest.missing, *manifest.damaged]
    point("restore.checked")
    persistently(lambda: target.blobs.put(MARK, io.BytesIO(_mark(wanted))))
    point("restore.marked")
    _bring_blobs(wanted, target.blobs, done, begun=begun, progress=progress)
    if done.skipped and not skip_damaged:
        raise DamagedBackup(
            "{path} is missing from the backup or damaged, {count} files in all; "
            "--skip-damaged restores the rest.",
            path=str(FileStore(wanted.folder.blobs).path_of(done.skipped[0])),
            count=len(done.skipped),
        )
    point("restore.blobs")
    _bring_rows(wanted, target, keys, done, progress)
    point("restore.rows")
    target.schema.prepare("auto")
    persistently(lambda: target.blobs.delete(MARK))
    done.seconds = time.monotonic() - began
    return done


def _expect_no_rows(database: Database) -> None:
    with database.read() as session:
        if nodes := living_nodes(session):
            raise NotEmpty(
                "A node serves from this database ({name}); stop it, or wait a minute if it was "
                "killed.",
                name=nodes[0],
            )
        if table := first_content(session.connection()):
            raise NotEmpty(
                "The database is not empty (it has rows in {table}); restore into a new one.",
                table=table,
            )


def _expect_no_blobs(blobs: BlobStore) -> None:
    for prefix in CLASSES:
        found = next(iter(blobs.list(prefix)), None)
        if found is not None:
            raise NotEmpty(
                "The blob store is not empty (it has {key}); restore into a new one.",
                key=found.key,
            )


def _mark(wanted: Plan) -> bytes:
    """Tells this snapshot from all others."""
    manifest = wanted.manifest
    return json.dumps([manifest.snapshot, manifest.created_at]).encode()


def _read_mark(blobs: BlobStore) -> bytes | None:
    try:
        with blobs.open(MARK) as file:
            return file.read()
    except BlobMissing:
        return None


def _bring_blobs(
    wanted: Plan, blobs: BlobStore, done: Restored, *, begun: bool, progress: Progress
) -> None:
    manifest = wanted.manifest
    progress.stage("blobs", manifest.blobs.rows)
    shelf = Shelf(wanted.folder.blobs)
    lost = set(done.missing)
    there = (blob for blob in read_blobs(wanted.place, manifest) if blob.key not in lost)

    def on_blob(blob: NamedBlob) -> None:
        done.blobs += 1
        done.bytes += blob.size
        progress.step(1, blob.size)

    if isinstance(blobs, FileStore):
        copied, _ = Shelf(blobs.root).take_in(shelf.store, there, on_blob)
        done.skipped = [*copied.missing, *copied.damaged]
    else:
        for blob, sound in _sent(shelf, blobs, there, begun=begun):
            on_blob(blob)
            if not sound:
                done.skipped.append(blob.key)
    done.blobs -= len(done.skipped)


def _sent(
    shelf: Shelf, blobs: BlobStore, wanted: Iterable[NamedBlob], *, begun: bool
) -> Iterable[tuple[NamedBlob, bool]]:
    """Each blob, and whether the backup has it and has it right."""

    def send(blob: NamedBlob) -> tuple[NamedBlob, bool]:
        if begun and blobs.size(blob.key) == blob.size:
            return blob, True  # was compared before it got its name
        path = shelf.store.path_of(blob.key)
        try:
            blobs.put(blob.key, path, expect=blob.sha256 or None, size=blob.size)
        except (DigestMismatch, SizeMismatch):
            return blob, False
        return blob, True

    def attempt(blob: NamedBlob) -> tuple[NamedBlob, bool]:
        if not shelf.store.path_of(blob.key).is_file():
            return blob, False
        return persistently(lambda: send(blob))

    with ThreadPoolExecutor(WORKERS, "restore") as pool:
        yield from in_order((pool.submit(attempt, blob) for blob in wanted), ahead=WORKERS * 2)


def _bring_rows(
    wanted: Plan, target: Target, keys: Keys, done: Restored, progress: Progress
) -> None:
    manifest, schema = wanted.manifest, target.schema
    progress.stage("rows", sum(table.rows for table in manifest.tables.values()))
    if schema.current() not in (None, manifest.schema):
        schema.downgrade("base")
    if schema.current() != manifest.schema:
        schema.upgrade(manifest.schema)
    try:
        with filling(target.database) as connection:
            _expect_no_rows(target.database)
            done.rows = load(connection, wanted.place, manifest, progress.step)
            done.key = _settle_key(connection, manifest, keys)
            done.epoch = _next_epoch(connection)
            _end_xet_caches(connection)
            _begin_catalog_epoch(connection)
            point("restore.filled")
    except DBAPIError as failure:
        said = str(failure.orig).strip().splitlines()[0]
        raise Unavailable("The database does not answer: {said}.", said=said) from failure


def _settle_key(connection: Connection, manifest: Manifest, keys: Keys) -> KeyChange:
    """With another key, what the former one signed ends; tokens and passwords are hashes."""
    ours = {Keys((secret,)).fingerprint() for secret in keys.secrets}
    if not manifest.key_fingerprint or manifest.key_fingerprint in ours:
        return "kept"
    connection.execute(delete(Fact).where(Fact.name == "secret-key"))
    connection.execute(delete(BrowserSession))
    connection.execute(delete(OneTimeLink))
    return "changed"


def _next_epoch(connection: Connection) -> int:
    """A number that no hub with this history has had: what clients remember of one is not taken
    for what the other has."""
    former = connection.execute(select(Fact.value).where(Fact.name == EPOCH)).scalar()
    epoch = max(int(former or 0) + 1, int(time.time()))
    connection.execute(delete(Fact).where(Fact.name == EPOCH))
    connection.execute(insert(Fact).values(name=EPOCH, value=str(epoch)))
    return epoch


def _end_xet_caches(connection: Connection) -> None:
    """Clients build for weeks on xorbs they have sent, without asking whether they are there. At
    another address they begin anew; the hub takes the one that it finds here."""
    connection.execute(delete(Fact).where(Fact.name == XET_EPOCH))
    connection.execute(insert(Fact).values(name=XET_EPOCH, value=secrets.token_hex(4)))


def _begin_catalog_epoch(connection: Connection) -> None:
    """What any process remembers of the catalog's sets is of another history."""
    if inspect(connection).has_table(CatalogClock.__tablename__):
        connection.execute(update(CatalogClock).values(epoch=secrets.token_hex(8)))
