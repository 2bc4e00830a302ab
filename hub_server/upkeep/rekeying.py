"""A new secret key: what the old one sealed is sealed anew, and the database knows the new one.

Signatures (links of transfers, forms of pages) are not kept anywhere: both keys are understood
while both are set, and links live a day at most. Tokens, passwords and sessions do not depend on
the key.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub_server.db import Database
from hub_server.db.facts import claim_fact, write_fact
from hub_server.db.tables.accounts import BrowserSession
from hub_server.errors import Conflict
from hub_server.faults import point
from hub_server.keys import Keys

FACT = "secret-key"
"""The fact that holds the fingerprint of the key in use; other nodes are refused at their start."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A text column whose values were made by `Keys.seal(purpose, …)`; NULL is left alone."""

    column: InstrumentedAttribute[Any]
    purpose: str


SEALED: tuple[Sealed, ...] = ()
"""Every column of the schema that holds sealed values: none yet needs one."""


class KeyUnknown(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "None of the keys that are set is the one this database knows. Set the key that the "
            "hub ran with, or `new,old`."
        )


class Unreadable(Conflict):
    def __init__(self, sealed: Sealed, count: int) -> None:
        super().__init__(
            "{count} values of {table}.{column} were sealed by none of the keys that are set; "
            "nothing has been changed.",
            count=count,
            table=sealed.column.class_.__tablename__,
            column=sealed.column.key,
        )


def fingerprints(keys: Keys) -> list[str]:
    return [Keys((secret,)).fingerprint() for secret in keys.secrets]


def is_turned(database: Database, keys: Keys) -> bool:
    """Whether the first key is the one the database knows. Raises KeyUnknown if none of them is."""
    with database.write() as session:
        return _known(session, keys) == fingerprints(keys)[0]


def turn(database: Database, keys: Keys, sealed: Sequence[Sealed] = SEALED) -> int:
    """Make the first key the one of this hub; how many values were sealed anew.

    All or nothing, and done again without harm. Raises KeyUnknown, Unreadable.
    """
    with database.write() as session:
        _known(session, keys)
        count = sum(_seal_anew(session, keys, each) for each in sealed)
        point("rekey.sealed")
        write_fact(session, FACT, fingerprints(keys)[0])
    return count


def end_sessions(database: Database) -> int:
    """Everybody signs in again: for when the old key may have been seen by others."""
    with database.write() as session:
        ended: Any = session.execute(delete(BrowserSession))
        return int(ended.rowcount)


def new_secret() -> str:
    return secrets.token_urlsafe(48)


def _known(session: Session, keys: Keys) -> str:
    possible = fingerprints(keys)
    known = claim_fact(session, FACT, possible[-1])
    if known not in possible:
        raise KeyUnknown
    return known


def _seal_anew(session: Session, keys: Keys, sealed: Sealed) -> int:
    column = sealed.column
    rows = session.execute(select(column).where(column.is_not(None)).distinct()).scalars().all()
    opened = {value: keys.unseal(sealed.purpose, value) for value in rows}
    if lost := sum(1 for data in opened.values() if data is None):
        raise Unreadable(sealed, lost)
    for value, data in opened.items():
        fresh = keys.seal(sealed.purpose, data or b"")
        session.execute(update(column.class_).where(column == value).values({column.key: fresh}))
    return len(opened)
