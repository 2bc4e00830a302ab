"""A new key: what the old one sealed can be read by the new one alone, or nothing has changed."""

import pytest
from sqlalchemy import select, update

from hub_server import faults
from hub_server.db import Database
from hub_server.db.facts import read_fact, write_fact
from hub_server.db.tables.accounts import Account
from hub_server.keys import Keys
from hub_server.upkeep.rekeying import (
    FACT,
    KeyUnknown,
    Sealed,
    Unreadable,
    fingerprints,
    is_turned,
    turn,
)
from tests.support.people import make_user

OLD, NEW = Keys.of("the-old-secret-key"), Keys.of("the-new-secret-key")
BOTH = Keys.of("the-new-secret-key,the-old-secret-key")
COLUMN = Sealed(Account.full_name, "tests")
"""No column of the schema is sealed as yet; any that holds text will do."""


@pytest.fixture
def sealed(database: Database) -> Database:
    with database.write() as session:
        for name in ("ada", "bob", "eve"):
            account = make_user(session, name)
            account.full_name = OLD.seal("tests", name.encode())
        write_fact(session, FACT, OLD.fingerprint())
    return database


def opened(database: Database, keys: Keys) -> list[bytes | None]:
    with database.read() as session:
        values = session.scalars(select(Account.full_name).order_by(Account.name)).all()
    return [keys.unseal("tests", value) for value in values]


def test_values_are_sealed_anew_and_the_fact_follows(sealed: Database) -> None:
    assert not is_turned(sealed, BOTH)
    assert turn(sealed, BOTH, [COLUMN]) == 3
    assert opened(sealed, NEW) == [b"ada", b"bob", b"eve"]
    assert opened(sealed, OLD) == [None] * 3
    assert is_turned(sealed, BOTH)
    assert is_turned(sealed, NEW)
    assert turn(sealed, BOTH, [COLUMN]) == 3, "again without harm"
    assert opened(sealed, NEW) == [b"ada", b"bob", b"eve"]
    with pytest.raises(KeyUnknown):
        is_turned(sealed, OLD)


def test_a_value_that_no_key_opens_stops_everything(sealed: Database) -> None:
    with sealed.write() as session:
        strange = update(Account).where(Account.name == "eve")
        session.execute(strange.values(full_name=Keys.of("somebody elses key").seal("tests", b"x")))
    with pytest.raises(Unreadable, match=r"1 values of account\.full_name"):
        turn(sealed, BOTH, [COLUMN])
    assert opened(sealed, OLD)[:2] == [b"ada", b"bob"]
    assert not is_turned(sealed, BOTH)


def test_cut_off_in_the_middle_it_has_changed_nothing(sealed: Database) -> None:
    faults.arm("rekey.sealed:error")
    try:
        with pytest.raises(faults.InjectedFault):
            turn(sealed, BOTH, [COLUMN])
    finally:
        faults.arm("")
    assert opened(sealed, OLD) == [b"ada", b"bob", b"eve"]
    with sealed.read() as session:
        assert read_fact(session, FACT) == fingerprints(BOTH)[1]


def test_a_key_that_the_hub_never_had(sealed: Database) -> None:
    with pytest.raises(KeyUnknown):
        turn(sealed, Keys.of("a-third-secret-key,a-fourth-secret-key"))
