"""A Git repository on this machine's disk, bare or with a working tree, made by whatever program.

Reads files alone: nothing of it is run, its configuration is looked at and not obeyed.
"""

import contextlib
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dulwich.config import ConfigFile
from dulwich.refs import DiskRefsContainer

from hub_server.errors import BadRequest
from hub_server.git import BadRefName, NewObject, ObjectId, Pack, PackSet, check_ref_name
from hub_server.git.packs import NUMBERS
from hub_server.gitstore import HEADS, PULLS
from hub_server.upkeep.export_packs import NO_LIMIT, Origin
from hub_server.upkeep.exporting import METADATA

REMOTES = b"refs/remotes/"
EXTENSIONS = {b"noop", b"preciousobjects", b"partialclone", b"worktreeconfig", b"objectformat"}
_SYMBOLIC = b"ref: "


class NotImportable(BadRequest):
    """The folder is no repository, or one that the hub cannot keep."""


@dataclass(frozen=True)
class Source:
    """`git_dir` has HEAD, `common` objects, refs and lfs: two folders in a linked worktree only."""

    folder: Path
    git_dir: Path
    common: Path

    @property
    def large_files(self) -> Path:
        """The folder that has `objects/aa/bb/oid`."""
        stated = _setting(_config(self.common), b"lfs", b"storage")
        return self.common / stated.decode() if stated else self.common / "lfs"

    def metadata(self) -> dict[str, Any]:
        """What an export of a hub says beside Git; empty for other repositories."""
        try:
            found = json.loads((self.folder / METADATA).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except ValueError as failure:
            raise NotImportable(
                "{path} is not valid JSON.", path=str(self.folder / METADATA)
            ) from failure
        return found if isinstance(found, dict) else {}

    def origin(self) -> Origin:
        """Its objects; packs it borrows from others are read too."""
        folders = list(_object_folders(self.common / "objects"))
        packs = [
            Pack.open(path, path.with_suffix(".idx"))
            for folder in folders
            for path in sorted(folder.glob("pack/*.pack"))
            if path.with_suffix(".idx").exists()
        ]
        return Origin(folders[0], PackSet(packs, _Loose(folders), limit=NO_LIMIT))


@dataclass(frozen=True)
class Refs:
    """`values` under the names they will have here; `left` are refs that stay behind, and why."""

    values: dict[bytes, ObjectId]
    default_branch: str
    left: dict[bytes, str]


def find(folder: Path) -> Source:
    """Raises NotImportable."""
    folder = folder.resolve()
    git_dir = folder / ".git"
    if git_dir.is_file():
        stated = git_dir.read_text().strip().removeprefix("gitdir:").strip()
        git_dir = (folder / stated).resolve()
    elif not git_dir.is_dir():
        git_dir = folder
    common = git_dir
    with contextlib.suppress(FileNotFoundError):
        common = (git_dir / (git_dir / "commondir").read_text().strip()).resolve()
    if not ((git_dir / "HEAD").is_file() and (common / "objects").is_dir()):
        raise NotImportable("{folder} is not a Git repository.", folder=str(folder))
    _check(folder, common)
    return Source(folder, git_dir, common)


def _check(folder: Path, common: Path) -> None:
    config = _config(common)
    named = {name for section in config.sections() if section[0].lower() == b"extensions"
             for name in config[section]}  # fmt: skip
    strange = sorted(name.decode() for name in named if name.lower() not in EXTENSIONS)
    if _setting(config, b"extensions", b"objectformat") not in (None, b"sha1"):
        strange = ["objectformat"]
    if strange:
        raise NotImportable(
            "{folder} uses the extension {name}, which the hub cannot read.",
            folder=str(folder),
            name=strange[0],
        )
    shallow = common / "shallow"
    if shallow.is_file() and shallow.read_bytes().strip():
        raise NotImportable(
            "{folder} is a shallow clone; run `git fetch --unshallow` in it first.",
            folder=str(folder),
        )


def read_refs(source: Source, *, pulls: bool) -> Refs:
    """Branches, tags and what else the hub has a place for.

    In a clone, branches of `origin` that were never checked out count as branches too.
    """
    container = DiskRefsContainer(str(source.common))
    found = {bytes(name): value.decode() for name, value in container.as_dict().items()}
    values: dict[bytes, ObjectId] = {}
    left: dict[bytes, str] = {}
    prefix = REMOTES + _remote(found)
    for name, value in sorted(found.items()):
        if name == b"HEAD" or (name.endswith(b"/HEAD") and name.startswith(REMOTES)):
            continue
        target = name
        if name.startswith(prefix):
            target = HEADS + name.removeprefix(prefix)
            if target in found:
                continue  # the clone's own branch counts
        reason = _refusal(target, pulls=pulls)
        if reason:
            left[name] = reason
        else:
            values[target] = value
    return Refs(values, _default_branch(source, values, prefix), left)


def _remote(found: Mapping[bytes, ObjectId]) -> bytes:
    """`origin/`, or the one remote that there is."""
    names = {name.split(b"/")[2] for name in found if name.startswith(REMOTES)}
    return (names.pop() if len(names) == 1 else b"origin") + b"/"


def _refusal(name: bytes, *, pulls: bool) -> str | None:
    if name.startswith(PULLS) and not pulls:
        return "a pull request; --pulls takes them along"
    try:
        check_ref_name(name)
    except BadRefName as failure:
        return str(failure)
    return None


def _default_branch(source: Source, values: Mapping[bytes, ObjectId], remote: bytes) -> str:
    stated = source.metadata().get("default_branch")
    candidates = [HEADS + str(stated).encode()] if stated else []
    candidates.append(_symbolic(source.git_dir / "HEAD") or b"")
    there = _symbolic(source.common / remote.decode(errors="surrogateescape") / "HEAD") or b""
    candidates.append(HEADS + there.removeprefix(remote))
    candidates += [HEADS + b"main", HEADS + b"master", *values]
    branches = (name for name in candidates if name in values and name.startswith(HEADS))
    chosen = next(branches, HEADS + b"main")
    return chosen.removeprefix(HEADS).decode("utf-8", "surrogateescape")


def _symbolic(path: Path) -> bytes | None:
    try:
        content = path.read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return content.removeprefix(_SYMBOLIC).strip() if content.startswith(_SYMBOLIC) else None


def _config(common: Path) -> ConfigFile:
    path = common / "config"
    if not path.is_file():
        return ConfigFile()
    try:
        return ConfigFile.from_path(str(path), expand_includes=False)
    except ValueError as failure:
        raise NotImportable(
            "{path} cannot be read: {why}.", path=str(path), why=str(failure)
        ) from (failure)


def _setting(config: ConfigFile, section: bytes, name: bytes) -> bytes | None:
    try:
        value = config.get((section,), name)
    except KeyError:
        return None
    return value if isinstance(value, bytes) else None


def _object_folders(first: Path) -> Iterator[Path]:
    """The folder and those that its `info/alternates` name."""
    waiting, seen = [first], set()
    while waiting:
        folder = waiting.pop(0).resolve()
        if folder in seen or not folder.is_dir():
            continue
        seen.add(folder)
        yield folder
        with contextlib.suppress(FileNotFoundError):
            lines = (folder / "info" / "alternates").read_text().splitlines()
            waiting += [folder / line for line in lines if line and not line.startswith("#")]


class _Loose(Mapping[ObjectId, NewObject]):
    """Objects in files of their own, read when they are asked for."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    def __getitem__(self, object_id: ObjectId) -> NewObject:
        for folder in self.folders:
            try:
                packed = (folder / object_id[:2] / object_id[2:]).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            return _parsed(object_id, packed)
        raise KeyError(object_id)

    def __iter__(self) -> Iterator[ObjectId]:
        for folder in self.folders:
            for path in folder.glob("[0-9a-f][0-9a-f]/*"):
                yield path.parent.name + path.name

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _parsed(object_id: ObjectId, packed: bytes) -> NewObject:
    try:
        data = zlib.decompress(packed)
    except zlib.error:
        data = b""
    head, _, content = data.partition(b"\0")
    kind = head.split(b" ")[0].decode("ascii", "replace")
    found = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if found != object_id or kind not in NUMBERS:
        raise NotImportable("The object {id} is damaged.", id=object_id)
    return NewObject(kind, content)
