"""Words of the names of public repositories, and which of them somebody meant who mistyped one.

A word is kept with each of its letters left out (`gap`). One that is one edit away (a letter more,
less, other, or two neighbours swapped) shares such a form with what was typed. As private names are
not among the words, none is ever suggested.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, text, union, update
from sqlalchemy.orm import Session

from hub_server.accounts import names
from hub_server.catalog import clock
from hub_server.catalog.rows import is_sqlite
from hub_server.db import Database
from hub_server.db.tables.catalog import NameWord, NameWordGap
from hub_server.db.tables.repos import Repo

SHORTEST, LONGEST = 3, 40
MOST_WORDS = 4
AT_ONCE = 1000
Change = tuple[str | None, str | None]
"""The full name by which a repository was public, and the one by which it is."""
_WORD = re.compile(r"[^\W_]+")
_TABLE: Any = NameWord.__table__
_KEPT = select(NameWord.word, NameWord.n)
_FROM = {
    "sqlite": "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') "
    "FROM json_each(:rows) WHERE true",
    "postgresql": "SELECT * FROM unnest(CAST(:first AS text[]), CAST(:second AS integer[]))",
}
_COUNTED_IN = {
    dialect: text(
        f"INSERT INTO name_word (word, n) {rows} "
        "ON CONFLICT (word) DO UPDATE SET n = name_word.n + excluded.n RETURNING id, word, n"
    )
    for dialect, rows in _FROM.items()
}
_GAPS_IN = {
    dialect: text(f"INSERT INTO name_word_gap (gap, word_id) {rows}")
    for dialect, rows in _FROM.items()
}


def words_in(name: str) -> frozenset[str]:
    """The words of a full name that may be mistyped: no numbers, nothing short."""
    found = _WORD.findall(names.key(name))
    return frozenset(
        word for word in found if SHORTEST <= len(word) <= LONGEST and not word.isdecimal()
    )


def gaps(word: str) -> frozenset[str]:
    return frozenset(word[:at] + word[at + 1 :] for at in range(len(word)))


def changed(session: Session, changes: Iterable[Change]) -> None:
    """Let the words follow names that are new, other or gone. Under the catalog's clock."""
    counts: Counter[str] = Counter()
    for old, new in changes:
        counts.subtract(words_in(old) if old else ())
        counts.update(words_in(new) if new else ())
    _add(session, counts)


def recount(database: Database) -> None:
    """Let the words be those of the names that there are.

    What is wrong at one moment is added later, in short transactions: what pushes add meanwhile is
    right either way.
    """
    with database.read() as session:
        counts = _counted(session)
        counts.subtract({row.word: row.n for row in session.execute(_KEPT)})
    changes = sorted((word, n) for word, n in counts.items() if n)
    for some in _batches(changes):
        with database.write() as session:
            clock.tick(session)
            _add(session, dict(some))


def wrong(session: Session) -> list[str]:
    """Words that are kept with another number than names have them."""
    kept = Counter({row.word: row.n for row in session.execute(_KEPT)})
    counts = _counted(session)
    return sorted(word for word in kept.keys() | counts.keys() if kept[word] != counts[word])


def _counted(session: Session) -> Counter[str]:
    public = select(Repo.name_key).where(Repo.private.is_(False), Repo.deleted_at.is_(None))
    rows = session.connection().execute(public, execution_options={"yield_per": AT_ONCE})
    counts: Counter[str] = Counter()
    for name in rows.scalars():
        counts.update(words_in(name))
    return counts


def _add(session: Session, counts: Mapping[str, int]) -> None:
    more = sorted((word, n) for word, n in counts.items() if n > 0)
    fewer = sorted((word, -n) for word, n in counts.items() if n < 0)
    for rows in _batches(more):
        _gain(session, rows)
    for rows in _batches(fewer):
        _lose(session, rows)


def _batches(rows: Sequence[tuple[str, int]]) -> Iterator[Sequence[tuple[str, int]]]:
    return (rows[at : at + AT_ONCE] for at in range(0, len(rows), AT_ONCE))


def _gain(session: Session, rows: Sequence[tuple[str, int]]) -> None:
    by_count = dict(rows)
    connection = session.connection()
    written = connection.execute(_COUNTED_IN[_dialect(session)], _columns(session, rows)).all()
    new = [(number, word) for number, word, n in written if n == by_count[word]]
    pairs = [(gap, number) for number, word in new for gap in gaps(word)]
    if pairs:
        connection.execute(_GAPS_IN[_dialect(session)], _columns(session, pairs))


def _dialect(session: Session) -> str:
    return "sqlite" if is_sqlite(session) else "postgresql"


def _columns(session: Session, rows: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """Rows as a parameter, or two, of a statement that is the same however many there are."""
    if is_sqlite(session):
        return {"rows": json.dumps(rows)}
    return {"first": [row[0] for row in rows], "second": [row[1] for row in rows]}


def _lose(session: Session, rows: Sequence[tuple[str, int]]) -> None:
    """A word that no name has any more goes, with its gaps."""
    for n in {n for _, n in rows}:
        some = [word for word, count in rows if count == n]
        session.execute(update(_TABLE).where(_TABLE.c.word.in_(some)).values(n=_TABLE.c.n - n))
    gone = [word for word, _ in rows]
    session.execute(delete(_TABLE).where(_TABLE.c.word.in_(gone), _TABLE.c.n <= 0))


def nearest(session: Session, word: str) -> str | None:
    """The most frequent word of names that is one edit away, None where names have this one."""
    typed = names.key(word)
    if not SHORTEST <= len(typed) <= LONGEST + 1:
        return None
    forms = [typed, *gaps(typed)]
    near = union(
        select(NameWordGap.word_id).where(NameWordGap.gap.in_(forms)),
        select(NameWord.id).where(NameWord.word.in_(forms)),
    )
    statement = (
        select(NameWord.word)
        .where(NameWord.id.in_(near))
        .order_by(NameWord.n.desc(), NameWord.word)
    )
    found = [word for word in session.scalars(statement) if is_near(typed, word)]
    return None if typed in found or not found else found[0]


def meant(session: Session, typed: str) -> str | None:
    """What was typed with its words as names have them; None where there is nothing to mend."""
    words = _WORD.findall(typed)[: MOST_WORDS + 1]
    if not 0 < len(words) <= MOST_WORDS:
        return None
    mended = {word: nearest(session, word) for word in set(words)}
    if not any(mended.values()):
        return None
    return _WORD.sub(lambda found: mended[found.group()] or found.group(), typed)


def is_near(one: str, other: str) -> bool:
    """Whether at most one edit leads from one to the other; a swap of neighbours is one."""
    if len(one) > len(other):
        one, other = other, one
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1]
    return one[at + 1 :] == other[at + 1 :] or (swapped and one[at + 2 :] == other[at + 2 :])
