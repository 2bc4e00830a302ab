"""Downloads, counted beside the requests that make them.

A request leaves a note in memory and goes on; a thread of the process writes the notes down every
few seconds, many in one transaction. A process that is killed loses the notes of those seconds.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from itertools import islice

import structlog

from hub_server.db import Database
from hub_server.db.tables.repos import Kind
from hub_server.errors import HubError
from hub_server.usage.recording import WINDOW, Note, record
from hub_server.usage.rules import Rule, RuleBook

log = structlog.get_logger("hub.usage")

FLUSH_SECONDS = 3.0
MOST_NOTES = 50_000
"""Held in memory; with more, they are written at once, and with twice as many the rest is lost."""
AT_ONCE = 500
"""Notes written in one transaction."""
LAST_TRIES = 5
EVERYTHING = Rule("dataset")


class Counter:
    """The notes of one process. `key` is secret and the same on all nodes."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        *,
        every: float = FLUSH_SECONDS,
        most: int = MOST_NOTES,
    ) -> None:
        self._database = database
        self._key = key
        self._every = every
        self._most = most
        self._rules = RuleBook(database)
        self._lock = threading.Lock()
        self._notes: dict[bytes, Note] = {}
        self._unsorted: list[tuple[bytes, Note, str]] = []
        self._recent: OrderedDict[bytes, int] = OrderedDict()
        self._lost = 0
        self._flushing = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def note(
        self, kind: Kind, repo_id: int, client: str, path: str | None = None, *, at: int = 0
    ) -> None:
        """A client took a file, or with `path` None the whole repository. Waits for nothing.

        `client` is a user, or an address and a program; only a keyed hash of it is kept. `at` is
        in seconds since 1970, 0 for now.
        """
        if kind == "space":
            return
        whole = kind == "dataset" or path is None
        rule = EVERYTHING if whole else self._rules.get(repo_id)
        if rule is not None and not rule.holds(path or ""):
            return
        digest, note = self._digest(repo_id, client), Note(repo_id, at or int(time.time()))
        with self._lock:
            if self._is_known(digest, note) or self._is_full():
                return
            if rule is None:
                self._unsorted.append((digest, note, path or ""))
            else:
                self._keep(digest, note)

    def _digest(self, repo_id: int, client: str) -> bytes:
        told = f"{repo_id}\0{client}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(told, digest_size=16, key=self._key).digest()

    def _is_known(self, digest: bytes, note: Note) -> bool:
        return self._recent.get(digest, 0) > note.moment

    def _is_full(self) -> bool:
        held = len(self._notes) + len(self._unsorted)
        if held >= self._most:
            self._wake.set()
        if held < 2 * self._most:
            return False
        self._lost += 1
        return True

    def _keep(self, digest: bytes, note: Note) -> None:
        self._notes[digest] = note
        self._recent[digest] = note.moment + WINDOW
        self._recent.move_to_end(digest)
        while len(self._recent) > 2 * self._most:
            self._recent.popitem(last=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="downloads", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write down what is left; a database that is away is given a moment."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        for _ in range(LAST_TRIES):
            if self._try() and not self._notes:
                return
            time.sleep(0.2)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(self._every)
            self._wake.clear()
            self._try()

    def _try(self) -> bool:
        try:
            self.flush()
        except HubError as failure:
            log.warning("downloads wait for the database", error=str(failure))
        except Exception:  # without this thread nothing would ever be counted again
            log.exception("downloads wait")
        else:
            return True
        return False

    def flush(self) -> int:
        """Write the notes down; how many downloads they were. What fails is kept for next time."""
        with self._flushing:
            self._sort()
            with self._lock:
                waiting, self._notes = self._notes, {}
                lost, self._lost = self._lost, 0
            if lost:
                log.warning("downloads not counted: too many at once", lost=lost)
            try:
                return self._write(waiting)
            finally:
                self._give_back(waiting)

    def _sort(self) -> None:
        """Look up the rules that were unknown, and drop what they do not count."""
        with self._lock:
            taken, self._unsorted = self._unsorted, []
        try:
            rules = self._rules.look_up({note.repo_id for _, note, _ in taken})
        except HubError:
            with self._lock:
                self._unsorted = taken + self._unsorted
            raise
        with self._lock:
            for digest, note, path in taken:
                rule = rules.get(note.repo_id)
                if rule and rule.holds(path) and not self._is_known(digest, note):
                    self._keep(digest, note)

    def _write(self, waiting: dict[bytes, Note]) -> int:
        """Takes out of `waiting` what has been dealt with."""
        counted, remaining = 0, iter(list(waiting.items()))
        while part := dict(islice(remaining, AT_ONCE)):
            with self._database.write() as session:
                done = record(session, part)
            counted += len(done.counted)
            for digest in part.keys() - done.busy:
                del waiting[digest]
            self._forget(part.keys() - done.busy - done.counted)
        return counted

    def _forget(self, elsewhere: set[bytes]) -> None:
        """When their window ends is known to the node that counted them."""
        with self._lock:
            for digest in elsewhere:
                self._recent.pop(digest, None)

    def _give_back(self, left: dict[bytes, Note]) -> None:
        """What could not be written stands before what came meanwhile."""
        if not left:
            return
        with self._lock:
            room = max(0, 2 * self._most - len(self._notes))
            self._lost += max(0, len(left) - room)
            self._notes = dict(islice(left.items(), room)) | self._notes
