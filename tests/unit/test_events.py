"""Events reach who subscribed, in order, inside the transaction that made them happen."""

import pytest
from sqlalchemy.orm import Session

from hub_server.db import Database
from hub_server.db.facts import read_fact, write_fact
from hub_server.events import Events, RepoCreated, RepoDeleted


def test_subscribers_hear_their_kind_of_event_in_the_order_they_came():
    events, heard = Events(), []
    events.on(RepoCreated, lambda session, event: heard.append(("first", session, event)))
    events.on(RepoDeleted, lambda session, event: heard.append(("other", session, event)))
    events.on(RepoCreated, lambda session, event: heard.append(("second", session, event)))
    session, event = Session(), RepoCreated(1, None)
    events.announce(session, event)
    assert heard == [("first", session, event), ("second", session, event)]


def test_an_event_nobody_asked_for_is_no_failure():
    events = Events()
    events.announce(Session(), RepoCreated(1, None))
    events.announce(Session(), object())


def test_what_subscribers_write_goes_with_the_transaction(sqlite_database: Database):
    events = Events()
    events.on(RepoCreated, lambda session, event: write_fact(session, "heard", str(event.repo_id)))

    def fail() -> None:
        with sqlite_database.write() as session:
            events.announce(session, RepoCreated(1, None))
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    with sqlite_database.read() as session:
        assert read_fact(session, "heard") is None
    with sqlite_database.write() as session:
        events.announce(session, RepoCreated(2, None))
    with sqlite_database.read() as session:
        assert read_fact(session, "heard") == "2"


def test_a_subscriber_that_fails_undoes_it_all(sqlite_database: Database):
    def refuse(session: Session, event: RepoCreated) -> None:
        raise LookupError("no")

    events = Events()
    events.on(RepoCreated, refuse)

    def create() -> None:
        with sqlite_database.write() as session:
            write_fact(session, "created", "1")
            events.announce(session, RepoCreated(1, None))

    with pytest.raises(LookupError):
        create()
    with sqlite_database.read() as session:
        assert read_fact(session, "created") is None
