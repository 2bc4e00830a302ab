"""What account commands share: a transaction, tables on stdout, links, expiries."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import click
from sqlalchemy.orm import Session

from hub_server.cli.base import open_database
from hub_server.db import now
from hub_server.errors import BadRequest
from hub_server.events import HEARING
from hub_server.settings import Settings, parse_duration

LOCAL_URL = "http://127.0.0.1:8000"
EVERYBODY = 1_000_000


@contextmanager
def writing(settings: Settings) -> Iterator[Session]:
    """Rooms above hear what is announced, as they do while the hub serves."""
    from hub_server.app import subscriptions  # reading commands need not wait for it

    with open_database(settings) as database:
        database.session_info[HEARING] = subscriptions()
        with database.write() as session:
            yield session


@contextmanager
def reading(settings: Settings) -> Iterator[Session]:
    with open_database(settings) as database, database.read() as session:
        yield session


def table(header: str, rows: Iterable[Iterable[object]]) -> None:
    """Fields divided by tabs on stdout; what they are called, on stderr."""
    click.echo(header.replace(" ", "\t"), err=True)
    for row in rows:
        click.echo("\t".join("-" if field in (None, "") else str(field) for field in row))


def link(settings: Settings, path: str) -> str:
    """The address of a page, by the first of HUB_PUBLIC_URL."""
    if not settings.public_urls:
        click.echo(
            f"HUB_PUBLIC_URL is not set: put your hub's address in the place of {LOCAL_URL}.",
            err=True,
        )
    return f"{(settings.public_urls or [LOCAL_URL])[0]}{path}"


def expiry(text: str | None) -> datetime | None:
    """The moment a duration such as 30d ends; None for `never`."""
    if text is None or text == "never":
        return None
    try:
        return now() + timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError) as failure:
        raise BadRequest("--expires: {reason}.", reason=str(failure)) from None


def day(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
