"""Single values about this installation."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub_server.db.insert import insert_ignore, upsert
from hub_server.db.tables.jobs import Fact


def read_fact(session: Session, name: str) -> str | None:
    return session.scalar(select(Fact.value).where(Fact.name == name))


def write_fact(session: Session, name: str, value: str) -> None:
    upsert(session, Fact, {"name": name, "value": value}, key=["name"], update=["value"])


def forget_fact(session: Session, name: str) -> None:
    session.execute(delete(Fact).where(Fact.name == name))


def claim_fact(session: Session, name: str, value: str) -> str:
    """The recorded value; `value` itself if none was recorded before."""
    insert_ignore(session, Fact, {"name": name, "value": value})
    return read_fact(session, name) or value
