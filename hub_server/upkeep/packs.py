"""Packs of a repository: the blobs as they were recorded, and what is in them."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from hub_server.blobs import BlobMissing
from hub_server.git import Census, GitError, Pack
from hub_server.gitstore import DamagedPack
from hub_server.gitstore.records import PackRecord
from hub_server.upkeep.findings import Finding
from hub_server.upkeep.looking import Look, Problem

NAMED = 3
ADVICE = (
    "Bring {key} back from a backup of the store; without one, create the repository anew and "
    "push a complete clone of it."
)


def open_pack(
    look: Look, repo_id: int, repo: str, record: PackRecord, stack: ExitStack
) -> tuple[Pack | None, Finding | None]:
    """The pack where it can be read at all, and the first thing that is wrong with its blobs.

    The files live until `stack` closes: the store's own, or copies in a folder of this check.
    """
    recorded = (
        (record.pack_key, record.size, record.pack_sha256),
        (record.index_key, record.index_size, record.index_sha256),
    )
    problems: list[tuple[str, Problem]] = []
    paths: list[Path] = []
    folder = None if look.fast else stack.enter_context(look.hub.git.work_folder())
    for key, size, sha256 in recorded:
        local = look.hub.blobs.local_path(key)
        copy = folder / key.rpartition("/")[2] if folder and local is None else None
        problem = look.problem(key, size, sha256, copy=copy)
        problems += [(key, problem)] if problem else []
        paths += [path for path in (copy or local,) if path is not None]
    finding = _finding(repo, *problems[0]) if problems else None
    if any(problem.code != "altered" for _, problem in problems):
        return None, finding
    try:
        if look.fast:
            return _cached(look, repo_id, record, stack), finding
        return Pack.open(*paths), finding
    except (GitError, DamagedPack, BlobMissing) as failure:
        return None, finding or _finding(repo, record.pack_key, Problem("altered", str(failure)))


def _cached(look: Look, repo_id: int, record: PackRecord, stack: ExitStack) -> Pack:
    """From this node's cache, which holds nothing that was not checked when it was fetched."""
    cache = look.hub.git.cache
    pin = cache.pin(repo_id)
    stack.callback(lambda held: None, pin)
    return Pack.open(*cache.ensure(repo_id, record))


def _finding(repo: str, key: str, problem: Problem) -> Finding:
    advice = ADVICE.format(key=key)
    return Finding("error", f"pack-{problem.code}", key, problem.message, repo, advice)


def verified(repo: str, census: Census, pack: Pack) -> Iterator[Finding]:
    """At most one finding: how many objects of the pack are not what their ids say."""
    key = f"pack/{pack.pack_path.name}"
    damages = census.verify(pack)
    first = list(islice(damages, NAMED))
    if not first:
        return
    count = len(first) + sum(1 for _ in damages)
    said = "; ".join(f"{each.object_id or 'the files'}: {each.reason}" for each in first)
    message = f"{key} holds {count} objects that cannot be trusted: {said}."
    yield Finding("error", "pack-contents", key, message, repo, ADVICE.format(key=key))
