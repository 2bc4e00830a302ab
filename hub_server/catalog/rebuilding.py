"""Making the index anew, in part or as a whole, beside whatever is going on."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from pyroaring import BitMap
from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from hub_server.cards import IndexRecord
from hub_server.catalog import bits, clock, common_words, names, texts
from hub_server.catalog.applying import mend_head, replace
from hub_server.catalog.replacing import follow
from hub_server.catalog.rows import among
from hub_server.contents import Hub
from hub_server.db import Database
from hub_server.db.tables.catalog import RepoTag, TagBits, TagRow
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.repos import Repo
from hub_server.git import ObjectId
from hub_server.gitstore import HEADS

AT_ONCE = 500
SETS_AT_ONCE = 2_000
_STREAMED = {"yield_per": 10_000}
_TAG: Any = TagRow.__table__

Found = tuple[ObjectId, IndexRecord]
"""The commit of a default branch, and what it says."""


def mend_heads(hub: Hub, repo_ids: Iterable[int]) -> None:
    """Rows name the commit of the default branch, whatever they named before."""
    with hub.database.read() as session:
        wrong = _wrong_heads(session, list(repo_ids))
    for repo_id in wrong:
        mend_head(hub, repo_id)


def _wrong_heads(session: Session, repo_ids: list[int]) -> list[int]:
    rows = session.execute(
        select(Repo.id, Repo.default_branch, Repo.head).where(among(session, Repo.id, repo_ids))
    ).all()
    main = {row.id: HEADS + row.default_branch.encode("utf-8", "surrogateescape") for row in rows}
    refs = or_(*(and_(GitRef.repo_id == number, GitRef.name == main[number]) for number in main))
    if not main:
        return []
    known = dict(session.execute(select(GitRef.repo_id, GitRef.value).where(refs)).all())
    return [row.id for row in rows if known.get(row.id) != row.head]


def write_records(database: Database, found: Mapping[int, Found | None]) -> None:
    """What was read of many repositories, in one transaction.

    Of those without a commit (None), and those that were pushed to meanwhile, the row is followed.
    """
    with database.write() as session:
        rows = select(Repo.id, Repo.head).where(among(session, Repo.id, found))
        heads = dict(session.execute(rows.order_by(Repo.id).with_for_update(key_share=True)).all())
        fresh = {
            number: entry[1]
            for number, entry in found.items()
            if entry is not None and heads.get(number) == entry[0]
        }
        replace(session, fresh)
        follow(session, found.keys() - fresh.keys())


def follow_all(database: Database) -> None:
    """Let the index follow every row as it is, deleted ones too; no card is read."""
    after = 0
    while True:
        with database.write() as session:
            some = select(Repo.id).where(Repo.id > after).order_by(Repo.id).limit(AT_ONCE)
            ids = list(session.scalars(some))
            if not ids:
                return
            follow(session, ids)
        after = ids[-1]


def finish(database: Database) -> None:
    """What is decided once when all has been indexed anew: words of names, common words."""
    names.recount(database)
    common_words.keep(database)
    with database.write() as session:
        clock.tick(session)  # even where there is nothing, it has been indexed


def rebuild_sets(database: Database) -> int:
    """Make all sets anew from the rows of `repo_tag`, and count; how many sets there are."""
    made = 0
    with database.write() as session:
        version = clock.begin_epoch(session)
        shown = public_ids(session)
        connection = session.connection()
        words = select(TagRow.id).where(TagRow.type == texts.TYPE)
        connection.execute(delete(TagBits).where(TagBits.tag_id.not_in(words)))
        connection.execute(update(_TAG).where(TagRow.type != texts.TYPE).values(n=0, n_public=0))
        for some in _portions(tag_sets(session)):
            _write_sets(session, version, some, shown)
            made += len(some)
    return made


def public_ids(session: Session) -> BitMap:
    """By their rows."""
    rows = select(Repo.id).where(Repo.private.is_(False), Repo.deleted_at.is_(None))
    return BitMap(_streamed(session, rows).scalars())


def tag_sets(
    session: Session, first: int = 0, last: int = 2**31 - 1
) -> Iterator[tuple[int, BitMap]]:
    """Tags from one id to another and who has them by the rows of `repo_tag`, in order."""
    rows = select(RepoTag.tag_id, RepoTag.repo_id).where(RepoTag.tag_id.between(first, last))
    found = _streamed(session, rows.order_by(RepoTag.tag_id, RepoTag.repo_id))
    for tag, pairs in groupby(found, key=itemgetter(0)):
        yield tag, BitMap([number for _, number in pairs])


def _streamed(session: Session, statement: Any) -> Any:
    return session.connection().execute(statement, execution_options=_STREAMED)


def _portions(sets: Iterable[tuple[int, BitMap]]) -> Iterator[dict[int, BitMap]]:
    some: dict[int, BitMap] = {}
    for tag, each in sets:
        some[tag] = each
        if len(some) == SETS_AT_ONCE:
            yield some
            some = {}
    if some:
        yield some


def _write_sets(
    session: Session, version: int, sets: Mapping[int, BitMap], shown: BitMap | None = None
) -> None:
    """Sets of tags that have no rows of sets, and their counts."""
    places: dict[bits.Place, BitMap] = {}
    for tag, each in sets.items():
        places |= bits.divided(tag, each)
    bits.write(session, version, places)
    rows = [
        {
            "of": tag,
            "all": len(each),
            "public": each.intersection_cardinality(shown) if shown else 0,
        }
        for tag, each in sorted(sets.items(), key=itemgetter(0))
    ]
    if rows:
        values: dict[str, Any] = {"n": bindparam("all"), "n_public": bindparam("public")}
        statement = update(_TAG).where(_TAG.c.id == bindparam("of")).values(values)
        session.connection().execute(statement, rows)
