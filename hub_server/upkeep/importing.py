"""An existing Git repository with its large files into the hub, history as it is.

The steps, each with a fault point: 1 a row for the repository, if there is none; 2 one pack of all
that its refs reach; 3 its large files; 4 refs, links and the catalog's record in one transaction.
Cut off before the last, it leaves an empty repository, into which the same import may be begun
again, and garbage that is collected.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server import git, repos
from hub_server.accounts import OPERATOR, users
from hub_server.blobs import DigestMismatch, SizeMismatch
from hub_server.contents import Hub, Landing, Snapshot, land_in, of_commit
from hub_server.contents.cards_of import record_or_none
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.repos import KINDS, Kind, Repo
from hub_server.errors import BadRequest, Conflict, HubError, TooLarge
from hub_server.faults import point
from hub_server.git import GitError, Pack, PackSet
from hub_server.gitstore import HEADS, PULLS, RefUpdate, StagedPack
from hub_server.lfs import Pointer
from hub_server.objects import Claim
from hub_server.upkeep import import_rules as rules
from hub_server.upkeep.backup_blobs import WORKERS, in_order, persistently
from hub_server.upkeep.export_packs import Contents, look_through, pack_all, what_a_push_would_say
from hub_server.upkeep.exporting import large_file
from hub_server.upkeep.import_source import Refs, Source, find, read_refs
from hub_server.upkeep.progress import Progress, silent


@dataclass(frozen=True)
class Wish:
    """What the new repository shall be; None leaves it to `hub.json` of an export, then defaults.

    `owner` is the user who counts as its creator.
    """

    full_name: str
    kind: Kind | None = None
    owner: str | None = None
    private: bool | None = None
    pulls: bool = False


@dataclass
class Imported:
    """The summary of an import. `missing`: oids of large files that nobody had."""

    repo: str
    refs: int = 0
    objects: int = 0
    large_files: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "warnings"}


def import_repository(
    hub: Hub, folder: Path, wish: Wish, progress: Progress | None = None
) -> Imported:
    """Bring the repository in `folder` in. What a push would be refused for is told as a warning.

    Raises NotImportable, Conflict if a repository with commits has the name, what `repos.create`
    raises; GitError when objects are missing or damaged.
    """
    source = find(folder)
    kind = wish.kind or _kind(source.metadata().get("kind"))
    refs = read_refs(source, pulls=wish.pulls)
    repo, fresh = _prepare(hub, source, wish, kind, refs.default_branch)
    point("import.created")
    bringing = _Bringing(hub, repo, source, refs, progress or Progress(silent))
    done = False
    try:
        bringing.run()
        done = True
    finally:
        if fresh and not done:
            with hub.database.write() as session:
                repos.delete(session, session.merge(repo))
    return bringing.done


def _kind(stated: object) -> Kind:
    if stated is not None and stated not in KINDS:
        raise BadRequest("hub.json names a kind that is none; give --kind.")
    kind: Kind = stated or "model"
    return kind


def _prepare(
    hub: Hub, source: Source, wish: Wish, kind: Kind, default_branch: str
) -> tuple[Repo, bool]:
    """The row of an empty repository, and whether it was made now."""
    with hub.database.write() as session:
        repo = repos.find(session, kind, wish.full_name)
        fresh = repo is None
        if repo is None:
            repo = _create(session, source, wish, kind)
        elif session.scalar(select(GitRef.name).where(GitRef.repo_id == repo.id).limit(1)):
            raise Conflict(
                "The {kind} {name} exists and is not empty; choose another name.",
                kind=kind,
                name=repo.full_name,
            )
        repo.default_branch = default_branch
        session.flush()
    return repo, fresh


def _create(session: Session, source: Source, wish: Wish, kind: Kind) -> Repo:
    stated = source.metadata()
    private = stated.get("private") if wish.private is None else wish.private
    private = private if isinstance(private, bool) else None
    repo = repos.create(session, OPERATOR, kind, wish.full_name, private=private)
    gated: Literal["auto", "manual"] | None = stated.get("gated")
    if gated in ("auto", "manual") and kind != "space":
        repo.gated = gated
    repo.discussions_disabled = stated.get("discussions_disabled") is True
    namespace = repo.full_name.split("/")[0]
    owner = users.account_named(session, wish.owner or namespace)
    if owner.kind == "user":
        repo.created_by = owner.id
    elif wish.owner:
        raise BadRequest("{name} is not a user.", name=wish.owner)
    return repo


class _Bringing:
    """One import on its way."""

    def __init__(
        self, hub: Hub, repo: Repo, source: Source, refs: Refs, progress: Progress
    ) -> None:
        self.hub = hub
        self.repo = repo
        self.source = source
        self.refs = refs
        self.progress = progress
        self.done = Imported(f"{repo.kind}/{repo.full_name}")
        self.tips = list(dict.fromkeys(refs.values.values()))

    def run(self) -> None:
        for name, reason in self.refs.left.items():
            self._warn(f"{name.decode(errors='replace')} was left out: {reason}")
        if not self.tips:
            self._warn("It has no branches and no tags: nothing was imported.")
            return
        with self.hub.git.work_folder() as folder:
            self.progress.stage(f"packing {len(self.refs.values)} refs")
            program = self.hub.git_program
            files = pack_all(self.source.origin(), self.tips, folder, program)
            if complaint := what_a_push_would_say(files, folder, program):
                self._warn(f"A push would be refused: {complaint}")
            pack = Pack.open(files.pack, files.idx)
            point("import.packed")
            contents = look_through(pack, self.hub.settings.max_git_file)
            objects = PackSet([pack], limit=self.hub.git.object_limit)
            updates = list(self._updates(objects))
            head = self._head(objects, updates)
            oids = self._large_files(contents)
            self._judge(objects, contents, head)
            point("import.large_files")
            self.done.objects, self.done.bytes = files.count, self.done.bytes + files.size
            staged = self.hub.git.stage(self.repo.id, files)
        point("import.staged")
        self._land(updates, staged, oids, head)

    def _updates(self, objects: PackSet) -> Iterator[RefUpdate]:
        for name, value in self.refs.values.items():
            peeled = None
            try:
                commit = git.peel(objects, value)
            except GitError as failure:
                if not name.startswith(b"refs/tags/"):
                    self._warn(f"{name.decode(errors='replace')} was left out: {failure}")
                    continue
            else:
                peeled = commit if commit != value else None
            yield RefUpdate(name, None, value, peeled)

    def _head(self, objects: PackSet, updates: Sequence[RefUpdate]) -> Snapshot | None:
        wanted = HEADS + self.repo.default_branch.encode("utf-8", "surrogateescape")
        tip = next((each.new for each in updates if each.name == wanted), None)
        return of_commit(self.hub, self.repo.id, objects, tip) if tip else None

    def _large_files(self, contents: Contents) -> set[str]:
        """Oids that the repository may link: brought from the folder, or in the hub already."""
        pointers = {each.oid: each for each in contents.pointers.values()}
        self.progress.stage("large files", len(pointers))
        there = set()
        with ThreadPoolExecutor(WORKERS, "import") as pool:
            work = (pool.submit(self._bring, each) for each in pointers.values())
            for pointer, brought in in_order(work, ahead=WORKERS * 2):
                self.progress.step(1, pointer.size)
                if brought:
                    there.add(pointer.oid)
                    self.done.large_files += 1
                    self.done.bytes += pointer.size
        self.done.missing = sorted(pointers.keys() - there)
        return there

    def _bring(self, pointer: Pointer) -> tuple[Pointer, bool]:
        return pointer, persistently(lambda: self._is_here(pointer))

    def _is_here(self, pointer: Pointer) -> bool:
        with self.hub.database.read() as session:
            known = self.hub.objects.lookup(session, pointer.oid)
        if known is not None and known.size == pointer.size:
            return True  # whoever runs commands here may read all there is
        path = large_file(self.source.large_files, pointer.oid)
        if not path.is_file():
            return False
        limit = self.hub.settings.max_lfs_file
        try:
            with path.open("rb") as file:
                received = self.hub.incoming.receive(
                    file, limit=limit, expect_size=pointer.size, expect=pointer.oid
                )
        except (DigestMismatch, SizeMismatch):
            self._warn(f"{path} is damaged and was left out.")
            return False
        except TooLarge:
            self._warn(f"{path} is larger than HUB_MAX_LFS_FILE and was left out.")
            return False
        self.hub.objects.store_received(received, Claim(self.repo.id, None))
        return True

    def _judge(self, objects: PackSet, contents: Contents, head: Snapshot | None) -> None:
        missing = set(self.done.missing)
        lost = {blob: each for blob, each in contents.pointers.items() if each.oid in missing}
        paths = rules.paths_of(objects, self.tips, {*contents.large, *lost})
        if contents.large:
            limit = self.hub.settings.max_git_file
            self._warn(rules.large_files(contents.large, paths, limit))
        if lost:
            self._warn(rules.missing_large_files(lost.items(), paths))
        for sentence in (
            *rules.unsafe_paths(objects, self.tips),
            *rules.card(self.hub, head, self.repo.kind),
        ):
            self._warn(sentence)

    def _land(
        self,
        updates: Sequence[RefUpdate],
        staged: StagedPack,
        oids: set[str],
        head: Snapshot | None,
    ) -> None:
        region = self.hub.settings.region
        record = record_or_none(head, self.repo.kind, region) if head else None
        mine = [each for each in updates if not each.name.startswith(PULLS)]
        pulls = [each for each in updates if each.name.startswith(PULLS)]
        landing = Landing(
            self.repo.id,
            OPERATOR,
            mine,
            self.repo.prunes,
            staged=[staged],
            atomic=True,
            oids=oids,
            record=record,
        )
        try:
            with self.hub.git.queue(self.repo.id), self.hub.database.write() as session:
                results = land_in(session, self.hub, landing)
                results |= self.hub.git.publish(
                    session, self.repo.id, None, pulls, who=None, atomic=True
                )
                _expect_moved(results)
        except HubError:
            self.hub.git.discard(staged)
            raise
        self.done.refs = len(results)

    def _warn(self, sentence: str) -> None:
        self.done.warnings.append(sentence)


def _expect_moved(results: dict[bytes, str | None]) -> None:
    for name, reason in results.items():
        if reason:
            raise Conflict(
                "{name} cannot be made: {reason}.",
                name=name.decode(errors="replace"),
                reason=reason,
            )
