"""Tickets: good for one purpose, one object, one claim, a while."""

import pytest

from hub_server.keys import Keys
from hub_server.objects import Claim, Ticket, TicketRefused, Tickets

OID = "ab" * 32
TICKET = Ticket("upload", OID, 123, Claim(4, 5, pending=True))
KEYS = Keys.of("first")


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


def text_of(path: str) -> str:
    assert path.startswith(f"/-/lfs/upload/{OID}?ticket=")
    return path.partition("ticket=")[2]


@pytest.mark.parametrize(
    "ticket",
    [
        TICKET,
        Ticket("upload", OID, 0, Claim(4, None)),
        Ticket("upload", OID, 10**12, Claim(4, 5), "0123abcd", 10_000),
    ],
)
def test_what_was_issued_is_read(ticket: Ticket) -> None:
    tickets = Tickets(KEYS)
    assert tickets.read("upload", OID, text_of(tickets.path(ticket, seconds=9))) == ticket


def test_nothing_may_be_altered() -> None:
    tickets = Tickets(KEYS)
    text = text_of(tickets.path(TICKET, seconds=60))
    fields = text.split(".")
    altered = [
        ".".join([*fields[:at], "9" if fields[at] != "9" else "8", *fields[at + 1 :]])
        for at in range(len(fields))
    ]
    assert tickets.read("upload", OID, text)
    wrong = [
        *altered,
        "",
        "x",
        text + "x",
        text[:-1],
        text.replace(".", "\n"),
        "\ud800",
        text + "\n",
    ]
    for each in wrong:
        with pytest.raises(TicketRefused):
            tickets.read("upload", OID, each)
    with pytest.raises(TicketRefused):
        tickets.read("download", OID, text)
    with pytest.raises(TicketRefused):
        tickets.read("upload", "cd" * 32, text)


def test_a_ticket_ends() -> None:
    clock = Clock()
    tickets = Tickets(KEYS, clock)
    text = text_of(tickets.path(TICKET, seconds=60))
    clock.time += 59
    assert tickets.read("upload", OID, text)
    clock.time += 2
    with pytest.raises(TicketRefused, match="expired"):
        tickets.read("upload", OID, text)


def test_keys_rotate() -> None:
    text = text_of(Tickets(KEYS).path(TICKET, seconds=60))
    assert Tickets(Keys.of("second,first")).read("upload", OID, text)
    with pytest.raises(TicketRefused):
        Tickets(Keys.of("second")).read("upload", OID, text)
