"""Which words of texts are common, and the sets of who has them.

A word at a time, each in a transaction of its own, so that no push waits for more than one of them.
A word is common from the moment at which its set is there.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from hub_server.catalog import bits, clock, texts
from hub_server.catalog.rows import among
from hub_server.catalog.sets import EMPTY, read_sets
from hub_server.db import Database
from hub_server.db.tables.catalog import CardText, TagBits, TagRow

MANY_CARDS = 100_000
SHARE = 0.02
SAMPLE = 20_000
_TAG: Any = TagRow.__table__


def keep(database: Database) -> None:
    """From now on the common words are those of more than one card in fifty, in a large catalog."""
    with database.read() as session:
        words = choose(session)
    with database.write() as session:
        _drop_others(session, words)
    for word in words:
        with database.write() as session:
            _keep(session, word)


def choose(session: Session) -> list[str]:
    """By a sample of the cards."""
    cards = session.scalar(select(func.count()).select_from(CardText)) or 0
    if cards < MANY_CARDS:
        return []
    sample = select(CardText.words).where(CardText.repo_id % max(1, cards // SAMPLE) == 0)
    counts: Counter[str] = Counter()
    size = 0
    for text in session.scalars(sample.execution_options(yield_per=500)):
        counts.update(set(text.split()))
        size += 1
    return sorted(word for word, n in counts.items() if n > SHARE * size)


def _drop_others(session: Session, words: Collection[str]) -> None:
    former = select(TagRow.id, TagRow.name).where(TagRow.type == texts.TYPE, TagRow.n > 0)
    wanted = frozenset(words)
    gone = [number for number, word in session.execute(former) if word not in wanted]
    if gone:
        clock.begin_epoch(session)
        session.execute(update(_TAG).where(among(session, TagRow.id, gone)).values(n=0))
        session.execute(delete(TagBits).where(among(session, TagBits.tag_id, gone)))


def _keep(session: Session, word: str) -> None:
    version = clock.tick(session)
    ids = texts.having(session, [word])
    tag, n = _tag(session, word)
    stored = read_sets(session, [tag]).get(tag, EMPTY)
    if stored == ids and n == len(ids):
        return
    if stored:
        version = clock.begin_epoch(session)
    session.execute(delete(TagBits).where(TagBits.tag_id == tag))
    bits.write(session, version, bits.divided(tag, ids))
    session.execute(update(_TAG).where(TagRow.id == tag).values(n=len(ids)))


def _tag(session: Session, word: str) -> tuple[int, int]:
    """Its id and the size of its set; made if it is new."""
    there = select(TagRow.id, TagRow.n).where(TagRow.type == texts.TYPE, TagRow.name == word)
    row = session.execute(there).one_or_none()
    if row is not None:
        return row.id, row.n
    new = insert(_TAG).values(type=texts.TYPE, name=word, n=0, n_public=0).returning(_TAG.c.id)
    return session.execute(new).scalar_one(), 0
