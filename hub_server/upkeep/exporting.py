"""A repository as an ordinary bare Git repository with its large files, for whoever wants to leave.

FOLDER/HEAD config packed-refs objects/pack/…     what git reads
FOLDER/lfs/objects/aa/bb/<oid>                    where git-lfs looks
FOLDER/hub.json                                   what Git has no place for
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from hub_server.blobs import CHUNK
from hub_server.contents import Hub
from hub_server.db import now
from hub_server.db.tables.repos import Repo
from hub_server.errors import Conflict, Lost
from hub_server.git import Pack, RefLine
from hub_server.gitstore import CONVERTS, HEADS, PULLS, TAGS, Repository
from hub_server.lfs import Pointer
from hub_server.upkeep.backup_blobs import WORKERS, in_order, persistently, sync_file_system
from hub_server.upkeep.export_packs import NO_LIMIT, Origin, look_through, pack_all
from hub_server.upkeep.progress import Progress, silent

METADATA = "hub.json"
PARTIAL = ".partial"
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
_KEPT = ("kind", "full_name", "private", "gated", "discussions_disabled", "default_branch",
         "downloads", "likes", "tags")  # fmt: skip


@dataclass
class Exported:
    """The summary of an export. `missing`: large files that the hub should have and has not."""

    repo: str
    folder: str
    refs: int = 0
    objects: int = 0
    large_files: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def export(
    hub: Hub, repo: Repo, folder: Path, *, pulls: bool = False, progress: Progress | None = None
) -> Exported:
    """Write the repository to `folder`, which must not be there or be empty.

    `pulls` takes along refs/pr/*. Grows beside it under another name. Raises Conflict, and what
    reading objects raises.
    """
    progress = progress or Progress(silent)
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("{folder} is not empty; choose another folder.", folder=str(folder))
    place = _fresh(folder)
    done = Exported(f"{repo.kind}/{repo.full_name}", str(folder))
    view = hub.git.open(repo.id, default_branch=repo.default_branch)
    wanted = (HEADS, TAGS, CONVERTS, PULLS) if pulls else (HEADS, TAGS, CONVERTS)
    lines = view.refs(wanted)
    progress.stage(f"{done.repo}: {len(lines)} refs")
    _write_refs(place, view, lines)
    if lines:
        _write_objects(hub, view, lines, place, done)
        _write_large_files(hub, repo.id, place, done, progress)
    done.refs = len(lines)
    (place / METADATA).write_text(json.dumps(_metadata(repo), indent=1, ensure_ascii=False))
    sync_file_system(place)
    if folder.exists():
        folder.rmdir()
    place.rename(folder)
    return done


def every_repository(hub: Hub) -> list[Repo]:
    """All but deleted ones, in the order of their names."""
    with hub.database.read() as session:
        found = select(Repo).where(Repo.deleted_at.is_(None)).order_by(Repo.kind, Repo.name_key)
        return list(session.scalars(found))


def folder_of(root: Path, repo: Repo) -> Path:
    return root / f"{repo.kind}s" / f"{repo.full_name}.git"


def _fresh(folder: Path) -> Path:
    """A place to write, without what an interrupted export left there."""
    place = folder.with_name(folder.name + PARTIAL)
    if (place / "packed-refs").exists() or (place / "HEAD").exists():
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise Conflict("{folder} is in the way; remove it.", folder=str(place))
    return place


def _write_refs(place: Path, view: Repository, lines: Sequence[RefLine]) -> None:
    (place / "HEAD").write_bytes(b"ref: %s\n" % view.head)
    (place / "config").write_text(_CONFIG)
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (place / name).mkdir(parents=True)
    with (place / "packed-refs").open("wb") as file:
        file.write(b"# pack-refs with: peeled fully-peeled sorted \n")
        for line in sorted(lines):
            file.write(b"%s %s\n" % (line.id.encode(), line.name))
            if line.peeled:
                file.write(b"^%s\n" % line.peeled.encode())


def _write_objects(
    hub: Hub, view: Repository, lines: Sequence[RefLine], place: Path, done: Exported
) -> None:
    origin = Origin(view.git_dir / "objects", view.objects)
    tips = list(dict.fromkeys(line.id for line in lines))
    files = pack_all(origin, tips, place / "objects" / "pack", hub.git_program)
    done.objects = files.count
    done.bytes += files.size


def _write_large_files(
    hub: Hub, repo_id: int, place: Path, done: Exported, progress: Progress
) -> None:
    packs = list((place / "objects" / "pack").glob("*.pack"))
    found = [look_through(Pack.open(path, path.with_suffix(".idx")), NO_LIMIT) for path in packs]
    pointers = {each.oid: each for one in found for each in one.pointers.values()}
    with hub.database.read() as session:  # what others pointed at is not the repository's
        linked = hub.objects.is_linked(session, repo_id, pointers.keys())
    done.missing = sorted(pointers.keys() - linked.keys())
    progress.stage(f"{done.repo}: large files", len(linked))
    for pointer, written in _written(hub, [pointers[oid] for oid in sorted(linked)], place):
        progress.step(1, pointer.size)
        if written is None:
            done.missing.append(pointer.oid)
        else:
            done.large_files += 1
            done.bytes += written


def _written(
    hub: Hub, pointers: Sequence[Pointer], place: Path
) -> Iterator[tuple[Pointer, int | None]]:
    """Each pointer, and the bytes of its file; None for one that is lost or damaged."""

    def write(pointer: Pointer) -> tuple[Pointer, int | None]:
        path = large_file(place / "lfs", pointer.oid)
        return pointer, persistently(lambda: _copy_out(hub, pointer.oid, path))

    with ThreadPoolExecutor(WORKERS, "export") as pool:
        yield from in_order((pool.submit(write, each) for each in pointers), ahead=WORKERS * 2)


def large_file(lfs: Path, oid: str) -> Path:
    """Where git-lfs keeps an object below `.git/lfs`."""
    return lfs / "objects" / oid[:2] / oid[2:4] / oid


def _copy_out(hub: Hub, oid: str, path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    fresh = path.with_name(f"{oid}.new")
    try:
        with hub.objects.open(oid) as source, fresh.open("wb") as file:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
    except Lost:
        fresh.unlink(missing_ok=True)
        return None
    if digest.hexdigest() != oid:
        fresh.unlink()
        return None
    fresh.replace(path)
    return size


def _metadata(repo: Repo) -> dict[str, Any]:
    kept = {name: getattr(repo, name) for name in _KEPT}
    times = {"created_at": repo.created_at.isoformat(), "exported_at": now().isoformat()}
    return {"format": 1, **kept, **times, "card_data": repo.card_data}
