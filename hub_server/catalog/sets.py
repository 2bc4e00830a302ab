"""What a process remembers of sets of repositories: a cache of rows of `tag_bits`, never stale.

Before each question the clock is read in the transaction of the question, then rows that are newer
than what is remembered. So what was committed before is seen by the next question on every node,
and all sets of one question belong to one moment. Sets that were handed out are never changed.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.catalog import clock
from hub_server.catalog.bits import SHIFT, WHOLE
from hub_server.catalog.clock import Moment
from hub_server.catalog.rows import among, tag_ids
from hub_server.catalog.tagging import CLOSED, Pair
from hub_server.db.tables.catalog import TagBits, TagRow

LIMIT = 64 * 2**20
OVERHEAD = 300
"""Bytes that an entry takes beside its set."""
MANY_NEWS = 20_000
"""Rows that are newer, above which it is better to begin anew than to read them all."""
EMPTY = BitMap()
_COLUMNS = (TagBits.tag_id, TagBits.chunk, TagBits.version, TagBits.bits)


class _Row(NamedTuple):
    tag_id: int
    chunk: int
    version: int
    bits: bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    """`version` is that of the newest row in it, `size` in bytes."""

    bits: BitMap
    version: int
    size: int
    whole: bool


class TagSets:
    """The sets that were asked for last, at most `limit` bytes; safe to use from several threads.

    `_moment` is what all entries are up to. They are replaced under the lock, and computed and
    read outside.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._moment = clock.NEVER
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._bytes = 0
        self._words = _Words(0, {})

    def at(self, session: Session) -> "View":
        """The sets as this session's transaction sees them."""
        return View(self, session)

    def tagged(self, session: Session, kind: str, name: str) -> BitMap:
        """All repositories with a tag, hidden ones too. Do not change it in place."""
        return self.at(session).tagged([(kind, name)])

    @property
    def bytes(self) -> int:
        return self._bytes

    def load(self, session: Session, moment: Moment, ids: Collection[int]) -> dict[int, BitMap]:
        """The sets of these tags at that moment, which is the one of the session."""
        self._follow(session, moment)
        found, missing = self._held(moment, ids)
        if missing:
            read = _entries_of(_rows_of(session, missing))
            self._keep(moment, read)
            found |= {number: entry.bits for number, entry in read.items()}
        return found

    def _follow(self, session: Session, moment: Moment) -> None:
        """Bring what is remembered up to a moment, unless it is there or beyond."""
        with self._lock:
            mine = self._moment
            if mine.epoch != moment.epoch or not self._entries:
                if mine.epoch != moment.epoch or mine.version < moment.version:
                    self._forget(moment)
                return
        if mine.version >= moment.version:
            return
        news = _news(session, mine.version)
        with self._lock:
            held = {row.tag_id: self._entries.get(row.tag_id) for row in news}
        fresh = {
            number: _renewed(entry, rows)
            for number, rows in _by_tag(news).items()
            if (entry := held[number]) is not None
        }
        with self._lock:
            if self._moment != mine:
                return  # another thread was faster
            if len(news) > MANY_NEWS:
                self._forget(moment)
                return
            for number, before in held.items():
                after = fresh.get(number) if self._entries.get(number) is before else None
                self._put(number, after)
            self._moment = moment

    def _held(self, moment: Moment, ids: Iterable[int]) -> tuple[dict[int, BitMap], list[int]]:
        """What is remembered and did not change since the moment, and the ids of the rest."""
        found: dict[int, BitMap] = {}
        missing: list[int] = []
        with self._lock:
            usable = self._moment.epoch == moment.epoch and self._moment.version >= moment.version
            for number in ids:
                entry = self._entries.get(number) if usable else None
                if entry is None or entry.version > moment.version:
                    missing.append(number)
                else:
                    found[number] = entry.bits
                    self._entries.move_to_end(number)
        return found, missing

    def _keep(self, moment: Moment, read: Mapping[int, _Entry]) -> None:
        with self._lock:
            if self._moment != moment:
                return
            for number, entry in read.items():
                self._put(number, entry)
            while self._bytes > self.limit:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= gone.size

    def _put(self, number: int, entry: _Entry | None) -> None:
        former = self._entries.pop(number, None)
        self._bytes -= former.size if former else 0
        if entry is not None:
            self._entries[number] = entry
            self._bytes += entry.size

    def _forget(self, moment: Moment) -> None:
        if moment.epoch != self._moment.epoch:
            self._words = _Words(0, {})
        self._entries.clear()
        self._bytes = 0
        self._moment = moment

    def words(self, session: Session, moment: Moment) -> Mapping[str, Sequence[tuple[int, str]]]:
        """Ids and names of all tags of each closed type. Tags are only ever added."""
        with self._lock:
            known = self._words if self._moment.epoch == moment.epoch else _Words(0, {})
        newer = _newer_words(session, known)
        if newer is not known:
            with self._lock:
                if self._moment.epoch == moment.epoch and newer.newest > self._words.newest:
                    self._words = newer
        return newer.by_type


class _Words(NamedTuple):
    """`newest` is the highest id of a tag that was looked at."""

    newest: int
    by_type: Mapping[str, Sequence[tuple[int, str]]]


def _newer_words(session: Session, known: _Words) -> _Words:
    statement = select(TagRow.id, TagRow.type, TagRow.name).where(
        TagRow.id > known.newest, TagRow.type.in_(CLOSED)
    )
    rows = session.connection().execute(statement).all()
    if not rows:
        return known
    found = {kind: list(words) for kind, words in known.by_type.items()}
    for number, kind, name in rows:
        found.setdefault(kind, []).append((number, name))
    return _Words(max(row[0] for row in rows), found)


class View:
    """The sets at one moment. In a transaction that writes nothing is remembered: it may see what
    is never committed."""

    def __init__(self, sets: TagSets, session: Session) -> None:
        self.session = session
        self.moment = clock.moment(session)
        writes = session.connection().get_execution_options().get("writer")
        self.sets = TagSets() if writes else sets
        self._ids: dict[Pair, int | None] = {}

    def load(self, ids: Collection[int]) -> dict[int, BitMap]:
        """The sets of these tags, empty ones left out."""
        return self.sets.load(self.session, self.moment, ids) if ids else {}

    def ids(self, pairs: Collection[Pair]) -> dict[Pair, int]:
        """Of the tags that exist. What was asked for before costs no statement."""
        if unknown := [pair for pair in pairs if pair not in self._ids]:
            found = tag_ids(self.session, unknown)
            self._ids |= {pair: found.get(pair) for pair in unknown}
        known = ((pair, self._ids[pair]) for pair in pairs)
        return {pair: number for pair, number in known if number is not None}

    def tagged(self, pairs: Collection[Pair]) -> BitMap:
        """Who has any of these tags."""
        return union(self.load(list(self.ids(pairs).values())).values())

    def words(self) -> Mapping[str, Sequence[tuple[int, str]]]:
        """Ids and names of the tags of each closed type."""
        return self.sets.words(self.session, self.moment)


def union(sets: Iterable[BitMap]) -> BitMap:
    """A new set, or the only one there is."""
    several = [bits for bits in sets if bits]
    if len(several) == 1:
        return several[0]
    return BitMap.union(*several) if several else EMPTY


def read_sets(session: Session, ids: Collection[int]) -> dict[int, BitMap]:
    """Sets from their rows; nothing is remembered."""
    found = _entries_of(_rows_of(session, ids))
    return {number: entry.bits for number, entry in found.items()}


def _rows_of(session: Session, ids: Collection[int]) -> list[_Row]:
    statement = select(*_COLUMNS).where(among(session, TagBits.tag_id, ids))
    return [_Row(*row) for row in session.connection().execute(statement).all()]


def _news(session: Session, since: int) -> list[_Row]:
    statement = select(*_COLUMNS).where(TagBits.version > since).limit(MANY_NEWS + 1)
    return [_Row(*row) for row in session.connection().execute(statement).all()]


def _by_tag(rows: Iterable[_Row]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.tag_id].append(row)
    return found


def _entries_of(rows: Iterable[_Row]) -> dict[int, _Entry]:
    return {number: _entry(several) for number, several in _by_tag(rows).items()}


def _entry(rows: Sequence[_Row]) -> _Entry:
    bits = union(BitMap.deserialize(row.bits) for row in rows)
    size = OVERHEAD + sum(len(row.bits) for row in rows)
    return _Entry(bits, max(row.version for row in rows), size, rows[0].chunk == WHOLE)


def _renewed(entry: _Entry, rows: Sequence[_Row]) -> _Entry | None:
    """With newer rows in place of what they replace; None where all has to be read again."""
    if rows[0].chunk == WHOLE:
        return _entry(rows)
    if entry.whole:
        return None  # it has outgrown its one row
    bits = entry.bits.copy()
    for row in rows:
        bits.remove_range(row.chunk << SHIFT, (row.chunk + 1) << SHIFT)
        bits |= BitMap.deserialize(row.bits)
    version = max(row.version for row in rows)
    return _Entry(bits, version, OVERHEAD + len(bits.serialize()), whole=False)
