"""Whether a push is complete: everything its new tips reach is there, down to the known tips.

That an object exists proves nothing about what it points at: only what known tips reach is
taken for complete.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from hub_server.git.errors import BadObject, ObjectMissing
from hub_server.git.listing import RawId, Selection, list_objects, tree_entries
from hub_server.git.packs import PackSet
from hub_server.git.types import ObjectId

_FILES = (b"100644", b"100755", b"120000")


def check_natively(objects: PackSet, tips: Sequence[ObjectId], known: Iterable[ObjectId]) -> None:
    """Raise ObjectMissing or BadObject with the first object that is missing or misplaced."""
    for tip in tips:
        if tip not in objects:
            raise ObjectMissing(tip)
    listing = list_objects(objects, Selection(wants=tips, haves=list(known)))
    for raw in listing.ids:
        if objects.locate(raw) is None:
            raise ObjectMissing(raw.hex())
    for raw in listing.ids:
        if objects.kind(raw.hex()) == "tree":
            _check_kinds(objects, raw.hex(), listing.ids)


def _check_kinds(objects: PackSet, tree: ObjectId, new: Container[RawId]) -> None:
    """New entries with the mode of a file are blobs; folders were read as trees already."""
    for mode, name, raw in tree_entries(objects.read(tree)[1]):
        if raw in new and mode in _FILES and objects.kind(raw.hex()) != "blob":
            raise BadObject(
                "The entry {name} of tree {tree} is not a file",
                name=name.decode(errors="replace"),
                tree=tree,
            )
