"""Packs for fetches without a git program: compressed objects are copied as they are stored.

Deltas are kept where their base is sent too (or, in a thin pack, where the client has it); only
the other deltas are resolved and compressed anew.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Container
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from hub_server.git.listing import Listing, RawId
from hub_server.git.packfiles import entry_head
from hub_server.git.packs import KINDS, OFS_DELTA, REF_DELTA, Pack, PackEntry, PackSet

_PIECE = 1 << 18
_LEVEL = 1
"""zlib level for resolved deltas: the answer is read once, the client compresses again anyway."""

_ids_by_offset: WeakKeyDictionary[Pack, dict[int, RawId]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class PackStyle:
    """What the client understands: deltas by offset, deltas on objects it has.

    `whole`: a pack that holds just what is asked for may be copied at once.
    """

    ofs_delta: bool = True
    thin: bool = False
    whole: bool = True


def write_native(
    objects: PackSet, listing: Listing, style: PackStyle, out: Callable[[bytes], object]
) -> int:
    """Send the listed objects as one pack; the number of objects. Raises ObjectMissing."""
    return Copier(objects, listing, style, out).run()


class Copier:
    """One pack in the making; `offsets` says afterwards where each object begins."""

    def __init__(
        self,
        objects: PackSet,
        listing: Listing,
        style: PackStyle,
        out: Callable[[bytes], object],
    ) -> None:
        self.objects = objects
        self.ids = listing.ids
        self.style = style
        self.bases: Container[RawId] = listing.known if style.thin else ()
        self._out = out
        self._places: dict[RawId, tuple[Pack, int]] = {}
        self.offsets: dict[RawId, int] = {}
        self._digest = hashlib.sha1(usedforsecurity=False)
        self._pieces: list[bytes] = []
        self._held = 0
        self._sent = 0

    def run(self) -> int:
        self._locate()
        self._put(b"PACK" + struct.pack(">II", 2, len(self.ids)))
        whole = self._whole_pack()
        if whole is not None:
            self._copy(whole, 12, whole.size - 20)
        else:
            for raw in self.ids:
                self._send_after_base(raw)
        self._flush()
        self._out(self._digest.digest())
        return len(self.ids)

    def _locate(self) -> None:
        locate, extra = self.objects.locate, self.objects.extra
        for raw in self.ids:
            place = locate(raw)
            if place is not None:
                self._places[raw] = place
            elif raw.hex() not in extra:
                self.objects.read(raw.hex())  # raises ObjectMissing in its own words

    def _whole_pack(self) -> Pack | None:
        """The pack that holds just what is asked for, if there is one that the client can read."""
        packs = {pack.name: pack for pack, _ in self._places.values()}
        if len(packs) != 1 or not (self.style.ofs_delta and self.style.whole):
            return None
        pack = next(iter(packs.values()))
        return pack if pack.count == len(self.ids) == len(self._places) else None

    def _send_after_base(self, raw: RawId) -> None:
        """Send an object once its delta base was sent; whole where two bases wait for each other.

        Such a ring exists only across packs: each holds the other's object as a delta.
        """
        waiting: dict[RawId, None] = {raw: None}
        while waiting:
            raw = next(reversed(waiting))
            base = None if raw in self.offsets else self._base_of(raw)
            if base is not None and base in self.ids and base not in self.offsets:
                if base not in waiting:
                    waiting[base] = None
                    continue
                base = None
            if raw not in self.offsets:
                self._send(raw, base)
            del waiting[raw]

    def _base_of(self, raw: RawId) -> RawId | None:
        """The delta base to keep, None where the object is to be sent whole."""
        place = self._places.get(raw)
        if place is None:
            return None
        pack, offset = place
        base = pack.entry(offset).base
        if base is None:
            return None
        base_id = base if isinstance(base, bytes) else _ids(pack)[base]
        return base_id if base_id in self.ids or base_id in self.bases else None

    def _send(self, raw: RawId, base: RawId | None) -> None:
        place = self._places.get(raw)
        self.offsets[raw] = self._sent
        if place is None:
            kind, data = self.objects.read(raw.hex())
            self._put(entry_head(kind, len(data)) + zlib.compress(data, _LEVEL))
            return
        pack, offset = place
        entry = pack.entry(offset)
        if entry.base is not None and base is None:
            number, data = self.objects.load(pack, offset)
            self._put(entry_head(KINDS[number], len(data)) + zlib.compress(data, _LEVEL))
            return
        self._put(self._head(raw, entry, base))
        self._copy(pack, entry.start, pack.end_of(offset))

    def _head(self, raw: RawId, entry: PackEntry, base: RawId | None) -> bytes:
        if base is None:
            return entry_head(KINDS[entry.number], entry.size)
        sent = self.offsets.get(base)
        if sent is None or not self.style.ofs_delta:
            return _delta_head(REF_DELTA, entry.size) + base
        return _delta_head(OFS_DELTA, entry.size) + _distance(self.offsets[raw] - sent)

    def _copy(self, pack: Pack, start: int, end: int) -> None:
        for at in range(start, end, _PIECE):
            self._put(pack.data[at : min(at + _PIECE, end)])

    def _put(self, data: bytes) -> None:
        self._pieces.append(data)
        self._sent += len(data)
        self._held += len(data)
        if self._held >= _PIECE:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self._digest.update(data)
        self._out(data)


def _ids(pack: Pack) -> dict[int, RawId]:
    """Offset to id; made once per open pack."""
    known = _ids_by_offset.get(pack)
    if known is None:
        known = _ids_by_offset[pack] = {offset: raw for raw, offset in pack.ids()}
    return known


def _delta_head(number: int, size: int) -> bytes:
    head = bytearray(entry_head("blob", size))
    head[0] = head[0] & 0x8F | number << 4
    return bytes(head)


def _distance(value: int) -> bytes:
    """How an OFS_DELTA writes the distance back to its base."""
    parts = [value & 0x7F]
    value >>= 7
    while value:
        value -= 1
        parts.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes(reversed(parts))
