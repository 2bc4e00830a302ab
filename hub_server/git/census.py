"""Every object of a repository looked at once: is it what its id says, and is all it names there.

Memory is a byte for each object and what one object takes; packs are read through their mappings.
What is found is returned, not raised: a damaged repository is looked through to its end.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from hub_server.errors import HubError
from hub_server.git.commits import parse_links, parse_tag
from hub_server.git.deltas import BaseCache
from hub_server.git.errors import BadPack, GitError, ObjectMissing, ObjectTooLarge
from hub_server.git.packs import BLOB, COMMIT, KINDS, NUMBERS, TREE, Pack, PackSet
from hub_server.git.rawtrees import parse_tree
from hub_server.git.types import ObjectId

KIND, DAMAGED, SMALL, REACHED = 0b111, 0b1000, 0b10000, 0b100000
MET = 400_000
"""Ids that are remembered as met, to spare looking them up again: about 40 MB."""
FIRST_ENTRY = 12
TRAILER = 20
CACHE = 96_000_000

Tick = Callable[[int], None]
"""Called with the bytes that have been read since the last call."""


class Damage(NamedTuple):
    """An object whose bytes are not what its id says, or with `object_id` None the file itself."""

    object_id: ObjectId | None
    reason: str


class Broken(NamedTuple):
    """Something is missing, or of another kind than `by` says: an object's id or a tip's name."""

    object_id: ObjectId
    by: str
    reason: str


class Tip(NamedTuple):
    """Where a walk begins; `name` is what stands for it in what is found."""

    object_id: ObjectId
    name: str


class _Place(NamedTuple):
    pack: Pack
    position: int
    marks: bytearray

    @property
    def mark(self) -> int:
        return self.marks[self.position]

    def add(self, bits: int) -> None:
        self.marks[self.position] |= bits


class Census:
    """Over all packs of one repository. Of blobs that are reached, only `small` ones are read."""

    def __init__(self, packs: Iterable[Pack], *, limit: int, small: int) -> None:
        self.objects = PackSet(list(packs), limit=limit, cache=BaseCache(CACHE))
        self.small = small
        self._marks = {pack.serial: bytearray(pack.count) for pack in self.objects.packs}
        self._met: dict[bytes, int] = {}

    def verify(self, pack: Pack, tick: Tick = lambda _: None) -> Iterator[Damage]:
        """Whether file and index belong together and every object hashes to its id."""
        yield from _check_sums(pack)
        alone = PackSet([pack], limit=self.objects.limit, cache=self.objects.cache)
        order = _in_file_order(pack)
        ends = array("Q", (pack.offset_at(position) for position in order))
        ends.append(pack.size - TRAILER)
        if ends[0] != FIRST_ENTRY:
            yield Damage(None, "the index does not begin where the pack does")
        for position, (start, end) in zip(order, pairwise(ends), strict=True):
            tick(end - start)
            place = _Place(pack, position, self._marks[pack.serial])
            try:
                self._check(place, alone, start, end)
            except ObjectTooLarge:
                continue  # beyond the limit nothing is served either
            except (HubError, ValueError, IndexError) as failure:
                place.add(DAMAGED)
                yield Damage(pack.id_at(position).hex(), str(failure))

    def _check(self, place: _Place, alone: PackSet, start: int, end: int) -> None:
        pack, position, _ = place
        if zlib.crc32(pack.data[start:end]) != pack.crc_at(position):
            raise BadPack("its bytes do not match the index")
        number, data = alone.load(pack, start)
        digest = hashlib.sha1(
            b"%s %d\0" % (KINDS[number].encode(), len(data)), usedforsecurity=False
        )
        digest.update(data)
        if digest.digest() != pack.id_at(position):
            raise BadPack("its bytes do not hash to its id")
        place.add(number | self._small(number, len(data)))

    def _small(self, number: int, size: int) -> int:
        return SMALL if number == BLOB and size <= self.small else 0

    def reach(
        self, tips: Iterable[Tip], on_small: Callable[[ObjectId, bytes], None]
    ) -> Iterator[Broken]:
        """What cannot be reached from the tips though something names it.

        `on_small` is given every blob of at most `small` bytes that is reached, once. An object
        that `verify` found damaged is not told again.
        """
        waiting: list[bytes] = []
        for tip in tips:
            yield from self._meet(bytes.fromhex(tip.object_id), 0, tip.name, waiting)
            while waiting:
                raw = waiting.pop()
                try:
                    named = self._named_by(raw, on_small)
                except GitError as failure:
                    yield Broken(raw.hex(), tip.name, f"cannot be read ({failure})")
                    continue
                for other, wanted in named:
                    if self._met.get(other) != wanted:
                        yield from self._meet(other, wanted, raw.hex(), waiting)

    def _meet(self, raw: bytes, wanted: int, by: str, waiting: list[bytes]) -> Iterator[Broken]:
        """Put the object on the list unless it has been there; `wanted` 0 takes any kind."""
        place = self._place(raw)
        if place is None:
            yield Broken(raw.hex(), by, "is not there")
            return
        if reason := self._look(place):
            yield Broken(raw.hex(), by, reason)
        mark = place.mark
        if mark & DAMAGED:
            return
        number = mark & KIND
        if wanted and number != wanted:
            yield Broken(raw.hex(), by, f"is a {KINDS[number]}, not a {KINDS[wanted]}")
        if not mark & REACHED and (number != BLOB or mark & SMALL):
            waiting.append(raw)
        place.add(REACHED)
        self._remember(raw, number)

    def _remember(self, raw: bytes, number: int) -> None:
        if len(self._met) >= MET:
            self._met.clear()
        self._met[raw] = number

    def _look(self, place: _Place) -> str | None:
        """Find out the kind where `verify` has not; why that cannot be."""
        if place.mark & (KIND | DAMAGED):
            return None
        object_id = place.pack.id_at(place.position).hex()
        try:
            number = NUMBERS[self.objects.kind(object_id)]
            place.add(number | self._small(number, self.objects.size(object_id)))
        except GitError as failure:
            place.add(DAMAGED)
            return f"cannot be read ({failure})"
        return None

    def _place(self, raw: bytes) -> _Place | None:
        """The first pack that has it whole; a damaged copy counts only where there is no other."""
        damaged = None
        for pack in self.objects.packs:
            position = pack.position(raw)
            if position is not None:
                place = _Place(pack, position, self._marks[pack.serial])
                if not place.mark & DAMAGED:
                    return place
                damaged = place
        return damaged

    def _named_by(
        self, raw: bytes, on_small: Callable[[ObjectId, bytes], None]
    ) -> list[tuple[bytes, int]]:
        object_id, place = raw.hex(), self._place(raw)
        if place is None:
            raise ObjectMissing(object_id)
        number, data = self.objects.load(place.pack, place.pack.offset_at(place.position))
        if number == BLOB:
            on_small(object_id, data)
            return []
        return _names(number, object_id, data)


def _names(number: int, object_id: ObjectId, data: bytes) -> list[tuple[bytes, int]]:
    """Every object that this one names, with its kind. Raises BadObject."""
    if number == TREE:
        return [
            (bytes.fromhex(entry.id), TREE if entry.is_tree else BLOB)
            for entry in parse_tree(data)
            if not entry.is_submodule
        ]
    if number == COMMIT:
        links = parse_links(data)
        parents = [(bytes.fromhex(parent), COMMIT) for parent in links.parents]
        return [(bytes.fromhex(links.tree), TREE), *parents]
    tag = parse_tag(object_id, data)
    return [(bytes.fromhex(tag.target), NUMBERS[tag.target_kind])]


def _in_file_order(pack: Pack) -> array[int]:
    """Positions in the index, in the order in which the objects stand in the file."""
    offsets = pack.offsets()
    return array("I", sorted(range(pack.count), key=offsets.__getitem__))


def _check_sums(pack: Pack) -> Iterator[Damage]:
    for what, data in (("pack", pack.data), ("index", pack.index)):
        with memoryview(data) as view, view[:-TRAILER] as body:
            found = hashlib.sha1(body, usedforsecurity=False).digest()
        if found != data[-TRAILER:]:
            yield Damage(None, f"the {what} does not match the checksum at its end")
