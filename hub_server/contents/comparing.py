"""Two revisions side by side: what one has that the other has not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub_server.contents.hub import Hub
from hub_server.contents.snapshots import ContentFacts, resolve
from hub_server.git import Commit, ObjectId, commits_ahead, merge_base, read_commit
from hub_server.git.diffs import FileDiff, file_diffs

MOST_COMMITS = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """`start` is where `head` parted from `base`, None for unrelated histories; `commits` are the
    newest of those that only `head` has, and `has_more` tells of others.
    """

    start: ObjectId | None
    head: ObjectId
    commits: Sequence[Commit]
    has_more: bool
    files: Iterator[FileDiff]


def comparison(hub: Hub, session: Session, repo: ContentFacts, base: str, head: str) -> Comparison:
    """What merging `head` into `base` would bring. Raises RevisionNotFound."""
    old = resolve(hub, session, repo, base).commit
    new = resolve(hub, session, repo, head).commit
    objects = hub.git.open(repo.id, session=session).objects
    start = merge_base(objects, old, new)
    ahead = commits_ahead(objects, old, new, limit=MOST_COMMITS + 1)
    tree = read_commit(objects, start).tree if start else None
    files = file_diffs(objects, tree, read_commit(objects, new).tree)
    return Comparison(start, new, ahead[:MOST_COMMITS], len(ahead) > MOST_COMMITS, files)
