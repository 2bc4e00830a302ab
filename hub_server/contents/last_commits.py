"""Which commit changed each entry of a folder last, remembered by commit and carried forward."""

from collections.abc import Mapping

from hub_server.contents.snapshots import Snapshot, raw
from hub_server.git import Commit, ObjectId, changes, entry_at, last_commits, read_commit


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


def of_path(snapshot: Snapshot, path: str) -> Commit | None:
    """The commit that changed a file or folder last; of the root the snapshot's own."""
    if not path:
        return read_commit(snapshot.objects, snapshot.commit)
    folder, _, name = raw(path).rpartition(b"/")
    found = of_folder(snapshot, folder).get(name)
    return read_commit(snapshot.objects, found) if found else None


def carry_forward(parent: Snapshot, snapshot: Snapshot) -> None:
    """After a commit on one parent: what was known of the parent holds but for changed paths."""
    before = snapshot.memory.last_commits.get((parent.repo_id, parent.commit))
    if not before:
        return
    changed: dict[bytes, set[bytes]] = {}
    for change in changes(snapshot.objects, parent.tree, snapshot.tree):
        parts = change.path.split(b"/")
        for depth, name in enumerate(parts):
            changed.setdefault(b"/".join(parts[:depth]), set()).add(name)
    after = {}
    for folder, known in before.items():
        touched = dict(known)
        for name in changed.get(folder, ()):
            place = folder + b"/" + name if folder else name
            if entry_at(snapshot.objects, snapshot.tree, place) is None:
                touched.pop(name, None)
            else:
                touched[name] = snapshot.commit
        after[folder] = touched
    snapshot.memory.last_commits.put((snapshot.repo_id, snapshot.commit), after)
