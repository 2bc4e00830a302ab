"""Several packs made into one, with all of their objects or all but some.

The new pack is read back before it is handed out: its index lists exactly the objects that were
asked for, and each of them has the content that its id says.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import shutil
import zlib
from collections.abc import Collection, Iterator, Sequence, Set
from itertools import pairwise
from pathlib import Path

import structlog

from hub_server.git import subprocesses
from hub_server.git.errors import BadPack, ProgramFailed
from hub_server.git.listing import Listing, RawId
from hub_server.git.packfiles import IndexLine, write_index
from hub_server.git.packs import KINDS, Pack, PackSet
from hub_server.git.packwriter import Copier, PackStyle
from hub_server.git.subprocesses import GitProgram
from hub_server.git.types import Kind, PackFiles

log = structlog.get_logger("hub.packs")

_NO_LIMIT = 1 << 62  # what is stored may be copied, whatever it is
_ORDER: tuple[Kind, ...] = ("commit", "tag", "tree", "blob")
_TRAILER = 20
_PIECE = 1 << 20

Files = tuple[Path, Path]
"""A pack and its index."""


def merge_packs(
    sources: Sequence[Files],
    folder: Path,
    *,
    git: GitProgram | None,
    without: Set[RawId] = frozenset(),
) -> PackFiles | None:
    """Write one pack with the objects of `sources` but those of `without` into `folder`, which is
    empty and the caller's to remove; None when no object is left.

    With `git` deltas are kept and new ones found, else objects are copied as they are stored.
    Raises BadPack when a source or the result is damaged.
    """
    place = folder / "objects" / "pack"
    place.mkdir(parents=True)
    packs = [Pack.open(*_brought(files, place)) for files in sources]
    ids = {raw for pack in packs for raw, _ in pack.ids()} - without
    if not ids:
        return None
    files = _by_git(git, packs, folder, ids if without else ()) if git else None
    if files is None:
        git, files = None, _copied(packs, ids, folder)
    check_merged(files, ids, folder, git=git)
    return files


def check_merged(
    files: PackFiles, ids: Collection[RawId], folder: Path, *, git: GitProgram | None
) -> None:
    """Raise BadPack unless the pack holds just `ids`, each with the content that belongs to it."""
    pack = Pack.open(files.pack, files.idx)
    if pack.sorted_ids() != b"".join(sorted(ids)):
        raise BadPack("The new pack does not hold what it should")
    if git is not None:
        nothing = folder / "nothing"
        nothing.mkdir()
        try:
            subprocesses.verify_pack(git, nothing, files.pack)
        except ProgramFailed as failure:  # damaged, or beyond the program's limits
            log.warning("pack is checked without git", reason=str(failure))
        else:
            return
    _check_natively(pack)


def _brought(files: Files, place: Path) -> Files:
    """The same files in a folder of our own, where nobody drops them meanwhile."""
    pack, idx = (place / path.name for path in files)
    for source, target in zip(files, (pack, idx), strict=True):
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
    return pack, idx


def _by_git(
    git: GitProgram, packs: Sequence[Pack], folder: Path, ids: Collection[RawId]
) -> PackFiles | None:
    """None where the program gave up; a native copy needs neither its time nor its memory."""
    names = [pack.pack_path.name for pack in packs]
    some = map(bytes.hex, sorted(ids))
    try:
        name = subprocesses.write_pack_of(git, folder / "objects", folder / "pack", names, some)
    except ProgramFailed as failure:
        log.warning("packs are copied without git", reason=str(failure))
        return None
    return _described(folder / f"pack-{name}.pack")


def _described(path: Path) -> PackFiles:
    pack = Pack.open(path, path.with_suffix(".idx"))
    return PackFiles(path.stem[5:], path, path.with_suffix(".idx"), pack.size, pack.count)


def _copied(packs: Sequence[Pack], ids: Set[RawId], folder: Path) -> PackFiles:
    objects = PackSet(packs, limit=_NO_LIMIT)
    listing = Listing(dict.fromkeys(_in_order(objects, ids)), set(), set())
    path = folder / f"tmp-{secrets.token_hex(8)}"
    with path.open("xb") as file:
        copier = Copier(objects, listing, PackStyle(whole=False), file.write)
        copier.run()
    lines, digest = _lines(path, copier.offsets)
    pack = folder / f"pack-{digest.hex()}.pack"
    write_index(lines, digest, pack.with_suffix(".idx"), durable=False)
    path.rename(pack)
    return _described(pack)


def _in_order(objects: PackSet, ids: Set[RawId]) -> Iterator[RawId]:
    """By kind, because walks read commits and trees but seldom blobs; then as they are stored."""
    by_kind: dict[Kind, list[RawId]] = {kind: [] for kind in _ORDER}
    seen: set[RawId] = set()
    for pack in objects.packs:
        for _, raw in sorted((offset, raw) for raw, offset in pack.ids()):
            if raw in ids and raw not in seen:
                seen.add(raw)
                by_kind[objects.kind(raw.hex())].append(raw)
    for kind in _ORDER:
        yield from by_kind[kind]


def _lines(path: Path, offsets: dict[RawId, int]) -> tuple[list[IndexLine], bytes]:
    """What the index says of a pack, and the checksum at the pack's end."""
    ordered = sorted((offset, raw) for raw, offset in offsets.items())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        ends = [*(offset for offset, _ in ordered), len(data) - _TRAILER]
        lines = [
            IndexLine(raw, zlib.crc32(data[start:end]), start)
            for (_, raw), (start, end) in zip(ordered, pairwise(ends), strict=True)
        ]
        return lines, data[-_TRAILER:]


def _check_natively(pack: Pack) -> None:
    for path in (pack.pack_path, pack.idx_path):
        _check_trailer(path)
    objects = PackSet([pack], limit=_NO_LIMIT)
    for raw, offset in sorted(pack.ids(), key=lambda each: each[1]):
        number, data = objects.load(pack, offset)
        digest = hashlib.sha1(b"%s %d\0" % (KINDS[number].encode(), len(data)))  # noqa: S324
        digest.update(data)
        if digest.digest() != raw:
            raise BadPack("The object {id} is damaged", id=raw.hex())


def _check_trailer(path: Path) -> None:
    left = path.stat().st_size - _TRAILER
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while left:
            piece = file.read(min(left, _PIECE))
            digest.update(piece)
            left -= len(piece)
        if file.read() != digest.digest():
            raise BadPack("{name} does not match its checksum", name=path.name)
