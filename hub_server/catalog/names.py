"""Repositories by pieces of their names: all that have one, and suggestions while somebody types.

A piece of three letters or more may stand anywhere in `namespace/name`; a shorter one begins the
namespace or the name.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, digits
from typing import Any

from pyroaring import BitMap
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, names, visible_clause
from hub_server.catalog import tagging
from hub_server.catalog.rows import among, is_sqlite
from hub_server.catalog.searching import found_by_postgres, found_by_sqlite
from hub_server.catalog.sets import EMPTY, TagSets, View
from hub_server.catalog.spelling import changed, meant, nearest, recount, wrong
from hub_server.catalog.visibility import visible
from hub_server.db.tables.repos import Kind, Repo

__all__ = [
    "Suggestion",
    "changed",
    "counts",
    "matching",
    "matching_all",
    "meant",
    "nearest",
    "recount",
    "suggest",
    "wrong",
]

TRIGRAM = 3
LONGEST = 2 * names.MAX_LENGTH + 1
MOST_PIECES = 4
POPULAR = 3_000
"""So many of a kind are looked through first: what people type is mostly there."""
MOST_SORTED = 5_000
_LETTERS = frozenset(ascii_lowercase + digits + "._-")
_ALLOWED = _LETTERS | {"/"}
_LONG = "SELECT rowid AS id FROM fts_name WHERE fts_name MATCH :phrase"
_SHORT = """\
SELECT rowid AS id FROM fts_name WHERE fts_name MATCH :phrases UNION ALL
SELECT id FROM repo WHERE deleted_at IS NULL AND kind IN ('model', 'dataset', 'space')
AND name_key >= :first AND name_key < :beyond"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    id: int
    public_id: str
    full_name: str
    private: bool
    trending: float


def matching(session: Session, needle: str) -> BitMap:
    """The ids of all repositories whose name holds a piece, whoever may see them."""
    piece = _piece(needle)
    if not _possible(piece):
        return EMPTY
    if not is_sqlite(session):
        return _by_postgres(session, piece)
    if len(piece) >= TRIGRAM:
        return found_by_sqlite(session, _LONG, phrase=f'"{piece}"')
    # Of all that may stand before the name or behind its first letter, one does.
    starts = [f"/{piece}"] if len(piece) > 1 else [f"{before}/{piece}" for before in _LETTERS]
    phrases = " OR ".join(f'"{start}"' for start in starts)
    beyond = piece[:-1] + chr(ord(piece[-1]) + 1)
    return found_by_sqlite(session, _SHORT, phrases=phrases, first=piece, beyond=beyond)


def _piece(needle: str) -> str:
    """As names are written, which hold no letters but ASCII."""
    piece = unicodedata.normalize("NFKC", needle[: LONGEST + 1]).strip().lower()
    return piece if len(piece) >= TRIGRAM else piece.lstrip("/")


def _possible(piece: str) -> bool:
    return 0 < len(piece) <= LONGEST and _ALLOWED.issuperset(piece)


def _by_postgres(session: Session, piece: str) -> BitMap:
    written = piece.replace("_", r"\_")
    if len(piece) >= TRIGRAM:
        return found_by_postgres(session, "name_index", "name_key LIKE :any", any=f"%{written}%")
    either = "name_key LIKE :namespace OR name_key LIKE :name"
    return found_by_postgres(
        session, "name_index", either, namespace=f"{written}%", name=f"%/{written}%"
    )


def suggest(
    session: Session, sets: TagSets, caller: Caller, kind: Kind, typed: str, limit: int = 8
) -> list[Suggestion]:
    """What somebody may mean who has typed so far: what is called just so, then by trending.

    Repositories that the caller may not see are not among them.
    """
    pieces = _pieces(typed)
    if not pieces:
        return []
    view = sets.at(session)
    ids = [*_exact(session, kind, pieces), *_popular(session, caller, kind, pieces, limit)]
    hidden = _hidden(view, caller, kind)
    ids += _among_few(session, hidden, pieces) if len(hidden) <= POPULAR else []
    if len(ids) < limit:
        shown = visible(view, caller, [kind])
        ids += (matching_all(session, pieces) & shown)[-MOST_SORTED:]
    return _best(session, caller, ids, pieces, limit)


def counts(
    session: Session, sets: TagSets, caller: Caller, kinds: Sequence[Kind], typed: str
) -> dict[Kind, int]:
    """How many of each of these kinds `suggest` chooses from."""
    pieces = _pieces(typed)
    view = sets.at(session)
    found = matching_all(session, pieces)
    return {kind: len(found & visible(view, caller, [kind])) for kind in kinds}


def _pieces(typed: str) -> list[str]:
    """Empty where no name could have them all."""
    pieces = [_piece(word) for word in typed[: 2 * LONGEST].split()[:MOST_PIECES]]
    return pieces if all(_possible(piece) for piece in pieces) else []


def _exact(session: Session, kind: Kind, pieces: Sequence[str]) -> list[int]:
    """What has been typed to its end."""
    same = (Repo.kind == kind, Repo.name_key == pieces[0], Repo.deleted_at.is_(None))
    return list(session.scalars(select(Repo.id).where(*same))) if len(pieces) == 1 else []


def matching_all(session: Session, pieces: Iterable[str]) -> BitMap:
    """The ids of all whose name holds every piece."""
    found: BitMap | None = None
    for piece in pieces:
        some = matching(session, piece)
        found = some if found is None else found & some
        if not found:
            break
    return found or EMPTY


def _has(session: Session, name_key: Any, piece: str) -> ColumnElement[bool]:
    """What `matching` means, of rows that are few."""
    at = func.instr if is_sqlite(session) else func.strpos
    if len(piece) < TRIGRAM:
        return at("/" + name_key, f"/{piece}") > 0
    return at(name_key, piece) > 0


def _popular(
    session: Session, caller: Caller, kind: Kind, pieces: Sequence[str], limit: int
) -> list[int]:
    """The first of the most trending public ones that have all pieces. Looking through them ends
    with the last that is wanted, so nothing is sorted again."""
    if not caller.reads_public:
        return []
    top = (
        select(Repo.id, Repo.name_key)
        .where(Repo.kind == kind, Repo.private.is_(False), Repo.deleted_at.is_(None))
        .order_by(Repo.trending.desc(), Repo.id.desc())
        .limit(POPULAR)
        .subquery()
    )
    has = and_(*(_has(session, top.c.name_key, piece) for piece in pieces))
    return list(session.scalars(select(top.c.id).where(has).limit(limit)))


def _hidden(view: View, caller: Caller, kind: Kind) -> BitMap:
    """What the caller sees and others do not."""
    if caller.is_anonymous:
        return EMPTY
    return visible(view, caller, [kind]) - view.tagged([tagging.public(kind)])


def _among_few(session: Session, ids: BitMap, pieces: Sequence[str]) -> list[int]:
    if not ids:
        return []
    has = and_(*(_has(session, Repo.name_key, piece) for piece in pieces))
    return list(session.scalars(select(Repo.id).where(among(session, Repo.id, ids), has)))


def _best(
    session: Session, caller: Caller, ids: Sequence[int], pieces: Sequence[str], limit: int
) -> list[Suggestion]:
    statement = (
        select(Repo.id, Repo.public_id, Repo.full_name, Repo.private, Repo.trending)
        .where(among(session, Repo.id, ids), visible_clause(caller))
        .order_by((Repo.name_key == pieces[0]).desc(), Repo.trending.desc(), Repo.id.desc())
        .limit(limit)
    )
    return [Suggestion(*row) for row in session.execute(statement)]
