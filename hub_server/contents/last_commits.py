"""Which commit changed each entry of a folder last, remembered by commit and carried forward."""

from collections.abc import Collection, Mapping

from hub_server.contents.memory import Memory
from hub_server.contents.snapshots import Snapshot
from hub_server.git import ObjectId, PackSet, entry_at, last_commits


def of_folder(snapshot: Snapshot, folder: bytes) -> Mapping[bytes, ObjectId]:
    """Entry name to commit id."""
    key = (snapshot.repo_id, snapshot.commit)
    folders = snapshot.memory.last_commits.get(key) or {}
    known = folders.get(folder)
    if known is None:
        known = last_commits(snapshot.objects, snapshot.commit, folder)
        folders = snapshot.memory.last_commits.get(key) or {}
        snapshot.memory.last_commits.put(key, {**folders, folder: known})
    return known


def carry_forward(
    memory: Memory,
    repo_id: int,
    objects: PackSet,
    *,
    parent: ObjectId,
    commit: ObjectId,
    tree: ObjectId,
    paths: Collection[bytes],
) -> None:
    """After a commit on one parent: what was known of the parent holds but for changed paths."""
    before = memory.last_commits.get((repo_id, parent))
    if not before:
        return
    changed: dict[bytes, set[bytes]] = {}
    for path in paths:
        parts = path.split(b"/")
        for depth, name in enumerate(parts):
            changed.setdefault(b"/".join(parts[:depth]), set()).add(name)
    after = {}
    for folder, known in before.items():
        touched = dict(known)
        for name in changed.get(folder, ()):
            place = folder + b"/" + name if folder else name
            if entry_at(objects, tree, place) is None:
                touched.pop(name, None)
            else:
                touched[name] = commit
        after[folder] = touched
    memory.last_commits.put((repo_id, commit), after)
