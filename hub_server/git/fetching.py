"""Answers one fetch: which wants are allowed, what is common, where history is cut, the pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub_server.git.ancestry import CommitGraph, all_reach
from hub_server.git.errors import BadProtocol, NotOurRef
from hub_server.git.fetchrequest import FetchRequest
from hub_server.git.listing import Selection, list_objects
from hub_server.git.packwriter import PackStyle, write_native
from hub_server.git.shallow import Cut, Deepen, cut_history
from hub_server.git.sources import FetchSource, RefLine, visible_refs
from hub_server.git.subprocesses import GitProgram, PackOrder, pack_objects
from hub_server.git.types import ObjectId

_READY_STEPS = 20_000
"""Commits looked at to find out whether the client told enough; it goes on telling otherwise."""


@dataclass(slots=True)
class Fetch:
    """A request bound to a repository, while it is answered."""

    source: FetchSource
    request: FetchRequest
    graph: CommitGraph
    common: dict[ObjectId, None]
    _ready: tuple[int, bool] = (0, False)

    @classmethod
    def of(cls, source: FetchSource, request: FetchRequest) -> Fetch:
        """Raises NotOurRef unless every want may be fetched."""
        _check_wants(source, request)
        return cls(source, request, CommitGraph(source.objects), {})

    def has(self, object_id: ObjectId) -> bool:
        """Take note of what the client has; whether the repository has it too."""
        if object_id not in self.source.objects:
            return False
        self.common[object_id] = None
        return True

    def is_ready(self) -> bool:
        """Whether every want reaches something common, so that a small pack can be made."""
        known, ready = self._ready
        if not ready and known != len(self.common):
            commons = set(self.graph.commits(self.common))
            tips = self.graph.commits(self.request.wants)
            ready = all_reach(self.graph, tips, commons, limit=_READY_STEPS)
            self._ready = len(self.common), ready
        return ready

    def cut(self) -> Cut:
        """Raises BadProtocol for contradicting depths."""
        request = self.request
        client = [
            commit
            for commit in request.shallow
            if commit in self.source.objects and self.source.objects.kind(commit) == "commit"
        ]
        deepen = Deepen(
            request.depth, request.relative, request.since, self._resolve(request.not_refs)
        )
        return cut_history(self.graph, request.wants, client, deepen)

    def _resolve(self, names: Sequence[bytes]) -> tuple[ObjectId, ...]:
        if not names:
            return ()
        known = {line.name: line.id for line in self.source.refs([b"refs/"])}
        found: list[ObjectId] = []
        for name in names:
            forms = (name, b"refs/" + name, b"refs/tags/" + name, b"refs/heads/" + name)
            match = next((known[form] for form in forms if form in known), None)
            if match is None:
                raise BadProtocol(
                    "deepen-not is not a ref: {name}", name=name[:200].decode("utf-8", "replace")
                )
            found.append(match)
        return tuple(found)

    def send_pack(
        self,
        cut: Cut,
        git: GitProgram | None,
        on_pack: Callable[[bytes], object],
        on_progress: Callable[[bytes], object],
    ) -> None:
        """Make the pack by the git program where there is one, else natively."""
        request, git_dir = self.request, self.source.git_dir
        wants = [*request.wants, *cut.extra_wants]
        tags = self._tags() if request.include_tag else []
        if git is not None and git_dir is not None:
            order = PackOrder(
                wants=wants,
                haves=[*self.common, *cut.edges],
                cut=sorted(cut.cut),
                filter=request.filter.spec() if request.filtered else None,
                tags=tags,
                thin=request.thin,
                ofs_delta=request.ofs_delta,
            )
            progress = None if request.no_progress else on_progress
            pack_objects(git, git_dir, order, on_pack, progress)
            return
        selection = Selection(wants, list(self.common), cut.edges, cut.cut, request.filter, tags)
        listing = list_objects(self.source.objects, selection)
        if not request.no_progress:
            on_progress(b"Sending %d objects, done.\n" % len(listing.ids))
        style = PackStyle(ofs_delta=request.ofs_delta, thin=request.thin)
        write_native(self.source.objects, listing, style, on_pack)

    def _tags(self) -> list[RefLine]:
        refs = visible_refs(self.source, [b"refs/tags/"])
        return [line for line in refs if line.peeled and line.id not in self.request.wants]


def _check_wants(source: FetchSource, request: FetchRequest) -> None:
    allowed = source.is_fetchable(list(request.wants)) if request.wants else set()
    for want in request.wants:
        if want not in allowed or want not in source.objects:
            raise NotOurRef(want)
