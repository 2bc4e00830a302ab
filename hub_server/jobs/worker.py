"""The loop that works jobs off, in a thread of `serve` or alone in `hub-server worker`."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.orm import Session

from hub_server.db import Database
from hub_server.errors import HubError, Unavailable
from hub_server.jobs import queue

log = structlog.get_logger("hub.jobs")

Finish = Callable[[Session], None]
Handler = Callable[[Mapping[str, object]], Finish | None]
"""Given the payload, does the slow part without a transaction; may be called again after a crash.

What it returns runs in the transaction that removes the job: an effect there happens once.
"""

IDLE_SECONDS = 1.0
RENEW_SECONDS = 20.0


@dataclass(frozen=True)
class Periodic:
    """A job that is always waiting for its next turn, `every` seconds."""

    kind: str
    every: float


class Worker:
    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        periodic: Sequence[Periodic] = (),
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.database = database
        self.handlers = dict(handlers)
        self.periodic = {each.kind: each for each in periodic}
        self.idle_seconds = idle_seconds
        self._stop = threading.Event()

    def run(self) -> None:
        """Work until `stop`; a failing database is waited for."""
        while not (self._stop.is_set() or self._retry(self._plan_all)):
            self._stop.wait(self.idle_seconds)
        while not self._stop.is_set():
            if not self._retry(self.run_one):
                self._stop.wait(self.idle_seconds)

    def stop(self) -> None:
        """Take no further job; the one in hand is finished."""
        self._stop.set()

    def run_one(self) -> bool:
        """Claim and work one job; False when none is due."""
        with self.database.write() as session:
            held = queue.claim(session, self.handlers)
        if held is None:
            return False
        self._work(held)
        return True

    def _work(self, held: queue.Claim) -> None:
        done = threading.Event()
        keeper = threading.Thread(target=self._keep_lease, args=(held, done), daemon=True)
        keeper.start()
        try:
            finish = self.handlers[held.kind](held.payload)
            with self.database.write() as session:
                queue.complete(session, held)
                if finish is not None:
                    finish(session)
                self._plan(session, held.kind)
        except queue.LeaseLost:
            log.warning("job taken over", kind=held.kind, job=held.id)
        except Unavailable as failure:  # store or database are away: nothing to look into here
            log.warning("job waits", kind=held.kind, job=held.id, error=str(failure))
            self._give_back(held, f"{type(failure).__name__}: {failure}")
        except Exception as failure:  # the one loop that must outlive any handler
            log.warning("job failed", kind=held.kind, job=held.id, exc_info=failure)
            self._give_back(held, f"{type(failure).__name__}: {failure}")
        finally:
            done.set()
            keeper.join()

    def _give_back(self, held: queue.Claim, error: str) -> None:
        try:
            with self.database.write() as session:
                queue.fail(session, held, error)
                if held.attempts >= held.max_attempts:
                    self._plan(session, held.kind)
        except (queue.LeaseLost, HubError) as failure:
            log.warning("job not given back", kind=held.kind, job=held.id, error=str(failure))

    def _keep_lease(self, held: queue.Claim, done: threading.Event) -> None:
        while not done.wait(RENEW_SECONDS):
            try:
                with self.database.write() as session:
                    queue.renew(session, held)
            except queue.LeaseLost:
                return
            except HubError as failure:
                log.warning("lease not renewed", kind=held.kind, error=str(failure))

    def _plan_all(self) -> bool:
        with self.database.write() as session:
            for kind in self.periodic:
                queue.enqueue(session, kind, key="periodic")
            periods = {kind: each.every for kind, each in self.periodic.items()}
            mended = queue.mend_times(session, periods)
        if mended:
            log.warning("jobs were put off by a clock that was ahead", jobs=mended)
        return True

    def _plan(self, session: Session, kind: str) -> None:
        if each := self.periodic.get(kind):
            queue.enqueue(session, kind, key="periodic", delay=each.every)

    def _retry(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except HubError as failure:
            log.warning("jobs wait for the database", error=str(failure))
        except Exception:  # without this loop nothing would ever run again
            log.exception("jobs wait")
        return False
