"""A mixed load on a hub: pushes, commits, uploads, branches, tags, deletions and readers at once.

Each writer has names of its own and enters in the ledger what was acknowledged. Readers compare
with the ledger all the while, at whichever node: what one was told, all must have.
"""

import random
import threading
from collections.abc import Sequence

import httpx

from tests.support.audit import Audit
from tests.support.gitclient import GitClient
from tests.support.workers import KINDS, Scene, Worker

MIXED = ("push", "commit", "upload", "move", "read", "push", "commit", "upload")


class Load:
    """Use as a context: the workers end when it ends, in whatever way."""

    def __init__(self, scene: Scene, *, seed: int = 0) -> None:
        self.scene = scene
        self.seed = seed
        self.failures: list[BaseException] = []
        self.steps = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.scene.tally.over.set()
        self.finish()

    def start(self, workers: Sequence[str] = MIXED) -> None:
        """A thread for each word of `workers`, which are names of KINDS."""
        self.scene.folder.mkdir(parents=True, exist_ok=True)
        for number, kind in enumerate(workers):
            chance = random.Random(f"{self.seed}-{number}")
            worker = KINDS[kind](self.scene, f"{kind}{number}", chance)
            thread = threading.Thread(target=self._run, args=(worker,), name=worker.name)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Let everybody end what they are at, however often they must try."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raise if somebody gave up, or was told what is never right."""
        problems = [*map(repr, self.failures), *self.scene.tally.wrong]
        assert not problems, "\n".join(problems[:20])

    def audit(self, url: str) -> int:
        """After the end: compare all with the ledger, at one address; returns bytes compared."""
        folder = self.scene.folder / "audit"
        folder.mkdir()
        headers = {"Authorization": f"Bearer {self.scene.token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            audit = Audit(self.scene.ledger, client, GitClient(folder))
            problems = audit.run()
        assert not problems, "\n".join(problems[:20])
        return audit.bytes

    def _run(self, worker: Worker) -> None:
        try:
            worker.begin()
            while not (self._stop.is_set() or self.failures):
                worker.step()
                self.steps += 1
        except (AssertionError, httpx.HTTPError, OSError, KeyError, ValueError) as failure:
            self.failures.append(failure)
        finally:
            worker.close()
