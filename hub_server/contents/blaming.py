"""Which commit brought each line of a file, remembered while nothing about it can change."""

from dataclasses import dataclass

from hub_server.contents.snapshots import Snapshot, raw
from hub_server.errors import EntryNotFound
from hub_server.git import Blame, Commit, ObjectId, blame, read_commit


@dataclass(frozen=True, slots=True)
class BlamedFile:
    """`lines` has the commit of each line, None where the time was up before it was found."""

    lines: list[ObjectId | None]
    commits: list[Commit]
    is_whole: bool


def blame_file(snapshot: Snapshot, path: str) -> BlamedFile:
    """Takes about two seconds at most. Raises EntryNotFound for what is no file."""
    found = _remembered(snapshot, path)
    if found is None:
        raise EntryNotFound(commit=snapshot.commit)
    ids = dict.fromkeys(each for each in found.commits if each)
    commits = [read_commit(snapshot.objects, each) for each in ids]
    return BlamedFile(found.commits, commits, found.is_whole)


def _remembered(snapshot: Snapshot, path: str) -> Blame | None:
    """What was not found in time is looked for again."""
    key = (snapshot.commit, path)
    known = snapshot.memory.blames.get(key)
    found = known or blame(snapshot.objects, snapshot.commit, raw(path))
    if found and found.is_whole and not known:
        snapshot.memory.blames.put(key, found)
    return found
