"""A push's pack, received beside the repository and let in only when it is sound and complete."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from hub_server.git import connectivity, subprocesses
from hub_server.git.errors import BadPack, GitError, ObjectMissing, ProgramFailed
from hub_server.git.limits import Meter, ReceiveLimits
from hub_server.git.packindex import index_natively
from hub_server.git.packs import Pack, PackSet
from hub_server.git.packscan import PackScanner, Scan
from hub_server.git.pktline import Readable
from hub_server.git.receivepack import Command, Push
from hub_server.git.sources import FetchSource
from hub_server.git.subprocesses import GitProgram, Store
from hub_server.git.types import ObjectId, PackFiles

_SINGLY = 64
"""Refs that are checked one by one when not all of them are complete."""


_UNSHALLOW = " (your clone is shallow: run git fetch --unshallow and push again)"


class Ids(Sequence[ObjectId]):
    """Many object ids, in the 20 bytes that each needs."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __len__(self) -> int:
        return len(self._raw) // 20

    def __iter__(self) -> Iterator[ObjectId]:
        return (self._raw[at : at + 20].hex() for at in range(0, len(self._raw), 20))

    @overload
    def __getitem__(self, index: int) -> ObjectId: ...
    @overload
    def __getitem__(self, index: slice) -> list[ObjectId]: ...
    def __getitem__(self, index: int | slice) -> ObjectId | list[ObjectId]:
        places = range(0, len(self._raw), 20)[index]
        if isinstance(places, int):
            return self._raw[places : places + 20].hex()
        return [self._raw[at : at + 20].hex() for at in places]


@dataclass(frozen=True)
class Quarantine:
    """What a push brought. `pack` is None when it brought nothing new.

    `objects` reads old and new objects; `new_ids` are those the repository did not have;
    `refused` says which refs cannot move, and why.
    """

    pack: PackFiles | None
    objects: PackSet
    new_ids: Sequence[ObjectId] = ()
    refused: dict[bytes, str] = field(default_factory=dict)


def quarantine(
    push: Push,
    body: Readable,
    *,
    source: FetchSource,
    folder: Path,
    limits: ReceiveLimits,
    git: GitProgram | None,
) -> Quarantine:
    """Receive the pack into `folder` (empty, the caller's to remove), index and check it.

    Raises GitError when the pack as a whole is refused; a ref whose objects are incomplete only
    gets an entry in `refused`. Nothing of `source` changes.
    """
    meter = Meter(limits)
    if not push.has_pack:
        return Quarantine(None, source.objects)
    place = folder / "objects" / "pack"
    place.mkdir(parents=True, exist_ok=True)
    if git is None or source.git_dir is None:
        files = _receive_natively(body, source.objects, place, meter)
    else:
        folders = [source.git_dir / "objects"]
        with _told_of_shallow(push):
            files = _receive_by_git(body, folders, place, meter, _within(git, meter))
    objects, new_ids = source.objects, Ids(b"")
    if files is not None:
        pack = Pack.open(files.pack, files.idx)
        known = source.objects.locate
        new_ids = Ids(b"".join(raw for raw, _ in pack.ids() if known(raw) is None))
        objects = source.objects.with_packs([pack])
    check = _Check(push, objects, source, folder, meter, git)
    return Quarantine(files if new_ids else None, objects, new_ids, check.refused())


@contextmanager
def _told_of_shallow(push: Push) -> Iterator[None]:
    """Add to git's complaint about missing objects what a shallow clone can do about it."""
    try:
        yield
    except BadPack as error:
        if push.shallow and "expected object" in str(error):
            sentence = "{problem}" + _UNSHALLOW
            raise BadPack(sentence, problem=str(error)) from error
        raise


def _within(git: GitProgram, meter: Meter) -> GitProgram:
    return git.limited(memory=meter.limits.memory, seconds=meter.seconds_left())


def _receive_natively(
    body: Readable, known: PackSet, place: Path, meter: Meter
) -> PackFiles | None:
    path = place / "incoming.pack"
    with path.open("wb") as file:
        scan = PackScanner(body, meter, identify=True).run(file.write)
    return index_natively(path, scan, known, meter) if len(scan) else None


def _receive_by_git(
    body: Readable, known: Sequence[Path], place: Path, meter: Meter, git: GitProgram
) -> PackFiles | None:
    scanner = PackScanner(body, meter)
    name = subprocesses.index_pack(git, place.parent, known, meter.limits.body, scanner.run)
    if not len(scanner.scan):
        return None
    pack, idx = place / f"pack-{name}.pack", place / f"pack-{name}.idx"
    opened = Pack.open(pack, idx)
    _check_depths(scanner.scan, opened, meter)
    return PackFiles(name, pack, idx, opened.size, opened.count)


def _check_depths(scan: Scan, pack: Pack, meter: Meter) -> None:
    """Chains through bases named by id, which the scan alone cannot follow."""
    offsets = {index: pack.find(raw) for index, raw in scan.ref_bases.items()}
    bases = {i: scan.index_of(offset) for i, offset in offsets.items() if offset is not None}
    if all(base is None for base in bases.values()):
        return
    depths: dict[int, int] = {}
    for start in range(len(scan)):
        chain: list[int] = []
        at: int | None = start
        while at is not None and at not in depths:
            chain.append(at)
            meter.on_depth(len(chain) - 1)
            base = scan.base(at)
            at = bases.get(at) if base is None else base
        depth = 0 if at is None else depths[at] + 1
        for index in reversed(chain):
            meter.on_depth(depth)
            depths[index] = depth
            depth += 1


@dataclass(frozen=True, slots=True)
class _Check:
    """Which refs may move to where the push wants them."""

    push: Push
    objects: PackSet
    source: FetchSource
    folder: Path
    meter: Meter
    git: GitProgram | None

    def refused(self) -> dict[bytes, str]:
        refused: dict[bytes, str] = {}
        sound: list[Command] = []
        for command in self.push.commands:
            problem = None if command.deletes else self._target_problem(command)
            if problem:
                refused[command.name] = problem
            elif not command.deletes:
                sound.append(command)
        known = {line.id for line in self.source.refs([b"refs/"])}
        moving = [command for command in sound if command.new not in known]
        refused.update(self._incomplete(moving, known))
        return refused

    def _target_problem(self, command: Command) -> str | None:
        if command.new not in self.objects:
            return f"missing necessary objects: {command.new}"
        is_tag = command.name.startswith(b"refs/tags/")
        if not is_tag and self.objects.kind(command.new) != "commit":
            return f"{command.new} is not a commit"
        return None

    def _incomplete(self, moving: Sequence[Command], known: set[ObjectId]) -> dict[bytes, str]:
        reason = self._connected(moving, known)
        if reason is None:
            return {}
        if not 1 < len(moving) <= _SINGLY:
            return dict.fromkeys((command.name for command in moving), reason)
        reasons = {command.name: self._connected([command], known) for command in moving}
        return {name: why for name, why in reasons.items() if why}

    def _connected(self, moving: Sequence[Command], known: Collection[ObjectId]) -> str | None:
        """Why these cannot move, None when everything they reach is there."""
        tips = list(dict.fromkeys(command.new for command in moving))
        if not tips:
            return None
        self.meter.check_time()
        try:
            self._walk(tips, sorted(known))
        except ProgramFailed:
            raise
        except ObjectMissing as error:
            if error.object_id in known:  # a ref moved there after the list of packs was read
                return self._connected(moving, {each for each in known if each in self.objects})
            hint = _UNSHALLOW if self.push.shallow else ""
            return f"missing necessary objects: {error.object_id}{hint}"
        except GitError as error:
            return str(error)
        return None

    def _walk(self, tips: Sequence[ObjectId], known: Sequence[ObjectId]) -> None:
        if self.git is None or self.source.git_dir is None:
            connectivity.check_natively(self.objects, tips, known)
            return
        store = Store(self.folder / "objects", [self.source.git_dir / "objects"])
        subprocesses.check_connected(_within(self.git, self.meter), store, tips, known)
