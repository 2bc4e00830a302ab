"""Whether a push is complete: everything its new tips reach is there, down to the known tips.

That an object exists proves nothing about what it points at: only what known tips reach is
taken for complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub_server.git.errors import BadObject, ObjectMissing
from hub_server.git.listing import RawId, Selection, list_objects
from hub_server.git.packs import BLOB, PackSet
from hub_server.git.types import ObjectId


def check_natively(objects: PackSet, tips: Sequence[ObjectId], known: Iterable[ObjectId]) -> None:
    """Raise ObjectMissing or BadObject with the first object that is missing or misplaced."""
    for tip in tips:
        if tip not in objects:
            raise ObjectMissing(tip)
    listing = list_objects(objects, Selection(wants=tips, haves=list(known)))
    kinds = _Kinds(objects)
    for raw in listing.ids:
        if objects.locate(raw) is None:
            raise ObjectMissing(raw.hex())
    for raw in listing.blobs:
        if kinds.number(raw) != BLOB:
            raise BadObject("A tree holds the object {id} as a file; it is none", id=raw.hex())


class _Kinds:
    """Kinds of many objects; what was learnt on one delta chain serves the others."""

    def __init__(self, objects: PackSet) -> None:
        self.objects = objects
        self._known: dict[tuple[str, int], int] = {}

    def number(self, raw: RawId) -> int:
        chain: list[tuple[str, int]] = []
        place = self.objects.locate(raw)
        while place is not None:
            pack, offset = place
            chain.append((pack.name, offset))
            number = self._known.get(chain[-1])
            entry = pack.entry(offset)
            if number is None and entry.base is None:
                number = entry.number
            if number is not None:
                self._known.update(dict.fromkeys(chain, number))
                return number
            base = entry.base
            place = (pack, base) if isinstance(base, int) else self.objects.locate(base or b"")
        raise ObjectMissing(raw.hex())
