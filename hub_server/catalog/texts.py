"""Full text: the words of cards and names, which all have to be there.

A word that more than one card in fifty has is common in a large catalog. The ids of those who have
it are a set of the type `text`, which costs less than asking the database for half of them. Which
words are common is decided when all is indexed anew, and at no other time.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap
from sqlalchemy import delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hub_server.cards import query_words
from hub_server.catalog import pages, tagging
from hub_server.catalog.bits import Delta
from hub_server.catalog.rows import among, is_sqlite
from hub_server.catalog.searching import found_by_postgres, found_by_sqlite
from hub_server.catalog.sets import EMPTY, TagSets
from hub_server.db.tables.catalog import CardText, TagRow
from hub_server.db.tables.repos import Kind, Repo

_TABLE: Any = CardText.__table__
TYPE = "text"
"""Of the tags whose sets are common words."""
MOST_RANKED = 3_000
MOST_COMPARED = 3 * MOST_RANKED
_BLANKS = str.maketrans("/._-", "    ")
_MATCHES = "SELECT rowid AS id FROM fts_card WHERE fts_card MATCH :query"


@dataclass(frozen=True, slots=True)
class Text:
    """What a repository is found by. `words` are those of its card, None where they stay; it was
    called `old_name` before this transaction, if that was another name."""

    full_name: str
    words: str | None = None
    old_name: str | None = None


def replace(session: Session, texts: Mapping[int, Text]) -> dict[str, Delta]:
    """Write texts by the ids of repositories; who gained and lost each common word.

    Under the catalog's clock.
    """
    former = _written(session, texts)
    rows: list[dict[str, object]] = []
    changes: dict[int, tuple[str, str]] = {}
    for number, wanted in sorted(texts.items()):
        there = former.get(number, "")
        words = there.partition("\n")[2]
        after = _whole(wanted.full_name, words if wanted.words is None else wanted.words)
        changes[number] = _whole(wanted.old_name, words) if wanted.old_name else there, after
        if after != there:
            rows.append({"repo_id": number, "words": after})
    if rows:
        statement = (sqlite if is_sqlite(session) else postgresql).insert(_TABLE)
        words_in = {"words": statement.excluded.words}
        session.connection().execute(
            statement.on_conflict_do_update(index_elements=["repo_id"], set_=words_in), rows
        )
    return _deltas(session, changes)


def forget(session: Session, repo_ids: Collection[int]) -> dict[str, Delta]:
    """The same for repositories whose rows go."""
    former = _written(session, repo_ids)
    session.execute(delete(CardText).where(among(session, CardText.repo_id, repo_ids)))
    return _deltas(session, {number: (words, "") for number, words in former.items()})


def _whole(full_name: str, words: str) -> str:
    """As the trigger that follows renames leaves it, see `db.findable`."""
    return f"{full_name.lower().translate(_BLANKS)}\n{words}"


def _written(session: Session, repo_ids: Iterable[int]) -> dict[int, str]:
    statement = select(CardText.repo_id, CardText.words).where(
        among(session, CardText.repo_id, repo_ids)
    )
    return {number: words for number, words in session.execute(statement)}  # noqa: C416 - typed


def _deltas(session: Session, changes: Mapping[int, tuple[str, str]]) -> dict[str, Delta]:
    found: dict[str, Delta] = defaultdict(Delta)
    common = _common(session) if changes else frozenset()
    if common:
        for number, (before, after) in changes.items():
            had, has = common & set(before.split()), common & set(after.split())
            for word in has - had:
                found[word].gained.append(number)
            for word in had - has:
                found[word].lost.append(number)
    return dict(found)


def _common(session: Session, words: Sequence[str] | None = None) -> frozenset[str]:
    """All common words, or those of these that are."""
    statement = select(TagRow.name).where(TagRow.type == TYPE, TagRow.n > 0)
    if words is not None:
        statement = statement.where(TagRow.name.in_(words))
    return frozenset(session.scalars(statement))


def matching(session: Session, sets: TagSets, text: str) -> BitMap:
    """The ids of all repositories that have every word of a text, whoever may see them."""
    words = query_words(text)
    common = _common(session, words) if words else frozenset()
    parts = [sets.tagged(session, TYPE, word) for word in words if word in common]
    rest = [word for word in words if word not in common]
    if rest:
        parts.append(having(session, rest))
    parts.sort(key=len)
    return BitMap.intersection(*parts) if parts else EMPTY


def having(session: Session, words: Sequence[str]) -> BitMap:
    """The ids of all texts with these words, as `query_words` gives them."""
    if is_sqlite(session):
        return found_by_sqlite(session, _MATCHES, query=_fts_query(words))
    query, values = _ts_query(words)
    return found_by_postgres(session, "card_index", f"document @@ {query}", **values)


def _fts_query(words: Iterable[str]) -> str:
    """Words are letters and digits, but in quotes none is an operator."""
    return " ".join(f'"{word[:-1]}"*' if word.endswith("*") else f'"{word}"' for word in words)


def _ts_query(words: Iterable[str]) -> tuple[str, dict[str, str]]:
    """The expression and its values; PostgreSQL cuts some words, and does it alike in both."""
    parts, values = [], {}
    for place, word in enumerate(words):
        name = f"word{place}"
        start = word.endswith("*")
        parts.append(f"{'to_tsquery' if start else 'plainto_tsquery'}('simple', :{name})")
        values[name] = f"'{word[:-1]}':*" if start else word
    return f"({' && '.join(parts)})", values


def ranked(
    session: Session, sets: TagSets, kind: Kind, ids: BitMap, text: str, limit: int
) -> list[int]:
    """The best of these by a text: those whose name has its words first, then by how much of the
    text they are. Where there are too many to compare, by trending."""
    words = query_words(text)
    scores: dict[int, float] = {}
    some = list(ids)
    if len(some) > MOST_RANKED:
        order = pages.Order(kind, Repo.trending, len(sets.tagged(session, *tagging.public(kind))))
        some = [place.id for place in pages.page(session, order, ids, None, limit)]
    elif rare := [word for word in words if word not in _common(session, words)]:
        scores = _scores(session, some, rare)
    names = [word.removesuffix("*") for word in words]
    rows = session.execute(
        select(Repo.id, Repo.name_key, Repo.trending).where(among(session, Repo.id, some))
    )
    best = sorted(
        (not all(name in row.name_key for name in names), -scores.get(row.id, 0.0), -row.trending,
         -row.id)
        for row in rows
    )  # fmt: skip
    return [-number for *_, number in best[:limit]]


def _scores(session: Session, ids: Sequence[int], words: Sequence[str]) -> dict[int, float]:
    """How well each matches, the higher the better; of another scale on each database."""
    if is_sqlite(session):
        return _by_bm25(session, ids, _fts_query(words))
    query, values = _ts_query(words)
    statement = text(
        f"SELECT repo_id, ts_rank(document, {query}, 1) FROM card_index "  # noqa: S608 - our own words
        "WHERE repo_id = ANY(:ids)"
    )
    rows = session.connection().execute(statement, {**values, "ids": list(ids)})
    return {number: score for number, score in rows}  # noqa: C416 - typed


def _by_bm25(session: Session, ids: Iterable[int], query: str) -> dict[int, float]:
    """None where the words have so many more matches that comparing them takes long."""
    connection = session.connection()
    some = text(f"SELECT count(*) FROM ({_MATCHES} LIMIT {MOST_COMPARED + 1})")  # noqa: S608
    if connection.execute(some, {"query": query}).scalar_one() > MOST_COMPARED:
        return {}
    wanted = set(ids)
    scored = text("SELECT rowid, bm25(fts_card) FROM fts_card WHERE fts_card MATCH :query")
    rows = connection.execute(scored, {"query": query})
    return {number: -score for number, score in rows if number in wanted}
