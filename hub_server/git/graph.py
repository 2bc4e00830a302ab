"""The commit graph: who descends from whom. Reads commits only, newest first, and as few as it can.

Walks paint two sides towards their common past and stop where everything left is common. Clocks
may lie: they cost time, never a wrong answer to `is_ancestor`.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

from hub_server.git.commits import Links, parse_commit, parse_links, parse_tag
from hub_server.git.errors import BadObject, NotACommit
from hub_server.git.types import Commit, ObjectId, ObjectReader

_TAG_DEPTH = 32
_LEFT, _RIGHT, _BOTH = 1, 2, 3


class Graph:
    """Parents, trees and times of commits, each read once."""

    def __init__(self, objects: ObjectReader) -> None:
        self.objects = objects
        self._links: dict[ObjectId, Links] = {}

    def links(self, commit_id: ObjectId) -> Links:
        """Raises ObjectMissing, NotACommit, BadObject."""
        links = self._links.get(commit_id)
        if links is None:
            kind, data = self.objects.read(commit_id)
            if kind != "commit":
                raise NotACommit(commit_id, kind)
            links = self._links[commit_id] = parse_links(data)
        return links


class DateQueue:
    """Commits waiting, the newest first and among equals the first to come; each waits once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.waiting: set[ObjectId] = set()
        self._heap: list[tuple[int, int, ObjectId]] = []
        self._turn = count()

    def __bool__(self) -> bool:
        return bool(self._heap)

    def push(self, commit_id: ObjectId) -> None:
        if commit_id not in self.waiting:
            self.waiting.add(commit_id)
            heappush(self._heap, (-self.graph.links(commit_id).time, next(self._turn), commit_id))

    def pop(self) -> ObjectId:
        commit_id = heappop(self._heap)[2]
        self.waiting.remove(commit_id)
        return commit_id

    @property
    def newest(self) -> int:
        return -self._heap[0][0]


def peel(objects: ObjectReader, object_id: ObjectId) -> ObjectId:
    """The commit that a commit or annotated tag stands for; raises NotACommit, ObjectMissing."""
    for _ in range(_TAG_DEPTH):
        kind = objects.kind(object_id)
        if kind == "commit":
            return object_id
        if kind != "tag":
            raise NotACommit(object_id, kind)
        object_id = parse_tag(object_id, objects.read(object_id)[1]).target
    raise BadObject("The tag {id} points to too many tags", id=object_id)


def read_commit(objects: ObjectReader, object_id: ObjectId) -> Commit:
    """The commit, through annotated tags."""
    kind, data = objects.read(object_id)
    if kind != "commit":
        object_id = peel(objects, object_id)
        kind, data = objects.read(object_id)
    return parse_commit(object_id, data)


def is_ancestor(objects: ObjectReader, old: ObjectId, new: ObjectId) -> bool:
    """Whether `new` contains `old`; a commit contains itself."""
    return old == new or _paint(Graph(objects), old, new, stop=old).get(old) == _BOTH


def merge_base(objects: ObjectReader, a: ObjectId, b: ObjectId) -> ObjectId | None:
    """The best common ancestor, the newest if there are several; None for unrelated histories."""
    if a == b:
        return a
    graph = Graph(objects)
    colors = _paint(graph, a, b)
    common = {commit_id for commit_id, color in colors.items() if color == _BOTH}
    common -= {parent for commit_id in common for parent in graph.links(commit_id).parents}
    best = [one for one in common if not any(_contains(objects, two, one) for two in common)]
    return max(best, key=lambda one: (graph.links(one).time, one), default=None)


def commits_ahead(
    objects: ObjectReader, base: ObjectId, head: ObjectId, *, limit: int = 1000
) -> list[Commit]:
    """What `head` contains and `base` does not, newest first, as `git log base..head`."""
    graph = Graph(objects)
    ahead = [one for one, color in _paint(graph, base, head).items() if color == _RIGHT]
    ahead.sort(key=lambda one: -graph.links(one).time)
    return [read_commit(objects, commit_id) for commit_id in ahead[:limit]]


def count_commits(objects: ObjectReader, start: ObjectId) -> int:
    """All commits that `start` contains, itself included."""
    graph = Graph(objects)
    seen = {start}
    waiting = [start]
    while waiting:
        new = set(graph.links(waiting.pop()).parents) - seen
        seen |= new
        waiting.extend(new)
    return len(seen)


def _contains(objects: ObjectReader, new: ObjectId, old: ObjectId) -> bool:
    return new != old and is_ancestor(objects, old, new)


def _paint(
    graph: Graph, left: ObjectId, right: ObjectId, *, stop: ObjectId | None = None
) -> dict[ObjectId, int]:
    """Which of the two sides contain each commit met, children before parents.

    Ends when all that waits belongs to both sides and is older than all that belongs to one, or
    when `stop` is found to belong to both.
    """
    colors = {left: _LEFT}
    colors[right] = colors.get(right, 0) | _RIGHT
    queue = DateQueue(graph)
    queue.push(left)
    queue.push(right)
    one_sided = {left, right}
    oldest = max(graph.links(left).time, graph.links(right).time)
    while queue and (one_sided or queue.newest >= oldest) and colors.get(stop or "") != _BOTH:
        commit_id = queue.pop()
        color = colors[commit_id]
        links = graph.links(commit_id)
        one_sided.discard(commit_id)
        if color != _BOTH:
            oldest = min(oldest, links.time)
        for parent in links.parents:
            known = colors.get(parent, 0)
            if known | color != known:
                colors[parent] = known | color
                queue.push(parent)
                (one_sided.discard if colors[parent] == _BOTH else one_sided.add)(parent)
    return colors
