"""What a push or a commit may bring, the same by both doors; only what a change adds is looked at.

- no path that some client could not check out safely
- no regular file above the limit: large files belong in LFS
- no pointer to an object that is not the repository's, nor provably the caller's to bring in
- on the default branch, no README whose metadata is refused
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub_server import repos
from hub_server.accounts import Caller
from hub_server.accounts.names import key
from hub_server.cards import Report, Surroundings, validate_card
from hub_server.contents.hub import Hub
from hub_server.contents.snapshots import README, Snapshot, raw, shown
from hub_server.db.tables.repos import Kind
from hub_server.errors import BadRequest, HubError, TooLarge, Unprocessable
from hub_server.git import ObjectId, entry_at
from hub_server.lfs import Pointer

SOME = 20
LICENSE = "LICENSE"
Name = tuple[Kind, str]


class RuleBroken(HubError):
    """`reason` fits the one line that git shows beside a ref; `details` follow as `remote:`."""

    reason = "refused"

    def __init__(self, message: str, *, details: Sequence[str] = (), **params: object) -> None:
        super().__init__(message, headers=None, **params)
        self.details = list(details)


class LargeFiles(RuleBroken, TooLarge):
    reason = "files that are too large for Git; use Git LFS"

    def __init__(self, files: Sequence[tuple[str, int]], limit: int) -> None:
        named = some_of([f"{path} ({size / 1e6:.1f} MB)" for path, size in files])
        endings = sorted({_ending(path) for path, _ in files})[:5]
        super().__init__(
            "Files above {limit} MB must be stored with Git LFS: {files}",
            limit=limit // (1024 * 1024),
            files=named,
            details=[
                "Store them with Git LFS, also in commits that were made but not pushed yet:",
                f'  git lfs migrate import --include="{",".join(endings)}"',
                "then push again. Over HTTP, upload them as large files.",
            ],
        )


class UnsafePaths(RuleBroken, Unprocessable):
    reason = "a path that not every client can check out"


class BadPointers(RuleBroken, Unprocessable):
    """`paths` are the files that point wrongly."""

    sentence = "These LFS pointers are wrong: {files}"
    advice: Sequence[str] = ()

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(self.sentence, files=some_of(paths), details=self.advice)
        self.paths = list(paths)


class UnknownObjects(BadPointers):
    reason = "LFS objects that were never uploaded"
    sentence = "These files point at LFS objects that were not uploaded to this repository: {files}"
    advice = ("Upload them first: git lfs push --all origin, then push again.",)


class WrongSizes(BadPointers):
    reason = "LFS pointers with a wrong size"
    sentence = "These LFS pointers do not have the size of their objects: {files}"


class InvalidCard(RuleBroken, BadRequest):
    reason = "invalid metadata in README.md"

    def __init__(self, report: Report) -> None:
        problems = [str(problem) for problem in report.errors]
        more = len(problems) - SOME
        super().__init__(
            "Invalid metadata in README.md: {problems}",
            problems="; ".join(problems[:SOME]) + (f"; and {more} more" if more > 0 else ""),
            details=["Correct the block at the top of README.md, commit, and push again."],
        )
        self.body: dict[str, Any] = dict(report.as_json())


@dataclass(slots=True)
class Findings:
    """What is not refused: warnings for the client, and the objects that files now point at."""

    warnings: list[str] = field(default_factory=list)
    oids: set[str] = field(default_factory=set)


def check_sizes(sized: Iterable[tuple[str, int]], limit: int) -> None:
    large = [(path, size) for path, size in sized if size > limit]
    if large:
        raise LargeFiles(large, limit)


def check_pointers(
    hub: Hub, caller: Caller, repo_id: int, pointers: Sequence[tuple[str, Pointer]]
) -> set[str]:
    """The oids of `pointers` (path and pointer). Raises UnknownObjects or WrongSizes."""
    wanted = {pointer.oid for _, pointer in pointers}
    if not wanted:
        return wanted
    sizes = usable_objects(hub, caller, repo_id, wanted)
    if unknown := [path for path, pointer in pointers if pointer.oid not in sizes]:
        raise UnknownObjects(unknown)
    if wrong := [path for path, pointer in pointers if pointer.size != sizes[pointer.oid]]:
        raise WrongSizes(wrong)
    return wanted


def usable_objects(hub: Hub, caller: Caller, repo_id: int, oids: Collection[str]) -> dict[str, int]:
    """Size of each object that is linked to the repository, or that the caller can read elsewhere.

    Knowing a sha256 is not enough: it may stand in a private repository's pointer. Raises
    Unavailable while what the caller has sent is still being verified.
    """
    found = _usable(hub, caller, repo_id, oids)
    if rest := set(oids) - found.keys():  # sent past the hub, and not verified as yet
        hub.objects.settle(repo_id, caller.user_id, rest)
        found |= _usable(hub, caller, repo_id, rest)
    return found


def _usable(hub: Hub, caller: Caller, repo_id: int, oids: Collection[str]) -> dict[str, int]:
    with hub.database.read() as session:
        found = hub.objects.is_linked(session, repo_id, oids, user_id=caller.user_id)
        if rest := set(oids) - found.keys():
            found |= hub.objects.provable(session, caller, rest)
    return {oid: info.size for oid, info in found.items()}


def check_card(
    hub: Hub, caller: Caller, kind: Kind, old: Snapshot | None, new: Snapshot
) -> list[str]:
    """Warnings on the README that `new` brings to the default branch. Raises InvalidCard."""
    entry = new.entry(README)
    if entry is None or not entry.is_file or (old and old.entry(README) == entry):
        return []
    text = new.text(LICENSE)
    around = Surroundings(_Files(new), text, lambda names: unknown_names(hub, caller, names))
    report = validate_card(new.card(), kind, around)
    if report.errors:
        raise InvalidCard(report)
    return [f"README.md: {problem}" for problem in report.warnings]


def unknown_names(hub: Hub, caller: Caller, names: Collection[Name]) -> set[Name]:
    """Those that lead to no repository that the caller may see."""
    with hub.database.read() as session:
        found = repos.named(session, caller, names)
    return {(kind, name) for kind, name in names if (kind, key(name)) not in found}


class _Files(Collection[str]):
    """The paths of a revision, looked up one at a time: nobody needs all of 100,000."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __contains__(self, path: object) -> bool:
        found = entry_at(self._snapshot.objects, self._snapshot.tree, raw(str(path)))
        return found is not None

    def __iter__(self) -> Iterator[str]:
        return (shown(path) for path, entry in self._snapshot.walk() if not entry.is_tree)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def some_of(names: Sequence[str]) -> str:
    more = len(names) - SOME
    return ", ".join(names[:SOME]) + (f" and {more} more" if more > 0 else "")


def pointers_among(
    snapshot: Snapshot, blobs: Iterable[tuple[str, ObjectId]]
) -> Iterator[tuple[str, Pointer]]:
    for path, blob_id in blobs:
        pointer = snapshot.facts(blob_id).pointer
        if pointer:
            yield path, pointer


def _ending(path: str) -> str:
    name = path.rpartition("/")[2]
    return f"*.{name.rpartition('.')[2]}" if "." in name.strip(".") else path
