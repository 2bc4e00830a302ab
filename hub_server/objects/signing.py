"""Tickets: links that carry their own permission for one transfer, for clients that send no token.

What a ticket allows is looked at again where it is used; the signature only says that the hub has
issued it, for this purpose, object, repository and user.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hub_server.errors import Forbidden
from hub_server.keys import Keys
from hub_server.objects.access import Claim

Purpose = Literal["upload", "part", "complete", "verify", "download"]
KEY = "transfer"
_TEXT = re.compile(r"(\d+)\.(\d*)\.(\d+)\.([01])\.([0-9a-f]*)\.(\d+)\.(\d+)\.([\w-]{43})")


class TicketRefused(Forbidden):
    """The link was not issued by this hub, was altered, or its time is over."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """`upload` is the token of an upload in parts, `number` one of its parts, else empty and 0."""

    purpose: Purpose
    sha256: str
    size: int
    claim: Claim
    upload: str = ""
    number: int = 0

    def fields(self, expires: int) -> str:
        who = self.claim
        user = "" if who.user_id is None else who.user_id
        return (
            f"{who.repo_id}.{user}.{self.size}.{int(who.pending)}.{self.upload}."
            f"{self.number}.{expires}"
        )


class Tickets:
    """Issues and reads tickets; a rotated secret key still reads those of the old one."""

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock

    def path(self, ticket: Ticket, *, seconds: int) -> str:
        """Path and query of the transfer, to be put behind the hub's address."""
        fields = ticket.fields(int(self._clock()) + seconds)
        signature = self._keys.sign(KEY, self._message(ticket.purpose, ticket.sha256, fields))
        return f"/-/lfs/{ticket.purpose}/{ticket.sha256}?ticket={fields}.{signature}"

    def read(self, purpose: Purpose, sha256: str, text: str) -> Ticket:
        """The ticket of a request. Raises TicketRefused."""
        match = _TEXT.fullmatch(text)
        if not match:
            raise TicketRefused("This link is not one of this hub.")
        fields, signature = text.rpartition(".")[0], match[8]
        if not self._keys.verify(KEY, self._message(purpose, sha256, fields), signature):
            raise TicketRefused("This link is not one of this hub.")
        if int(match[7]) < self._clock():
            raise TicketRefused("This link has expired; ask for a new one.")
        user = int(match[2]) if match[2] else None
        return Ticket(
            purpose=purpose,
            sha256=sha256,
            size=int(match[3]),
            claim=Claim(int(match[1]), user, match[4] == "1"),
            upload=match[5],
            number=int(match[6]),
        )

    @staticmethod
    def _message(purpose: str, sha256: str, fields: str) -> bytes:
        return f"{purpose}\n{sha256}\n{fields}".encode("utf-8", "surrogateescape")
