"""Uploads in parts: joined, read back, hashed, copied to their name, linked.

What a store says about checksums is never taken as proof. Once the parts are joined, no link that
a client holds can change the object, so what is hashed is what is copied.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import structlog

from hub_server import faults
from hub_server.blobs import BlobMissing, DigestMismatch, Part, PartsMissing, SizeMismatch
from hub_server.errors import BadRequest, HubError, Unavailable
from hub_server.jobs import enqueue
from hub_server.objects import uploads
from hub_server.objects.hashing import hash_rest
from hub_server.objects.links import object_key
from hub_server.objects.uploads import UploadInfo

if TYPE_CHECKING:
    from hub_server.objects.store import Objects

log = structlog.get_logger("hub.objects")

JOB = "objects.verify"
INLINE = 256 * 10**6
"""Up to so many bytes are verified by the request that asks; larger ones by a job."""
LOOK_SECONDS = 0.25
RENEW_SECONDS = uploads.LEASE.total_seconds() / 4


class UploadFailed(BadRequest):
    """The upload has ended without an object; the client starts again."""


class Verification:
    NOT_THERE: ClassVar = (PartsMissing, BlobMissing, UploadFailed)

    def __init__(self, objects: "Objects") -> None:
        self._objects = objects
        self._database = objects.database
        self._blobs = objects.blobs

    def finish(self, token: str, seconds: float) -> bool:
        """See `Objects.finish_upload`. Takes over from a process that died at it."""
        deadline = time.monotonic() + seconds
        while True:
            upload = self._objects.find_upload(token)
            if upload.state == "done":
                return True
            if upload.state == "failed":
                raise UploadFailed(upload.error or "The upload has failed.")
            if self._claim(upload):
                self._verified(upload, inline=upload.size <= INLINE)
                continue
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_SECONDS)

    def run(self, token: str) -> None:
        """The job: verify now, unless it is done; Unavailable while somebody else is at it."""
        upload = self._objects.find_upload(token)
        if upload.state in ("done", "failed"):
            return
        if not self._claim(upload, queued=True):
            raise Unavailable("Another process verifies this upload.")
        self._verified(upload, inline=True)

    def _claim(self, upload: UploadInfo, *, queued: bool = False) -> bool:
        with self._database.write() as session:
            return uploads.begin_verifying(session, upload, queued=queued)

    def _verified(self, upload: UploadInfo, *, inline: bool) -> None:
        """Never leaves the upload `verifying`: done, failed for good, or open for another try."""
        faults.point("completion.claimed")
        with self._held(upload):
            try:
                self._join(upload)
                faults.point("completion.joined")
                if inline:
                    self._verify(upload)
                    self._end(upload, "done")
                    return
            except (DigestMismatch, SizeMismatch) as failure:
                self._end(upload, "failed", str(failure))
                raise UploadFailed(str(failure)) from failure
            except HubError as failure:
                if _for_good(failure):  # the repository or the account is gone
                    self._end(upload, "failed", str(failure))
                else:
                    joined = not isinstance(failure, PartsMissing)  # or it may be, nobody knows
                    self._reopen(upload, joined=joined, queued=False)
                raise
        self._reopen(upload, joined=True, queued=True)

    @contextlib.contextmanager
    def _held(self, upload: UploadInfo) -> Iterator[None]:
        """Renew the lease until the block ends; one of a process that dies ends by itself."""
        over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(upload, over), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()

    def _keep(self, upload: UploadInfo, over: threading.Event) -> None:
        while not over.wait(RENEW_SECONDS):
            try:
                with self._database.write() as session:
                    uploads.hold(session, upload)
            except HubError as failure:
                log.warning("lease not renewed", upload=upload.id, error=str(failure))

    def _end(self, upload: UploadInfo, state: uploads.State, error: str | None = None) -> None:
        with self._database.write() as session:
            uploads.end(session, upload, state, error)
        faults.point("completion.ended")
        self._blobs.abort_parts(upload.key, upload.store_upload_id)
        self._blobs.delete(upload.key)

    def _reopen(self, upload: UploadInfo, *, joined: bool, queued: bool) -> None:
        with self._database.write() as session:
            uploads.reopen(session, upload, joined=joined, queued=queued)
            if queued:
                enqueue(session, JOB, {"token": upload.token}, key=upload.token, max_attempts=6)

    def _join(self, upload: UploadInfo) -> None:
        """Complete the parts, unless an earlier try has. Raises PartsMissing."""
        if self._blobs.size(upload.key) is not None:
            return
        if upload.direct:
            parts = list(self._blobs.list_parts(upload.key, upload.store_upload_id))
        else:
            with self._database.read() as session:
                stored = uploads.stored_parts(session, upload)
            parts = [Part(each.number, each.size, each.etag) for each in stored]
        sizes = {part.number: part.size for part in parts}
        for number in range(1, upload.count + 1):
            if sizes.get(number) != upload.part_length(number):
                raise PartsMissing(f"part {number} of {upload.count} has not arrived whole")
        self._blobs.complete_parts(upload.key, upload.store_upload_id, parts)

    def _verify(self, upload: UploadInfo) -> None:
        with self._database.read() as session:
            stored = uploads.stored_parts(session, upload)
        known, count = self._objects.prefixes.take(upload.token, [part.sha256 for part in stored])
        start = min(count * upload.part_size, upload.size)
        digest, size = hash_rest(self._blobs, upload.key, known, start)
        if size != upload.size:
            raise SizeMismatch(upload.size, size)
        if digest != upload.sha256:
            raise DigestMismatch(upload.sha256, digest)
        faults.point("verification.hashed")
        key = object_key(upload.sha256)
        if self._blobs.size(key) != size:
            self._blobs.copy(upload.key, key)
        faults.point("verification.copied")
        self._objects.keep(upload.claim, upload.sha256, size)
        faults.point("verification.kept")


def _for_good(failure: HubError) -> bool:
    """Whether another try could not help; parts that lack may still come."""
    return failure.status < 500 and not isinstance(failure, PartsMissing)  # noqa: PLR2004
