"""What the catalog keeps of a revision, computed from its card and files. Knows no SQL."""

import hashlib
import re
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import structlog

from hub_server.cards import (
    NO_WEIGHTS,
    IndexRecord,
    Weights,
    has_query_file,
    index_record,
    wanted_files,
)
from hub_server.contents.snapshots import README, Snapshot, shown
from hub_server.contents.weights import weights_of
from hub_server.db.tables.repos import Kind
from hub_server.errors import HubError

log = structlog.get_logger("hub.contents")

MOST_FILES = 1000
"""So many paths tell what a repository is; the next hundred thousand say the same."""
MOST_SIZES = 200
SMALL = 2_000_000
FOLDERS = (b"40000", b"040000")
SUBMODULE = b"160000"
UNCOUNTED = frozenset({README, ".gitattributes"})
_DIGITS = re.compile(r"\d+")


def record_of(snapshot: Snapshot, kind: Kind, region: str) -> IndexRecord:
    """Everything the catalog needs to know of this revision.

    A commit that only adds another numbered file beside its likes costs no more than a look.
    """
    files = list(some_files(snapshot))
    wanted = wanted_files(kind, snapshot.card(), files)
    weights = weights_of(snapshot, files) if kind == "model" else NO_WEIGHTS
    key = kind, region, wanted, _evidence(snapshot, wanted, files, weights)
    record = snapshot.memory.records.get(key)
    if record is None:
        contents = {name: data for name in wanted if (data := _small_file(snapshot, name))}
        record = index_record(
            kind, snapshot.card(), files, contents, region=region, weights=weights
        )
        snapshot.memory.records.put(key, record)
    if kind != "model" or has_query_file(record.library_name, files):
        return record
    return replace(record, counted_file=_largest(snapshot, files))


def _largest(snapshot: Snapshot, files: Sequence[str]) -> str | None:
    """Of the first few files, where there is one beside the card."""
    some = islice((path for path in files if path not in UNCOUNTED), MOST_SIZES)
    return max(some, key=snapshot.size, default=None)


def _small_file(snapshot: Snapshot, path: str) -> bytes | None:
    """Also of a small file that is stored as a large one; None for what is none, or not at hand."""
    if snapshot.size(path) > SMALL:
        return None
    try:
        return snapshot.part(path, 0, SMALL)
    except HubError as failure:
        log.warning("file not read", repo=snapshot.repo_id, path=path, reason=str(failure))
        return None


def record_or_none(snapshot: Snapshot, kind: Kind, region: str) -> IndexRecord | None:
    """The same where a card that cannot be read must not stop anybody: a job will try again."""
    try:
        return record_of(snapshot, kind, region)
    except (HubError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        log.exception("card not read", repo=snapshot.repo_id, commit=snapshot.commit)
        return None


def some_files(snapshot: Snapshot, limit: int = MOST_FILES) -> Iterator[str]:
    """Paths of files, the upper folders first, at most `limit`."""
    waiting: deque[tuple[bytes, str]] = deque([(b"", snapshot.tree)])
    left = limit
    while waiting and left > 0:
        prefix, tree = waiting.popleft()
        for name, mode, tree_id in _first_entries(snapshot.objects.read(tree)[1], limit):
            if mode in FOLDERS:
                waiting.append((prefix + name + b"/", tree_id))
            elif left > 0 and mode != SUBMODULE:
                left -= 1
                yield shown(prefix + name)


def _first_entries(data: bytes, limit: int) -> Iterator[tuple[bytes, bytes, str]]:
    """Name, mode and id of the first entries: a flat folder of 100,000 need not be parsed."""
    at = 0
    for _ in range(limit):
        if at >= len(data):
            return
        space = data.index(b" ", at)
        null = data.index(b"\0", space)
        end = null + 21
        yield data[space + 1 : null], data[at:space], data[null + 1 : end].hex()
        at = end


def _evidence(
    snapshot: Snapshot, wanted: Sequence[str], files: Sequence[str], weights: Weights
) -> Hashable:
    """What a record depends on: contents that are read, and names but for their numbers."""
    entries = (snapshot.entry(name) for name in (README, *wanted))
    ids = tuple(entry.id if entry else "" for entry in entries)
    names = sorted({_DIGITS.sub("0", path) for path in files})
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape"))
    return ids, digest.hexdigest(), repr(weights)
