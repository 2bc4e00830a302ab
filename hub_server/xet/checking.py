"""What a shard says, held against what is stored and what its caller may build on.

Pure questions about rows and indexes; no bytes of files are read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hub_server.chunks import (
    HASH,
    BadShard,
    FileHash,
    Shard,
    ShardFile,
    ShardTerm,
    ShardXorb,
    XorbIndex,
    is_eligible,
    to_text,
)
from hub_server.errors import BadRequest, TooLarge
from hub_server.objects import HubParts, StoredXorb, Term
from hub_server.xet.tokens import Grant

MOST_KNOWN_CHUNKS = 16 * 1024**2
"""Of all xorbs that one shard names; their indexes are held in memory, 40 bytes a chunk."""
Ranges = tuple[tuple[int, int], ...]
Eligible = list[tuple[str, int, int]]


class XorbUnknown(BadRequest):
    """Nobody sent it, or somebody else did: the words do not tell which."""

    def __init__(self, xorb: bytes) -> None:
        super().__init__(
            "The xorb {hash} is not stored here for you; send it, then the shard again.",
            hash=to_text(xorb),
        )


class FileTooLarge(TooLarge):
    def __init__(self, size: int, most: int) -> None:
        super().__init__("The file has {size} bytes; this hub takes {most}.", size=size, most=most)


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file whose terms prove its hash; its sha256 is still a claim.

    `eligible` are chunks that clients may ask for: text hash, id of the xorb, number.
    """

    hash: str
    sha256: str
    size: int
    terms: Sequence[Term]
    eligible: Eligible


class Checker:
    """Checks a shard for one caller; xorbs are looked up as they come, in short units of work."""

    def __init__(self, hub: HubParts, grant: Grant) -> None:
        self._hub = hub
        self._grant = grant
        self._known: dict[bytes, tuple[StoredXorb, Ranges]] = {}
        self._chunks = 0
        self._flagged: dict[bytes, set[int]] = {}

    def check(self, shard: Shard) -> list[CheckedFile]:
        """Raises XorbUnknown, BadShard, FileTooLarge."""
        for xorb in shard.xorbs:
            self._check_xorb(xorb)
        return [self._check_file(file) for file in shard.files]

    def _check_xorb(self, said: ShardXorb) -> None:
        xorb, ranges = self._find(said.hash)
        if ranges != ((0, xorb.index.count),):
            raise XorbUnknown(said.hash)
        if not said.agrees(xorb.index):
            raise BadShard(
                "The shard lists other chunks of the xorb {hash} than it has.",
                hash=to_text(said.hash),
            )
        flagged = {number for number, chunk in enumerate(said.chunks) if chunk.eligible}
        self._flagged[said.hash] = flagged

    def _check_file(self, file: ShardFile) -> CheckedFile:
        name = to_text(file.hash)
        if file.sha256 is None:
            raise BadShard("The file {hash} of the shard has no sha256.", hash=name)
        if len(file.range_hashes) != len(file.terms):
            raise BadShard("The file {hash} of the shard has no verification.", hash=name)
        terms: list[Term] = []
        eligible: Eligible = []
        proof, size = FileHash(), 0
        for said, range_hash in zip(file.terms, file.range_hashes, strict=True):
            term = self._check_term(said, range_hash, name)
            index = term.xorb.index
            proof.add(index.hashes_of(term.first, term.end), index.lengths(term.first, term.end))
            eligible += self._eligible(term, said.xorb, opens=not terms)
            terms.append(term)
            size += said.unpacked
            if size > self._hub.settings.max_lfs_file:
                raise FileTooLarge(size, self._hub.settings.max_lfs_file)
        if proof.digest() != file.hash:
            raise BadShard("The terms of the file {hash} make another file.", hash=name)
        return CheckedFile(name, file.sha256, size, terms, eligible)

    def _check_term(self, said: ShardTerm, range_hash: bytes, file: str) -> Term:
        xorb, ranges = self._find(said.xorb)
        if not any(first <= said.start and said.end <= end for first, end in ranges):
            if ranges == ((0, xorb.index.count),):
                raise BadShard("A term of the file {hash} goes beyond its xorb.", hash=file)
            raise XorbUnknown(said.xorb)
        if xorb.index.unpacked_size(said.start, said.end) != said.unpacked:
            raise BadShard("A term of the file {hash} has another size than it says.", hash=file)
        if xorb.index.range_hash(said.start, said.end) != range_hash:
            raise BadShard("The verification of the file {hash} is wrong.", hash=file)
        return Term(xorb, said.start, said.end)

    def _eligible(self, term: Term, xorb: bytes, *, opens: bool) -> Eligible:
        numbers = {term.first} if opens else set()
        numbers |= {n for n in self._flagged.get(xorb, ()) if term.first <= n < term.end}
        numbers |= _eligible_numbers(term.xorb.index, term.first, term.end)
        at = term.xorb.index.hash_at
        return [(to_text(at(number)), term.xorb.id, number) for number in sorted(numbers)]

    def _find(self, xorb: bytes) -> tuple[StoredXorb, Ranges]:
        """Raises XorbUnknown also where the caller may use nothing of it."""
        if xorb in self._known:
            return self._known[xorb]
        name = to_text(xorb)
        with self._hub.database.read() as session:
            usable = self._hub.objects.xorbs.usable(session, self._grant.caller, [name])
            stored = self._hub.objects.xorbs.find(session, usable.keys())
        if name not in stored or not usable[name]:
            raise XorbUnknown(xorb)
        self._chunks += stored[name].index.count
        if self._chunks > MOST_KNOWN_CHUNKS:
            raise BadShard("The shard names too many xorbs; send several shards.")
        self._known[xorb] = stored[name], usable[name]
        return self._known[xorb]


def _eligible_numbers(index: XorbIndex, first: int, end: int) -> set[int]:
    """Those whose hash makes them so, found without looking at each chunk."""
    lasts = index.hashes[24::HASH]
    found: set[int] = set()
    at = lasts.find(0, first, end)
    while at >= 0:
        if is_eligible(index.hash_at(at)):
            found.add(at)
        at = lasts.find(0, at + 1, end)
    return found
