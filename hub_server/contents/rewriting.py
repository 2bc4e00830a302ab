"""History without certain large files: trees, commits and tags made anew where they had them."""

import re

from hub_server.contents.memory import Memory
from hub_server.contents.snapshots import blob_facts
from hub_server.git import (
    Entry,
    NewObject,
    ObjectId,
    PackSet,
    list_tree,
    parse_tag,
    read_commit,
)
from hub_server.git.rawtrees import format_line

_SIGNATURE = re.compile(rb"^gpgsig(?:-sha256)? [^\n]*\n(?: [^\n]*\n)*", re.MULTILINE)
_EMPTY = NewObject("tree", b"")


class Rewriter:
    """`made` holds the new objects; what never had the files keeps its id."""

    def __init__(self, objects: PackSet, memory: Memory, oids: frozenset[str]) -> None:
        self.objects = objects
        self.memory = memory
        self.oids = oids
        self.made: dict[ObjectId, NewObject] = {}
        self._trees: dict[ObjectId, ObjectId | None] = {}
        self._commits: dict[ObjectId, ObjectId] = {}

    def target(self, object_id: ObjectId) -> ObjectId:
        """What a ref that points at this commit or tag shall point at."""
        kind = self.objects.kind(object_id)
        if kind == "commit":
            return self._commit(object_id)
        if kind == "tag":
            return self._tag(object_id)
        return object_id

    def _tag(self, tag_id: ObjectId) -> ObjectId:
        data = self.objects.read(tag_id)[1]
        old = parse_tag(tag_id, data).target
        new = self.target(old)
        if new == old:
            return tag_id
        return self._keep(NewObject("tag", data.replace(old.encode(), new.encode(), 1)))

    def _commit(self, tip: ObjectId) -> ObjectId:
        """Parents before children, without recursion: histories are deep."""
        waiting = [tip]
        while waiting:
            commit_id = waiting[-1]
            if commit_id in self._commits:
                waiting.pop()
                continue
            parents = read_commit(self.objects, commit_id).parents
            missing = [parent for parent in parents if parent not in self._commits]
            if missing:
                waiting.extend(missing)
            else:
                self._commits[commit_id] = self._rewrite(commit_id)
                waiting.pop()
        return self._commits[tip]

    def _rewrite(self, commit_id: ObjectId) -> ObjectId:
        commit = read_commit(self.objects, commit_id)
        tree = self._tree(commit.tree) or self._keep(_EMPTY)
        parents = [self._commits[parent] for parent in commit.parents]
        if tree == commit.tree and parents == list(commit.parents):
            return commit_id
        data = self.objects.read(commit_id)[1]
        head, blank, message = data.partition(b"\n\n")
        for old, new in zip((commit.tree, *commit.parents), (tree, *parents), strict=True):
            head = head.replace(old.encode(), new.encode(), 1)
        head = _SIGNATURE.sub(b"", head + b"\n").removesuffix(b"\n")
        return self._keep(NewObject("commit", head + blank + message))

    def _tree(self, tree_id: ObjectId) -> ObjectId | None:
        if tree_id not in self._trees:
            before = list_tree(self.objects, tree_id)
            after = [entry for each in before if (entry := self._entry(each))]
            if after == before:
                self._trees[tree_id] = tree_id
            elif after:
                data = b"".join(map(format_line, after))
                self._trees[tree_id] = self._keep(NewObject("tree", data))
            else:
                self._trees[tree_id] = None
        return self._trees[tree_id]

    def _entry(self, entry: Entry) -> Entry | None:
        if entry.is_tree:
            tree = self._tree(entry.id)
            return entry._replace(id=tree) if tree else None
        if entry.is_file:
            pointer = blob_facts(self.objects, self.memory, entry.id).pointer
            return None if pointer and pointer.oid in self.oids else entry
        return entry

    def _keep(self, new: NewObject) -> ObjectId:
        self.made[new.id] = new
        return new.id
