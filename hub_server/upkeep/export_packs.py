"""Whole repositories as one pack, on their way out of the hub or into it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hub_server.git import GitProgram, ObjectId, Pack, PackFiles, PackSet
from hub_server.git.errors import BadPack, ObjectTooLarge, ProgramFailed
from hub_server.git.limits import Meter, ReceiveLimits
from hub_server.git.listing import Selection, list_objects
from hub_server.git.packindex import index_natively
from hub_server.git.packs import BLOB, NUMBERS
from hub_server.git.packscan import PackScanner
from hub_server.git.packwriter import PackStyle, write_native
from hub_server.git.subprocesses import (
    Store,
    check_strictly,
    pack_reachable,
    verify_pack,
)
from hub_server.lfs import LARGEST, Pointer, parse_pointer

LONG = 7 * 86400
NO_LIMIT = 1 << 62
UNLIMITED = ReceiveLimits(
    objects=NO_LIMIT,
    object_size=NO_LIMIT,
    chain_depth=NO_LIMIT,
    body=NO_LIMIT,
    inflated_slack=NO_LIMIT,
    seconds=LONG,
)


@dataclass(frozen=True)
class Origin:
    """Where objects are: a folder like `.git/objects`, and the same to be read natively."""

    folder: Path
    objects: PackSet


@dataclass(frozen=True)
class Contents:
    """What matters of the blobs of a pack: pointers, and sizes of those above a limit."""

    pointers: dict[ObjectId, Pointer]
    large: dict[ObjectId, int]


def pack_all(
    origin: Origin, tips: Sequence[ObjectId], folder: Path, git: GitProgram | None
) -> PackFiles:
    """One pack with all that `tips` reach, written into `folder`.

    Raises ObjectMissing or ProgramFailed when something is missing or cannot be read.
    """
    if git is None:
        return _natively(origin.objects, tips, folder)
    patient = replace(git, seconds=LONG, cpu_seconds=LONG)
    name = pack_reachable(patient, Store(origin.folder), tips, folder / "pack")
    pack = folder / f"pack-{name}.pack"
    opened = Pack.open(pack, pack.with_suffix(".idx"))
    return PackFiles(name, pack, opened.idx_path, opened.size, opened.count)


def _natively(objects: PackSet, tips: Sequence[ObjectId], folder: Path) -> PackFiles:
    path = folder / "incoming.pack"
    listing = list_objects(objects, Selection(list(tips)))
    with path.open("wb") as file:
        write_native(objects, listing, PackStyle(), file.write)
    meter = Meter(UNLIMITED)
    with path.open("rb") as source:
        scan = PackScanner(source, meter, identify=True).run(len)
    return index_natively(path, scan, PackSet([]), meter)


def what_a_push_would_say(files: PackFiles, folder: Path, git: GitProgram | None) -> str | None:
    """Why objects of the pack would be refused, None if they are as they should be.

    Raises BadPack when their bytes are not what their ids say.
    """
    if git is None:
        return None  # objects were checked when they were indexed
    patient = replace(git, seconds=LONG, cpu_seconds=LONG)
    nothing = folder / "nothing"
    nothing.mkdir()
    try:
        check_strictly(patient, nothing, files.pack)
    except ProgramFailed as strict:
        try:
            verify_pack(patient, nothing, files.pack)
        except ProgramFailed as failure:
            raise BadPack("Its objects are damaged: {reason}", reason=str(failure)) from failure
        return str(strict)
    return None


def look_through(pack: Pack, limit: int) -> Contents:
    """Every blob once: pointers to large files, and what is larger than `limit`."""
    objects = PackSet([pack], limit=NO_LIMIT)
    pointers: dict[ObjectId, Pointer] = {}
    large: dict[ObjectId, int] = {}
    for object_id, size in _blobs(pack, objects, limit):
        if size > limit:
            large[object_id] = size
            continue
        try:
            pointer = parse_pointer(objects.read(object_id)[1])
        except ObjectTooLarge:
            continue
        if pointer:
            pointers[object_id] = pointer
    return Contents(pointers, large)


def _blobs(pack: Pack, objects: PackSet, limit: int) -> Iterator[tuple[ObjectId, int]]:
    """Those that may be pointers, and those above `limit`; the others are not even asked."""
    for raw, offset in pack.ids():
        entry = pack.entry(offset)
        if entry.base is None and entry.number != BLOB:
            continue
        object_id = raw.hex()
        size = objects.size(object_id)
        if LARGEST < size <= limit:
            continue
        if NUMBERS[objects.kind(object_id)] == BLOB:
            yield object_id, size
