"""Clients that try again what may be tried again, and a tally of what they were answered."""

import re
import threading
import time
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.gitclient import GitClient

RETRIED = frozenset({502, 503, 504, 507})
"""502 and 504 are a front proxy's words for a node that died."""
PAUSE = 0.15
LONGEST_PAUSE = 1.0
GIT_RETRIES = re.compile(
    r"returned error: 50[2347]|HTTP 50[2347]|Connection (refused|reset)|Failed to connect"
    r"|Couldn't connect|Could not connect|Empty reply|hung up|unexpected disconnect|early EOF"
    r"|Recv failure|Send failure|RPC failed|transfer closed|connection closed|EOF"
    r"|connection refused|broken pipe|storage of this hub|was updated meanwhile|fetch first"
    r"|not our ref"  # a branch that was deleted between the two requests of a fetch
    r"|Authentication failed"  # its words when the hub dies between its challenge and the answer
    r"|Operation too slow|timed? ?out|incorrect old value|disk of the hub|does not answer"
)


class Wrong(AssertionError):
    """An answer that no hub may give, whatever fails behind it."""


class GaveUp(AssertionError):
    """Trying again did not help for as long as anybody would wait."""


@dataclass
class Tally:
    """Statuses of all answers, connections that broke, and answers that should not have been."""

    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    longest: float = 0.0
    """Seconds that one thing took, with all its tries."""
    wrong: list[str] = field(default_factory=list)
    proxied: bool = False
    """A front proxy may say 502 and 504, without Retry-After, and sends a DELETE that a dying node
    may have done to another one."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when trying again makes no sense any more: the test has failed."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, response: httpx.Response) -> None:
        status = response.status_code
        request = f"{response.request.method} {response.request.url.path}"
        with self._lock:
            self.statuses[status] += 1
            if status in (502, 504) and self.proxied:
                return
            if status >= 500 and status not in (503, 507):
                self.wrong.append(f"{request}: {status} {response.text[:300]}")
            if status == 503 and "retry-after" not in response.headers:
                self.wrong.append(f"{request}: 503 without Retry-After: {response.text[:300]}")

    def broke(self) -> None:
        with self._lock:
            self.broken += 1

    def took(self, seconds: float) -> None:
        with self._lock:
            self.longest = max(self.longest, seconds)

    def says(self, sentence: str) -> None:
        with self._lock:
            self.wrong.append(sentence)

    def __str__(self) -> str:
        statuses = ", ".join(
            f"{count} × {status}" for status, count in sorted(self.statuses.items())
        )
        return f"{statuses}; {self.broken} broken connections; longest try {self.longest:.1f} s"


@dataclass
class PatientClient:
    """An HTTP client of one person at one address."""

    url: str
    token: str
    tally: Tally
    patience: float = 90.0
    tries: int = 0
    """Of the last request: above 1, an earlier one may have had its effect."""

    def __post_init__(self) -> None:
        self.http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        self.http.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        ok: Container[int] = (200,),
        ok_again: Container[int] = (),
        **options: Any,
    ) -> httpx.Response:
        """Until the status is one of `ok`, or of `ok_again` after a try that may have counted.

        Raises Wrong for other statuses, GaveUp.
        """
        begun, self.tries = time.monotonic(), 0
        while True:
            self.tries += 1
            answer = self._once(method, url, **options)
            if answer is not None:
                fine = answer.status_code in ok
                again = self.tries > 1 or (self.tally.proxied and method == "DELETE")
                if fine or (again and answer.status_code in ok_again):
                    self.tally.took(time.monotonic() - begun)
                    return answer
                if answer.status_code not in RETRIED:
                    raise Wrong(f"{method} {url}: {answer.status_code} {answer.text[:500]}")
            if time.monotonic() - begun > self.patience or self.tally.over.is_set():
                raise GaveUp(f"{method} {url}: {answer.text[:300] if answer else 'no answer'}")
            time.sleep(_pause(self.tries, answer))

    def _once(self, method: str, url: str, **options: Any) -> httpx.Response | None:
        try:
            answer = self.http.request(method, url, **options)
        except httpx.TransportError:
            self.tally.broke()
            return None
        self.tally.answered(answer)
        return answer


def _pause(tries: int, answer: httpx.Response | None = None) -> float:
    """Longer each time; as the hub asks, but a test has less time than people."""
    asked = float(answer.headers.get("retry-after", 0)) if answer is not None else 0.0
    return min(LONGEST_PAUSE, max(PAUSE * 1.5 ** (tries - 1), asked))


@dataclass
class PatientGit:
    """The stock git client; a command that failed for want of a hub is given again."""

    git: GitClient
    tally: Tally
    patience: float = 90.0
    tries: int = 0

    @classmethod
    def at(cls, folder: Path, tally: Tally, patience: float) -> "PatientGit":
        folder.mkdir()
        git = GitClient(folder)
        git.environment |= {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "30"}
        git("lfs", "install", "--skip-repo")
        git("config", "--global", "lfs.transfer.maxretries", "2")
        git("config", "--global", "gc.auto", "0")
        return cls(git, tally, patience)

    def __call__(self, *words: str, cwd: Path | None = None, fine: str = "") -> str:
        """What it printed; a failure that says `fine` after another one means that an earlier try
        had its effect. Raises Wrong, GaveUp."""
        begun, self.tries = time.monotonic(), 0
        while True:
            self.tries += 1
            done = self.git.run(*words, cwd=cwd)
            if done.code == 0 or (self.tries > 1 and fine and fine in done.err):
                self.tally.took(time.monotonic() - begun)
                return done.out.strip()
            said = done.err + done.out
            if re.search(r"returned error: 500|HTTP 500", said):
                self.tally.says(f"git {' '.join(words)}: {said[-500:]}")
            elif not GIT_RETRIES.search(said):
                raise Wrong(f"git {' '.join(words)}: {said[-1500:]}")
            self.tally.broke()
            if time.monotonic() - begun > self.patience or self.tally.over.is_set():
                raise GaveUp(f"git {' '.join(words)}: {said[-500:]}")
            time.sleep(_pause(self.tries))
