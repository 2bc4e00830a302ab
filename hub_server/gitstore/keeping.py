"""While a backup copies what rows named, nobody collects bytes; and who serves says so.

Both are leases by the database's clock, so that all nodes and commands see the same.
"""

import secrets
import socket
import threading
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub_server.db import Database, database_clock, insert_ignore
from hub_server.db.tables.git import Lease
from hub_server.errors import HubError

log = structlog.get_logger("hub.nodes")

KEPT = "keep-blobs"
NODE = "node:"
BEAT = 20.0
STALE = 60.0
"""Seconds after which a node that said nothing counts as gone."""


def keep_blobs(session: Session, seconds: float) -> None:
    """For so long from now nothing is collected; never shortens what others asked for.

    In a write unit. Waits for collectors at work; when it commits, every row that a reader sees
    from then on keeps its bytes.
    """
    kept_until = _gate(session, lock=True)
    ends = database_clock(session) + timedelta(seconds=seconds)
    if kept_until is None or kept_until < ends:
        session.execute(update(Lease).where(Lease.name == KEPT).values(expires_at=ends))


def blobs_are_kept(session: Session) -> bool:
    """Whether a backup is at work. Whoever takes rows away whose bytes then go asks this first,
    in the same write unit, and leaves everything as it is for a True.

    Holds the answer still until the unit ends: a backup that wants to begin waits for it.
    """
    kept_until = _gate(session, lock=False)
    return kept_until is not None and kept_until > database_clock(session)


def _gate(session: Session, *, lock: bool) -> datetime | None:
    long_ago = database_clock(session) - timedelta(days=1)
    insert_ignore(session, Lease, {"name": KEPT, "fence": 0, "expires_at": long_ago})
    held = select(Lease.expires_at).where(Lease.name == KEPT)
    return session.scalar(held.with_for_update(read=not lock))


def living_nodes(session: Session) -> list[str]:
    """Names of the processes that serve or work jobs at this moment."""
    found = select(Lease.name).where(
        Lease.name.startswith(NODE), Lease.expires_at > database_clock(session)
    )
    return sorted(name.removeprefix(NODE) for name in session.scalars(found))


class Heartbeat:
    """Says in the database that this process lives, every `beat` seconds, until `stop`."""

    def __init__(self, database: Database, *, beat: float = BEAT, stale: float = STALE) -> None:
        self.database = database
        self.beat = beat
        self.stale = stale
        self.name = f"{socket.gethostname()[:100]}-{secrets.token_hex(6)}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Said once before it returns, if the database answers."""
        self._say()
        self._thread.start()

    def stop(self) -> None:
        """The node is gone for others at once."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        try:
            with self.database.write() as session:
                session.execute(delete(Lease).where(Lease.name == NODE + self.name))
        except HubError as failure:
            log.warning("node not signed off", error=str(failure))

    def _run(self) -> None:
        while not self._stop.wait(self.beat):
            self._say()

    def _say(self) -> None:
        try:
            with self.database.write() as session:
                clock = database_clock(session)
                row = {"fence": 1, "expires_at": clock + timedelta(seconds=self.stale)}
                if not insert_ignore(session, Lease, {"name": NODE + self.name, **row}):
                    session.execute(update(Lease).where(Lease.name == NODE + self.name).values(row))
                gone = clock - timedelta(days=1)
                session.execute(
                    delete(Lease).where(Lease.name.startswith(NODE), Lease.expires_at < gone)
                )
        except HubError as failure:
            log.warning("heartbeat missed", error=str(failure))
