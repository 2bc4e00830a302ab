"""Packs and their indexes on disk, read by many threads at once.

A `Pack` is one open file pair; a `PackSet` reads objects out of many of them and costs next to
nothing to make, so that every request has its own. Knows files and bytes; not refs, not SQL.
"""

from __future__ import annotations

import mmap
import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from hub_server.git.deltas import BaseCache, apply_delta, inflate, result_size
from hub_server.git.errors import BadPack, ObjectMissing, ObjectTooLarge
from hub_server.git.packfiles import write_index, write_pack
from hub_server.git.types import Kind, NewObject, ObjectId

__all__ = ["OBJECT_LIMIT", "Pack", "PackEntry", "PackSet", "write_index", "write_pack"]

OBJECT_LIMIT = 100_000_000
CHAIN_LIMIT = 4096

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7
KINDS: dict[int, Kind] = {COMMIT: "commit", TREE: "tree", BLOB: "blob", TAG: "tag"}
NUMBERS: dict[Kind, int] = {kind: number for number, kind in KINDS.items()}

_NOTHING: Mapping[ObjectId, NewObject] = MappingProxyType({})
_IN_MEMORY = 65_536  # below this, a copy in memory is cheaper than a mapping and its descriptor
_IDS = 8 + 4 * 256  # where the ids begin in an index of version 2
_TRAILER = 20
_SERIALS = count()  # caches trust neither the name of a pack nor the checksum at its end
_FAR = 0x8000_0000  # marks an offset that stands in the table of 64-bit offsets


class PackEntry(NamedTuple):
    """The head of one object in a pack.

    `size` is that of the inflated bytes at `start` (of the delta, where it is one); `base` is the
    offset of an OFS_DELTA's base, the raw id of a REF_DELTA's, else None.
    """

    number: int
    size: int
    start: int
    base: int | bytes | None


class Pack:
    """One open .pack with its .idx (version 2).

    Reads may come from any thread. `close` is for whoever knows that nobody reads; otherwise
    dropping the last reference releases the files.
    """

    def __init__(self, pack_path: Path, idx_path: Path) -> None:
        self.pack_path = pack_path
        self.idx_path = idx_path
        self.name = pack_path.stem.removeprefix("pack-")
        self.serial = next(_SERIALS)
        self.data = _load(pack_path)
        self._index = _load(idx_path)
        self.size = len(self.data)
        self.fanout = self._read_fanout()
        self.count = self.fanout[-1]
        self._crcs = _IDS + 20 * self.count
        self._offsets = self._crcs + 4 * self.count
        self._far_offsets = self._offsets + 4 * self.count
        self._sorted: array[int] | None = None
        self.doubted = False
        self._check()

    @classmethod
    def open(cls, pack_path: Path, idx_path: Path) -> Pack:
        """Raises BadPack when the two files are not a pack and its index, FileNotFoundError."""
        return cls(pack_path, idx_path)

    def close(self) -> None:
        for file in (self.data, self._index):
            if isinstance(file, mmap.mmap):
                file.close()

    @property
    def is_whole(self) -> bool:
        """False if somebody has cut the files short, as to read what is gone would end the process;
        and if something in it could not be read, or nobody trusts it for another reason."""
        return not self.doubted and all(
            file.size() >= len(file)
            for file in (self.data, self._index)
            if isinstance(file, mmap.mmap)
        )

    @property
    def index(self) -> bytes | mmap.mmap:
        """The index as it stands in its file."""
        return self._index

    def find(self, raw: bytes) -> int | None:
        """The offset of the object with this id of 20 bytes."""
        at = self.position(raw)
        return None if at is None else self.offset_at(at)

    def position(self, raw: bytes) -> int | None:
        """The place of this id among the sorted ids."""
        index = self._index
        first = raw[0]
        low, high = self.fanout[first], self.fanout[first + 1]
        while low < high:
            middle = (low + high) >> 1
            at = _IDS + 20 * middle
            here = index[at : at + 20]
            if here < raw:
                low = middle + 1
            elif here == raw:
                return middle
            else:
                high = middle
        return None

    def id_at(self, position: int) -> bytes:
        at = _IDS + 20 * position
        return self._index[at : at + 20]

    def crc_at(self, position: int) -> int:
        """CRC32 of the entry's bytes as they stand in the pack, head included."""
        return _number(self._index, self._crcs + 4 * position)

    def offset_at(self, position: int) -> int:
        offset = _number(self._index, self._offsets + 4 * position)
        if offset < _FAR:
            return offset
        at = self._far_offsets + 8 * (offset - _FAR)
        return int.from_bytes(self._index[at : at + 8], "big")

    def ids(self) -> Iterator[tuple[bytes, int]]:
        """Every raw id with its offset, in the order of ids."""
        index = self._index
        for position, offset in enumerate(self.offsets()):
            at = _IDS + 20 * position
            yield index[at : at + 20], offset

    def sorted_ids(self) -> bytes:
        """Every raw id in the order of ids, 20 bytes each."""
        return bytes(self._index[_IDS : self._crcs])

    def ids_between(self, low: bytes, high: bytes) -> Iterator[bytes]:
        """The raw ids from `low` to `high`, both included."""
        places = range(self.count)
        first = bisect_left(places, low, key=self.id_at)
        last = bisect_right(places, high, lo=first, key=self.id_at)
        return map(self.id_at, range(first, last))

    def sorted_offsets(self) -> array[int]:
        """All offsets in the order of the file, then where the last entry ends."""
        if self._sorted is None:
            self._sorted = array("Q", [*sorted(self.offsets()), self.size - _TRAILER])
        return self._sorted

    def offsets(self) -> Sequence[int]:
        """All offsets in the order of ids; read at once, far faster than one by one."""
        near = array("I", self._index[self._offsets : self._offsets + 4 * self.count])
        if sys.byteorder == "little":
            near.byteswap()
        if max(near, default=0) < _FAR:
            return near
        return [self.offset_at(position) for position in range(self.count)]

    def end_of(self, offset: int) -> int:
        """Where the entry that begins at `offset` ends."""
        offsets = self.sorted_offsets()
        return offsets[bisect_right(offsets, offset)]

    def entry(self, offset: int) -> PackEntry:
        """The head of the entry at `offset`; nothing is inflated."""
        head = self.data[offset : offset + 48]
        try:
            return _parse_entry(head, offset)
        except IndexError:
            raise BadPack("The pack {name} ends inside an object", name=self.name) from None

    def inflate(self, entry: PackEntry) -> bytes:
        try:
            return inflate(self.data, entry.start, entry.size)
        except BadPack:
            self.doubted = True
            raise

    def _read_fanout(self) -> tuple[int, ...]:
        if len(self._index) < _IDS + 2 * _TRAILER or self._index[:8] != b"\xfftOc\0\0\0\2":
            raise BadPack("{name} has no index of version 2", name=self.name)
        return (0, *struct.unpack(">256I", self._index[8:_IDS]))

    def _check(self) -> None:
        fanout, index = self.fanout, self._index
        sizes = len(index) - self._far_offsets - 2 * _TRAILER
        if any(map(int.__gt__, fanout, fanout[1:])) or sizes < 0 or sizes % 8:
            raise BadPack("The index of pack {name} is damaged", name=self.name)
        if self.data[:4] != b"PACK" or _number(self.data, 8) != self.count:
            raise BadPack("The pack {name} is damaged", name=self.name)
        if self.data[-_TRAILER:] != index[-2 * _TRAILER : -_TRAILER]:
            raise BadPack("The index of pack {name} belongs to another pack", name=self.name)


class PackSet:
    """ObjectReader over packs and over objects that are not stored yet.

    No object above `limit` bytes is ever held in memory, whatever a delta asks for. Give several
    sets the same `cache` to let them share inflated delta bases.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        extra: Mapping[ObjectId, NewObject] = _NOTHING,
        *,
        limit: int = OBJECT_LIMIT,
        cache: BaseCache | None = None,
    ) -> None:
        self.packs = tuple(packs)
        self.extra = extra
        self.limit = limit
        self.cache = BaseCache() if cache is None else cache
        self._fans = [(pack.fanout, pack) for pack in self.packs]
        self._recent = self.packs[0] if self.packs else None

    def with_extra(self, extra: Mapping[ObjectId, NewObject]) -> PackSet:
        """The same packs and cache, reading `extra` too."""
        return PackSet(self.packs, {**self.extra, **extra}, limit=self.limit, cache=self.cache)

    def with_packs(self, packs: Sequence[Pack]) -> PackSet:
        """These packs before the known ones."""
        return PackSet((*packs, *self.packs), self.extra, limit=self.limit, cache=self.cache)

    def __contains__(self, object_id: object) -> bool:
        if not isinstance(object_id, str):
            return False
        return object_id in self.extra or self.locate(_raw(object_id)) is not None

    def locate(self, raw: bytes) -> tuple[Pack, int] | None:
        """Which pack holds this id of 20 bytes, and where; the pack hit last is asked first."""
        recent = self._recent
        if recent is None or len(raw) != len(_NO_ID):
            return None
        offset = recent.find(raw)
        if offset is not None:
            return recent, offset
        first = raw[0]
        after = first + 1
        for fanout, pack in self._fans:
            if fanout[first] != fanout[after] and (offset := pack.find(raw)) is not None:
                self._recent = pack
                return pack, offset
        return None

    def read(self, object_id: ObjectId) -> tuple[Kind, bytes]:
        """Kind and content; raises ObjectMissing, ObjectTooLarge or BadPack."""
        new = self.extra.get(object_id)
        if new is not None:
            return new.kind, new.data
        number, data = self.load(*self._located(object_id))
        return KINDS[number], data

    def kind(self, object_id: ObjectId) -> Kind:
        """The kind alone; follows the heads of a delta chain and inflates nothing."""
        new = self.extra.get(object_id)
        if new is not None:
            return new.kind
        pack, offset = self._located(object_id)
        for _ in range(CHAIN_LIMIT):
            entry = pack.entry(offset)
            if entry.base is None:
                return KINDS[entry.number]
            place = self._base(pack, entry)
            if isinstance(place, NewObject):
                return place.kind
            pack, offset = place
        raise BadPack("A delta chain in pack {name} is too long", name=pack.name)

    def size(self, object_id: ObjectId) -> int:
        """Bytes of the content; inflates at most the first bytes of a delta."""
        new = self.extra.get(object_id)
        if new is not None:
            return len(new.data)
        pack, offset = self._located(object_id)
        entry = pack.entry(offset)
        return entry.size if entry.base is None else result_size(pack.data, entry.start)

    def read_prefix(self, prefix: str) -> list[ObjectId]:
        """All ids that begin with these hex digits, sorted; none when they are not hex digits."""
        prefix = prefix.lower()
        low, high = _raw(prefix.ljust(40, "0")), _raw(prefix.ljust(40, "f"))
        if len(low) != len(_NO_ID) or len(high) != len(_NO_ID):
            return []
        found = {raw.hex() for pack in self.packs for raw in pack.ids_between(low, high)}
        found.update(known for known in self.extra if known.startswith(prefix))
        return sorted(found)

    def load(self, pack: Pack, offset: int) -> tuple[int, bytes]:
        """Number of the kind and content of the object at `offset`, deltas resolved."""
        cache = self.cache
        chain: list[tuple[Pack, int, PackEntry]] = []
        while (known := cache.get((pack.serial, offset))) is None:
            entry = pack.entry(offset)
            if entry.size > self.limit:
                raise ObjectTooLarge(entry.size, self.limit)
            if entry.base is None:
                known = entry.number, pack.inflate(entry)
                if chain:
                    cache.put((pack.serial, offset), *known)
                break
            if len(chain) >= CHAIN_LIMIT:
                raise BadPack("A delta chain in pack {name} is too long", name=pack.name)
            chain.append((pack, offset, entry))
            place = self._base(pack, entry)
            if isinstance(place, NewObject):
                known = NUMBERS[place.kind], place.data
                break
            pack, offset = place
        return self._unwind(chain, *known)

    def _unwind(
        self, chain: list[tuple[Pack, int, PackEntry]], number: int, data: bytes
    ) -> tuple[int, bytes]:
        for pack, offset, entry in reversed(chain):
            data = apply_delta(data, pack.inflate(entry), self.limit)
            self.cache.put((pack.serial, offset), number, data)
        return number, data

    def _base(self, pack: Pack, entry: PackEntry) -> tuple[Pack, int] | NewObject:
        if isinstance(entry.base, int):
            return pack, entry.base
        raw = entry.base or b""
        offset = pack.find(raw)
        if offset is not None:
            return pack, offset
        new = self.extra.get(raw.hex())
        return new if new is not None else self._located(raw.hex())

    def _located(self, object_id: ObjectId) -> tuple[Pack, int]:
        place = self.locate(_raw(object_id))
        if place is None:
            raise ObjectMissing(object_id)
        return place


_NO_ID = bytes(20)


def _raw(object_id: str) -> bytes:
    """The 20 bytes of an id; none for what is no id, which no pack then holds."""
    try:
        return bytes.fromhex(object_id)
    except ValueError:
        return b""


def _load(path: Path) -> bytes | mmap.mmap:
    with path.open("rb") as file:
        head = file.read(_IN_MEMORY)
        if len(head) < _IN_MEMORY:
            return head
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _number(data: bytes | mmap.mmap, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _parse_entry(head: bytes, offset: int) -> PackEntry:
    byte = head[0]
    number, size, shift, at = byte >> 4 & 7, byte & 15, 4, 1
    while byte & 0x80:
        byte = head[at]
        size |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    if number in KINDS:
        return PackEntry(number, size, offset + at, None)
    if number == REF_DELTA:
        return PackEntry(number, size, offset + at + 20, head[at : at + 20])
    if number != OFS_DELTA:
        raise BadPack("The pack holds an entry of the unknown type {number}", number=number)
    byte = head[at]
    at += 1
    distance = byte & 0x7F
    while byte & 0x80:
        byte = head[at]
        at += 1
        distance = (distance + 1) << 7 | byte & 0x7F
    if not 0 < distance < offset:
        raise BadPack("The pack holds a delta whose base lies outside it")
    return PackEntry(number, size, offset + at, offset - distance)
