"""How much a repository's large files take, with chunks that they share counted once."""

from typing import Any

from sqlalchemy import case, exists, func, or_, select
from sqlalchemy.orm import Session

from hub_server.db.tables.objects import LargeObject, ObjectLink
from hub_server.db.tables.xet import XetFile, XetTerm


def linked_size(session: Session, repo_id: int) -> int:
    """Bytes, unpacked, of all large files the repository may use.

    Where runs of chunks overlap in part, what they share is estimated by the number of chunks.
    """
    mine = ObjectLink.object_id == LargeObject.id
    chunked = exists().where(XetFile.object_id == LargeObject.id)
    total = select(func.coalesce(func.sum(LargeObject.size), 0))
    plain = total.join(ObjectLink, mine).where(ObjectLink.repo_id == repo_id, ~chunked)
    return int(session.scalar(plain) or 0) + int(session.scalar(_chunks(repo_id)) or 0)


def _chunks(repo_id: int) -> Any:
    """Each run counts what is not in the runs before it, by their beginnings."""
    runs = (
        select(XetTerm.xorb_id, XetTerm.first_chunk, XetTerm.end_chunk, XetTerm.length)
        .distinct()
        .join(ObjectLink, ObjectLink.object_id == XetTerm.object_id)
        .where(ObjectLink.repo_id == repo_id)
        .subquery()
    ).c
    first, end, length = runs.first_chunk, runs.end_chunk, runs.length
    reached = func.max(end).over(partition_by=runs.xorb_id, order_by=(first, end), rows=(None, -1))
    placed = select(first, end, length, reached.label("reached")).subquery().c
    return select(func.coalesce(func.sum(_left(placed)), 0))


def _left(run: Any) -> Any:
    """What of a run lies behind the chunk that is `reached`."""
    count = run.end_chunk - run.first_chunk
    share = run.length * (run.end_chunk - run.reached) // count
    new = or_(run.reached.is_(None), run.reached <= run.first_chunk)
    return case((new, run.length), (run.reached >= run.end_chunk, 0), else_=share)
