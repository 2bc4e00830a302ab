"""Shards: the files they make out of xorbs, believed only when their bytes have been hashed.

Nothing is recorded before all files of a shard have been found right. No connection is held while
bytes are read, and whoever waits for the end can see how far it is.
"""

import hashlib
import io
import threading
from collections.abc import Collection, Iterator, Sequence

from hub_server.blobs import Received
from hub_server.chunks import BadShard, Shard, read_shard
from hub_server.errors import Unavailable
from hub_server.objects import HubParts, ObjectInfo, PlacedTerm, Term, TooManyPending
from hub_server.xet.checking import CheckedFile, Checker
from hub_server.xet.tokens import Grant, still

PIECE = 1024**2
TURN = 512 * PIECE
Known = dict[str, ObjectInfo]
"""By sha256."""


class Abandoned(Unavailable):
    """The client went away before its files were verified."""

    def __init__(self) -> None:
        super().__init__("The client has gone; it may send the shard again.")


class Registration:
    """One shard on its way. `verified` of `total` bytes have been hashed; read from any thread."""

    def __init__(self, hub: HubParts, grant: Grant, body: Received) -> None:
        self.verified = 0
        self.total = 0
        self.new = False
        self._hub = hub
        self._grant = grant
        self._body = body
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Nobody waits any more."""
        self._stopped.set()

    def run(self) -> bool:
        """Check, verify, record; whether anything was new to the repository. The body is gone then.

        Raises BadShard, XorbUnknown, FileTooLarge, TooManyPending, Abandoned, and what permission
        says.
        """
        for _ in self.steps():
            pass
        return self.new

    def steps(self) -> Iterator[None]:
        """The same in turns of a second at most, so that large files leave room for small ones;
        `new` is the result. No turn begins where the one before raised."""
        files = self._checked(read_shard(self._bytes()))
        linked, readable = self._known(files)
        new = [file for file in files if not _is_done(linked.get(file.sha256), file)]
        self._count_pending({file.sha256 for file in new} - linked.keys())
        doubtful = [file for file in new if not _is_proven(readable.get(file.sha256), file)]
        self.total = sum(file.size for file in doubtful)
        for file in doubtful:
            yield from self._verify(file)
        still(self._hub, self._grant)
        for file in new:
            self._record(file)
            yield
        self.new = bool(new)

    def _bytes(self) -> bytes:
        try:
            return self._body.path.read_bytes()
        finally:
            self._body.discard()

    def _checked(self, shard: Shard) -> list[CheckedFile]:
        """Each file once, however often the shard has it."""
        checked = Checker(self._hub, self._grant).check(shard)
        return list({(file.sha256, file.hash): file for file in checked}.values())

    def _known(self, files: Sequence[CheckedFile]) -> tuple[Known, Known]:
        """What the repository has of them, and with it what the caller could read anyway.

        Of what strangers sent nothing is known: it is verified as if it were new.
        """
        oids = {file.sha256 for file in files}
        claim, objects = self._grant.claim, self._hub.objects
        with self._hub.database.read() as session:
            linked = objects.is_linked(session, claim.repo_id, oids, user_id=claim.user_id)
            rest = oids - linked.keys()
            elsewhere = objects.provable(session, self._grant.caller, rest) if rest else {}
        return linked, elsewhere | linked

    def _count_pending(self, more: Collection[str]) -> None:
        claim, limit = self._grant.claim, self._hub.settings.pending_per_user
        if not claim.pending or claim.user_id is None or not more:
            return
        with self._hub.database.read() as session:
            have = self._hub.objects.count_pending(session, claim.user_id)
        if have + len(more) > limit:
            raise TooManyPending(limit)

    def _verify(self, file: CheckedFile) -> Iterator[None]:
        """Put the file together and hash it, at the speed of the disk or of sha256."""
        digest = hashlib.sha256()
        turn = self.verified + TURN
        with self._hub.objects.xet_files.read(_placed(file.terms), 0, file.size) as reader:
            while piece := reader.read(PIECE):
                if self._stopped.is_set():
                    raise Abandoned
                digest.update(piece)
                self.verified += len(piece)
                if self.verified >= turn:
                    turn += TURN
                    yield
        if digest.hexdigest() != file.sha256:
            raise BadShard(
                "The file {hash} has the sha256 {found}, not {said}.",
                hash=file.hash,
                found=digest.hexdigest(),
                said=file.sha256,
            )

    def _record(self, file: CheckedFile) -> None:
        claim, objects = self._grant.claim, self._hub.objects
        if file.terms:
            objects.xet_files.record(claim, file.sha256, file.hash, file.terms, file.eligible)
        else:  # clients fetch no chunks of nothing
            nothing = self._hub.incoming.receive(io.BytesIO(), limit=0)
            objects.store_received(nothing, claim)


def _is_done(info: ObjectInfo | None, file: CheckedFile) -> bool:
    return info is not None and not info.pending and info.xet == file.hash


def _is_proven(info: ObjectInfo | None, file: CheckedFile) -> bool:
    """Its chunks have been hashed to this sha256 before."""
    return info is not None and info.xet == file.hash


def _placed(terms: Sequence[Term]) -> list[PlacedTerm]:
    placed, offset = [], 0
    for term in terms:
        length = term.xorb.index.unpacked_size(term.first, term.end)
        placed.append(PlacedTerm(term.xorb, term.first, term.end, offset, length))
        offset += length
    return placed
