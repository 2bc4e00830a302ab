"""Which objects the refs of a repository reach, so that nobody fetches what was pushed away.

One set of raw ids for each repository, for the refs it had when it was asked last. Refs that only
went forward make it grow by what is new; a ref that went away or back makes it be built again.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from hub_server.git.commits import parse_links, parse_tag
from hub_server.git.errors import ObjectMissing
from hub_server.git.packs import PackSet
from hub_server.git.trees import parse_tree
from hub_server.git.types import ObjectId

BUDGET = 3_000_000
"""Objects looked at for one answer; what lies beyond counts as not reachable."""
KEPT = 3_000_000
"""Ids kept in all, about 90 bytes each."""


@dataclass
class _Known:
    tips: frozenset[ObjectId] = frozenset()
    ids: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Reachable:
    """Safe to ask from several threads; asks for one repository take turns."""

    def __init__(self, *, budget: int = BUDGET, kept: int = KEPT) -> None:
        self.budget = budget
        self.kept = kept
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def among(
        self, repo_id: int, objects: PackSet, tips: Iterable[ObjectId], wanted: set[ObjectId]
    ) -> set[ObjectId]:
        """Those of `wanted` that `tips` reach."""
        with self._lock:
            known = self._known.setdefault(repo_id, _Known())
            self._known.move_to_end(repo_id)
        with known.lock:
            self._bring_up(known, objects, frozenset(tips))
            found = {each for each in wanted if bytes.fromhex(each) in known.ids}
        self._forget_some()
        return found

    def _bring_up(self, known: _Known, objects: PackSet, tips: frozenset[ObjectId]) -> None:
        if tips == known.tips:
            return
        walk = _Walk(objects, known.ids, self.budget)
        walk.run(tips - known.tips)
        left_behind = {bytes.fromhex(tip) for tip in known.tips - tips} - walk.touched
        if left_behind:
            walk = _Walk(objects, set(), self.budget)
            walk.run(tips)
        known.tips, known.ids = tips, walk.ids

    def _forget_some(self) -> None:
        with self._lock:
            total = sum(len(each.ids) for each in self._known.values())
            while total > self.kept and len(self._known) > 1:
                total -= len(self._known.popitem(last=False)[1].ids)


def extend(objects: PackSet, ids: set[bytes], tips: Iterable[ObjectId]) -> None:
    """Add everything that `tips` reach to raw `ids`, but for what `ids` lead to already.

    What is missing is passed over, however much there is to walk.
    """
    _Walk(objects, ids, sys.maxsize).run(tips)


class _Walk:
    """Adds everything that is reached to `ids`; does not go on from what is there already."""

    def __init__(self, objects: PackSet, ids: set[bytes], budget: int) -> None:
        self.objects = objects
        self.ids = ids
        self.left = budget
        self.touched: set[bytes] = set()
        """Ids met again that had been there before, or were met twice."""
        self._waiting: list[bytes] = []

    def run(self, tips: Iterable[ObjectId]) -> None:
        for tip in tips:
            self._meet(bytes.fromhex(tip))
        while self._waiting and self.left > 0:
            self.left -= 1
            object_id = self._waiting.pop().hex()
            try:
                kind, data = self.objects.read(object_id)
            except ObjectMissing:
                continue
            if kind == "tree":
                self._meet_entries(data)
            elif kind == "commit":
                links = parse_links(data)
                for other in (links.tree, *links.parents):
                    self._meet(bytes.fromhex(other))
            elif kind == "tag":
                self._meet(bytes.fromhex(parse_tag(object_id, data).target))

    def _meet(self, raw: bytes) -> None:
        if raw in self.ids:
            self.touched.add(raw)
        else:
            self.ids.add(raw)
            self._waiting.append(raw)

    def _meet_entries(self, data: bytes) -> None:
        for entry in parse_tree(data):
            raw = bytes.fromhex(entry.id)
            if raw in self.ids or entry.is_submodule:
                continue
            self.ids.add(raw)
            if entry.is_tree:
                self._waiting.append(raw)
            else:
                self.left -= 1
