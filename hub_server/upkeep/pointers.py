"""Pointers to large files in a repository's history: does each lead to an object it may use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hub_server import git
from hub_server.git import GitError, ObjectId, PackSet, Tip
from hub_server.lfs import Pointer, parse_pointer
from hub_server.upkeep.findings import Finding, several
from hub_server.upkeep.looking import Look

AT_ONCE = 500
SEARCHED = 300_000
"""Entries of trees that are looked through for the paths of pointers."""
ADVICE = (
    "Have somebody who has the file send it again (`git lfs push --all`), or bring the rows back "
    "from a backup."
)


@dataclass
class Pointers:
    """The pointers met so far that do not lead where they should, by the blob that holds them."""

    look: Look
    repo_id: int
    lost: dict[ObjectId, Pointer] = field(default_factory=dict)
    removed: dict[ObjectId, Pointer] = field(default_factory=dict)
    wrong_size: dict[ObjectId, tuple[Pointer, int]] = field(default_factory=dict)
    _waiting: dict[ObjectId, Pointer] = field(default_factory=dict)

    def meet(self, blob: ObjectId, data: bytes) -> None:
        if pointer := parse_pointer(data):
            self._waiting[blob] = pointer
            if len(self._waiting) >= AT_ONCE:
                self.settle()

    def settle(self) -> None:
        """Ask the database about those that wait."""
        oids = {pointer.oid for pointer in self._waiting.values()}
        objects = self.look.hub.objects
        with self.look.hub.database.read() as session:
            linked = objects.is_linked(session, self.repo_id, oids)
            removed = objects.removed(session, self.repo_id, oids - linked.keys())
        for blob, pointer in self._waiting.items():
            info = linked.get(pointer.oid)
            if info is None:
                (self.removed if pointer.oid in removed else self.lost)[blob] = pointer
            elif info.size != pointer.size:
                self.wrong_size[blob] = pointer, info.size
        self._waiting.clear()


def pointer_findings(
    repo: str, pointers: Pointers, objects: PackSet, tips: Sequence[Tip]
) -> Iterator[Finding]:
    wanted = {*pointers.lost, *pointers.wrong_size}
    places = _places(objects, tips, wanted) if wanted else {}
    yield from several(
        (_lost(repo, pointer, places.get(blob)) for blob, pointer in pointers.lost.items()),
        lambda count: Finding(
            "error", "pointer-broken", "…", f"{count} more pointers lead nowhere.", repo, ADVICE
        ),
    )
    yield from several(
        (
            _wrong(repo, pointer, size, places.get(blob))
            for blob, (pointer, size) in pointers.wrong_size.items()
        ),
        lambda count: Finding(
            "error", "pointer-size", "…", f"{count} more pointers tell another size.", repo
        ),
    )
    if pointers.removed:
        count = len(pointers.removed)
        message = f"Its history has {count} pointers to large files that were removed on purpose."
        yield Finding("note", "pointers-removed", "pointers", message, repo)


def _lost(repo: str, pointer: Pointer, place: str | None) -> Finding:
    where = place or "A file of its history"
    message = f"{where} points at a large file of {pointer.size} bytes, which it may not use."
    return Finding("error", "pointer-broken", pointer.oid, message, repo, ADVICE)


def _wrong(repo: str, pointer: Pointer, size: int, place: str | None) -> Finding:
    where = place or "A file of its history"
    message = f"{where} says that it has {pointer.size} bytes; the large file has {size}."
    return Finding("error", "pointer-size", pointer.oid, message, repo)


def _places(objects: PackSet, tips: Sequence[Tip], wanted: set[ObjectId]) -> dict[ObjectId, str]:
    """A path and a ref for each blob that some tip has now."""
    found: dict[ObjectId, str] = {}
    seen: set[ObjectId] = set()
    left = SEARCHED
    for tip in tips:
        try:
            tree = git.read_commit(objects, tip.object_id).tree
            if tree in seen:
                continue
            seen.add(tree)
            for path, entry in islice(git.walk(objects, tree), left):
                left -= 1
                if entry.id in wanted:
                    found.setdefault(entry.id, f"{path.decode(errors='replace')} ({tip.name})")
        except GitError:
            continue  # told elsewhere
        if left <= 0 or wanted <= found.keys():
            break
    return found
