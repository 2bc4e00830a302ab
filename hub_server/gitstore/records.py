"""What the database knows of a repository's packs and refs, as plain values; and its statements."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from hub_server.db.tables.git import GitRef, Pack, RefLog
from hub_server.git.sources import RefLine
from hub_server.git.types import ObjectId

Value = TypeVar("Value")

BATCH = 5000
MANY_PREFIXES = 50
"""Above this, all refs are read and filtered here: a statement has room for so many conditions."""


class PackRecord(NamedTuple):
    """One live pack; `name` is unique on this hub, digests are those of the two files."""

    id: int
    name: str
    size: int
    index_size: int
    pack_sha256: str
    index_sha256: str

    @property
    def pack_key(self) -> str:
        return pack_key(self.name)

    @property
    def index_key(self) -> str:
        return index_key(self.name)


def pack_key(name: str) -> str:
    return f"pack/{name}.pack"


def index_key(name: str) -> str:
    return f"pack/{name}.idx"


def live_packs(session: Session, repo_id: int) -> list[PackRecord]:
    """The packs that hold the repository's objects, newest first: that is where reads hit."""
    columns = (
        Pack.id,
        Pack.name,
        Pack.size,
        Pack.index_size,
        Pack.pack_sha256,
        Pack.index_sha256,
    )
    rows = session.execute(
        select(*columns)
        .where(Pack.repo_id == repo_id, Pack.state == "live")
        .order_by(Pack.id.desc())
    )
    return [PackRecord(*row) for row in rows]


def refs_named(session: Session, repo_id: int, names: Iterable[bytes]) -> dict[bytes, RefLine]:
    columns = (GitRef.name, GitRef.value, GitRef.peeled)
    found: dict[bytes, RefLine] = {}
    for some in batched(names, BATCH):
        rows = session.execute(
            select(*columns).where(GitRef.repo_id == repo_id, GitRef.name.in_(some))
        )
        found.update((row[0], RefLine(*row)) for row in rows)
    return found


def refs_under(session: Session, repo_id: int, prefixes: Sequence[bytes]) -> list[RefLine]:
    """Refs whose names begin with any of the prefixes, sorted by name."""
    statement = select(GitRef.name, GitRef.value, GitRef.peeled).where(GitRef.repo_id == repo_id)
    if len(prefixes) <= MANY_PREFIXES:
        statement = statement.where(or_(*map(begins_with, prefixes)))
    rows = session.execute(statement.order_by(GitRef.name)).all()
    wanted = tuple(prefixes)
    return [RefLine(*row) for row in rows if row[0].startswith(wanted)]


def refs_at(session: Session, repo_id: int, ids: Collection[ObjectId]) -> set[ObjectId]:
    """Those of `ids` that some ref points at, by itself or through an annotated tag."""
    found: set[ObjectId | None] = set()
    for some in batched(ids, BATCH):
        rows = session.execute(
            select(GitRef.value, GitRef.peeled).where(
                GitRef.repo_id == repo_id, or_(GitRef.value.in_(some), GitRef.peeled.in_(some))
            )
        )
        found.update(value for row in rows for value in row)
    return {object_id for object_id in ids if object_id in found}


def tips(session: Session, repo_id: int) -> set[ObjectId]:
    """Everything refs point at; the commit of an annotated tag follows from the tag."""
    return set(session.scalars(select(GitRef.value).where(GitRef.repo_id == repo_id)))


def logged(
    session: Session, repo_id: int, *, since: datetime | None = None, after: int = 0
) -> set[ObjectId]:
    """What refs pointed at before or after a move, of moves from then on and after that entry."""
    moves = select(RefLog.old, RefLog.new).where(RefLog.repo_id == repo_id, RefLog.id > after)
    if since is not None:
        moves = moves.where(RefLog.created_at >= since)
    return {value for row in session.execute(moves) for value in row if value}


def newest_move(session: Session, repo_id: int) -> int:
    """The last entry of the log of refs, 0 where there is none."""
    return session.scalar(select(func.max(RefLog.id)).where(RefLog.repo_id == repo_id)) or 0


def begins_with(prefix: bytes) -> ColumnElement[bool]:
    """A range of the primary key, which both databases answer from the index."""
    end = successor(prefix)
    if end is None:
        return GitRef.name >= prefix
    return and_(GitRef.name >= prefix, GitRef.name < end)


def batched(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    """A statement has room for so many parameters."""
    source = iter(values)
    while some := list(islice(source, size)):
        yield some


def successor(prefix: bytes) -> bytes | None:
    """The first byte string after all that begin with `prefix`, None where there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
