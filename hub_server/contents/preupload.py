"""Before an upload: which files are large, which are ignored, which are there already."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub_server.contents.attributes import FILE_NAME, IGNORE_NAME, Attributes, Ignore, Tracking
from hub_server.contents.committing import branch_name
from hub_server.contents.hub import Hub
from hub_server.contents.snapshots import ContentFacts, Snapshot, of_commit
from hub_server.errors import RevisionNotFound
from hub_server.git import ObjectId

LARGE = 10 * 1024 * 1024
"""Above this every file is a large one, however it looks."""
LARGE_BINARY = 100 * 1024
SAMPLE = 512


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that a client is about to upload; `sample` is its beginning."""

    path: str
    size: int
    sample: bytes = b""


@dataclass(frozen=True, slots=True)
class Decision:
    """`oid` is what stands at the path now: a sha256 for a large file, else a blob's id."""

    path: str
    mode: Tracking
    ignored: bool
    oid: str | None


@dataclass(frozen=True, slots=True)
class Preupload:
    """`commit` is the head of the branch, None where nothing was ever committed."""

    decisions: list[Decision]
    commit: ObjectId | None


def preupload(
    hub: Hub,
    session: Session,
    repo: ContentFacts,
    revision: str,
    files: Sequence[Candidate],
    rules: tuple[str | None, str | None] = (None, None),
) -> Preupload:
    """`rules` are `.gitattributes` and `.gitignore` where they are part of the upload, else those
    of the branch count. Raises RevisionNotFound for an unknown branch.
    """
    view = _head(hub, session, repo, revision)
    attributes, ignored = rules
    if attributes is None:
        attributes = view.text(FILE_NAME) if view else None
    if ignored is None:
        ignored = view.text(IGNORE_NAME) if view else None
    tracked, ignore = Attributes(attributes or ""), Ignore(ignored or "")
    decisions = [
        Decision(file.path, mode_of(tracked, file), ignore.matches(file.path), _oid(view, file))
        for file in files
    ]
    return Preupload(decisions, view.commit if view else None)


def mode_of(attributes: Attributes, file: Candidate) -> Tracking:
    """What the rules say; where they say nothing, size and looks."""
    said = attributes.tracking(file.path)
    if said:
        return said
    large = file.size > LARGE or (file.size > LARGE_BINARY and is_binary(file.sample))
    return "lfs" if large else "regular"


def is_binary(sample: bytes) -> bool:
    """NUL, or no UTF-8; the last bytes may be a character cut in two."""
    if b"\0" in sample:
        return True
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as failure:
        return not (failure.reason == "unexpected end of data" and len(sample) >= SAMPLE - 3)
    return False


def _head(hub: Hub, session: Session, repo: ContentFacts, revision: str) -> Snapshot | None:
    view = hub.git.open(repo.id, session=session, default_branch=repo.default_branch)
    name = branch_name(repo, revision)
    line = view.ref(name)
    if line is not None:
        return of_commit(hub, repo.id, view.objects, line.id)
    if name == view.head and not view.branches():
        return None
    raise RevisionNotFound(revision)


def _oid(view: Snapshot | None, file: Candidate) -> str | None:
    entry = view.entry(file.path) if view else None
    if view is None or entry is None or not entry.is_file:
        return None
    pointer = view.facts(entry.id).pointer
    return pointer.oid if pointer else entry.id
