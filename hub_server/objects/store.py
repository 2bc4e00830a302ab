"""The bytes of large files: received, verified, kept under their sha256, opened, linked out.

Every method that moves bytes opens short transactions before and after, and none meanwhile.
"""

import contextlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hub_server import faults
from hub_server.blobs import (
    BlobMissing,
    BlobReader,
    BlobStore,
    Incoming,
    Received,
    UploadTarget,
)
from hub_server.db import Database
from hub_server.errors import Lost, Unavailable
from hub_server.objects import links, storage, uploads, xet_files
from hub_server.objects.access import Claim, authorize
from hub_server.objects.hashing import PrefixHashes
from hub_server.objects.links import ObjectInfo, object_key
from hub_server.objects.uploads import StoredPart, UploadEnded, UploadInfo, Wanted
from hub_server.objects.verification import Verification
from hub_server.objects.xet_files import XetFile, XetFiles
from hub_server.objects.xorbs import Xorbs
from hub_server.settings import Settings

LINK_SECONDS = 900
UPLOAD_SECONDS = 24 * 3600
AT_ONCE = 8


class Objects:
    """Large files of all repositories; questions about links take the caller's session."""

    lookup = staticmethod(links.lookup)
    is_linked = staticmethod(links.is_linked)
    provable = staticmethod(links.provable)
    readable_elsewhere = staticmethod(links.readable_elsewhere)
    link = staticmethod(links.link)
    claim = staticmethod(links.claim)
    unlink = staticmethod(links.unlink)
    removed = staticmethod(links.removed)
    copy_links = staticmethod(links.copy_links)
    list_linked = staticmethod(links.list_linked)
    linked_size = staticmethod(storage.linked_size)
    count_pending = staticmethod(links.count_pending)

    def __init__(
        self, database: Database, blobs: BlobStore, incoming: Incoming, settings: Settings
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.incoming = incoming
        self.settings = settings
        self.prefixes = PrefixHashes()
        self.verification = Verification(self)
        self.xorbs = Xorbs(database, blobs)
        self.xet_files = XetFiles(database, self.xorbs, settings)

    @property
    def direct(self) -> bool:
        """Whether clients may send to the store itself and fetch from it."""
        return self.blobs.direct

    def open(
        self,
        sha256: str,
        start: int = 0,
        length: int | None = None,
        *,
        size: int | None = None,
    ) -> BlobReader:
        """Stream a part of an object in constant memory. The caller has checked the link.

        Raises Lost if what is stored is not there or, where `size` is given, has another size.
        """
        key = object_key(sha256)
        with contextlib.suppress(BlobMissing):
            reader = self.blobs.open(key, start, length)
            left = None if size is None else max(0, size - start)
            if left is None or reader.length == (left if length is None else min(length, left)):
                return reader
            reader.close()
        return self.xet_files.open(self._as_chunks(sha256, size), start, length)

    def _as_chunks(self, sha256: str, size: int | None) -> XetFile:
        """The Xet form of an object whose plain form is not there. Raises Lost."""
        with self.database.read() as session:
            file = xet_files.of(session, sha256)
        if file is None or size not in (None, file.size):
            raise Lost(object_key(sha256))
        return file

    def local_path(self, sha256: str, *, size: int) -> Path | None:
        """The file itself, where the store is a directory and it has that size."""
        key = object_key(sha256)
        path = self.blobs.local_path(key)
        return path if path is not None and self.blobs.size(key) == size else None

    def whole(self, infos: Collection[ObjectInfo]) -> set[str]:
        """The oids of those whose stored bytes are there and as many as they should be."""
        found = self._whole_as_they_are(infos)
        rest = {info.id: info.sha256 for info in infos if info.xet and info.sha256 not in found}
        if rest:
            with self.database.read() as session:
                stored = xet_files.xorb_sizes(session, rest)
            found |= {rest[each] for each in rest if self.xorbs.all_whole(stored[each])}
        return found

    def _whole_as_they_are(self, infos: Collection[ObjectInfo]) -> set[str]:
        with ThreadPoolExecutor(AT_ONCE, "objects") as pool:
            sizes = pool.map(lambda info: self.blobs.size(object_key(info.sha256)), infos)
        pairs = zip(infos, sizes, strict=True)
        return {info.sha256 for info, size in pairs if size == info.size}

    def url(
        self,
        sha256: str,
        *,
        seconds: int = LINK_SECONDS,
        headers: Mapping[str, str] | None = None,
        start: int = 0,
        length: int | None = None,
        plain: bool | None = None,
    ) -> str | None:
        """A link to the store itself, or None; what `BlobStore.url` says of headers and ranges.

        None for objects that are stored as chunks alone; `plain` spares asking the database.
        """
        if self.direct and not (self._is_plain(sha256) if plain is None else plain):
            return None
        return self.blobs.url(
            object_key(sha256), seconds=seconds, headers=headers, start=start, length=length
        )

    def _is_plain(self, sha256: str) -> bool:
        with self.database.read() as session:
            info = links.lookup(session, sha256)
        return info is None or info.plain

    def checked_url(
        self, sha256: str, *, size: int, headers: Mapping[str, str] | None = None
    ) -> str | None:
        """The same for who follows it at once; raises Lost if the store has not all of it."""
        if self.direct and self.blobs.size(object_key(sha256)) != size:
            self._as_chunks(sha256, size)
            return None
        return self.url(sha256, headers=headers, plain=True)

    def check_claim(self, claim: Claim) -> None:
        """Raise unless the user may bring objects into the repository as things are now."""
        with self.database.read() as session:
            authorize(session, claim)

    def store_received(self, received: Received, claim: Claim) -> ObjectInfo:
        """Keep a body that has arrived whole, and link it; the file is gone afterwards.

        Asks for permission once more. The caller has compared digest and size with the announced.
        """
        key = object_key(received.digest)
        faults.point("upload.received")
        try:
            if self.blobs.local_path(key) is not None or self.blobs.size(key) != received.size:
                self.blobs.adopt(key, received.path)
        finally:
            received.discard()
        faults.point("upload.adopted")
        info = self.keep(claim, received.digest, received.size)
        faults.point("upload.kept")
        return info

    def keep(self, claim: Claim, sha256: str, size: int) -> ObjectInfo:
        """Record and link verified bytes that lie under their key; asks for permission."""
        with self.database.write() as session:
            authorize(session, claim)
            object_id = links.record(session, sha256, size)
            faults.point("object.recorded")
            links.link(
                session,
                claim.repo_id,
                object_id,
                claim.user_id,
                pending=claim.pending,
                pending_limit=self.settings.pending_per_user,
            )
        if self.blobs.size(object_key(sha256)) is None and self._gone(object_id, sha256):
            raise Unavailable("The object was being removed; send it again.", retry_after=1)
        return ObjectInfo(object_id, sha256, size, claim.pending)

    def _gone(self, object_id: int, sha256: str) -> bool:
        """Forget an object that was collected just before it was recorded, unless somebody has
        brought it again since: under the row's lock, nobody else can record it meanwhile. What is
        stored as chunks too stays, without its plain form."""
        with self.database.write() as session:
            links.hold(session, object_id)
            if self.blobs.size(object_key(sha256)) is not None:
                return False
            links.forget_plain(session, object_id)
        return True

    def start_upload(self, wanted: Wanted) -> UploadInfo:
        """Begin an upload in parts, or go on with the user's unfinished one of the same bytes."""
        return self.start_uploads([wanted])[0]

    def start_uploads(self, wanted: Sequence[Wanted]) -> list[UploadInfo]:
        """The same for many: two transactions, and several requests to the store at a time."""
        with self.database.write() as session:
            found = [uploads.reusable(session, each) for each in wanted]
        fresh = [each for each, upload in zip(wanted, found, strict=True) if upload is None]
        if not fresh:
            return [upload for upload in found if upload]
        keys = [f"incoming/{secrets.token_hex(16)}" for _ in fresh]
        with ThreadPoolExecutor(AT_ONCE, "uploads") as pool:
            ids = list(pool.map(self._start_parts, keys, fresh))
        faults.point("parts.started")
        with self.database.write() as session:
            begun = iter(
                [
                    uploads.add(session, each, key, upload_id)
                    for each, key, upload_id in zip(fresh, keys, ids, strict=True)
                ]
            )
        return [upload or next(begun) for upload in found]

    def _start_parts(self, key: str, wanted: Wanted) -> str:
        return self.blobs.start_parts(key, part_size=wanted.part_size)

    def find_upload(self, token: str) -> UploadInfo:
        """Raises UploadEnded."""
        with self.database.read() as session:
            return uploads.find(session, token)

    def part_target(
        self, upload: UploadInfo, number: int, *, sha256: str | None = None
    ) -> UploadTarget | None:
        """Where the client PUTs a part at the store itself; None where it comes through the hub."""
        if not upload.direct:
            return None
        return self.blobs.part_url(
            upload.key,
            upload.store_upload_id,
            number,
            seconds=UPLOAD_SECONDS,
            size=upload.part_length(number),
            sha256=sha256,
        )

    def store_part(self, upload: UploadInfo, number: int, received: Received) -> StoredPart:
        """Keep a part that came through the hub; the file is gone afterwards.

        Raises UploadEnded, also when the upload is being completed.
        """
        try:
            with self.database.write() as session:
                authorize(session, upload.claim)
                uploads.expect_part(session, upload, number)
            faults.point("part.expected")
            stored = self.blobs.put_part(upload.key, upload.store_upload_id, number, received.path)
            part = StoredPart(number, stored.size, stored.etag, received.digest)
            faults.point("part.stored")
            with self.database.write() as session:
                uploads.keep_part(session, upload, part)
            faults.point("part.kept")
            self.prefixes.feed(upload.token, number, received.digest, received.path)
        finally:
            received.discard()
        return part

    def parts_of(self, upload: UploadInfo) -> list[int]:
        """Numbers of the parts that have arrived, whichever way."""
        if upload.direct:
            stored = self.blobs.list_parts(upload.key, upload.store_upload_id)
            return [part.number for part in stored]
        with self.database.read() as session:
            return [part.number for part in uploads.stored_parts(session, upload)]

    def finish_upload(self, token: str, *, seconds: float = 60) -> bool:
        """Verify an upload whose parts have arrived; False if that takes longer than `seconds`.

        Raises UploadEnded, PartsMissing, UploadFailed (other bytes than announced).
        """
        return self.verification.finish(token, seconds)

    def settle(
        self, repo_id: int, user_id: int | None, sha256s: Collection[str], *, seconds: float = 60
    ) -> None:
        """Before a commit names objects: verify what this user has sent and nobody looked at yet.

        Raises Unavailable if that takes longer; says nothing of objects that never arrived.
        """
        if user_id is None or not sha256s:
            return
        with self.database.read() as session:
            waiting = uploads.unsettled(session, repo_id, user_id, list(sha256s))
        for upload in waiting:
            with contextlib.suppress(*self.verification.NOT_THERE, UploadEnded):
                if not self.finish_upload(upload.token, seconds=seconds):
                    raise Unavailable(
                        "Large files of this commit are still being verified.", retry_after=10
                    )
