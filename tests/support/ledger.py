"""What a hub said it keeps, written down by those it told; later compared with what it has.

Every name (a file on a branch, a ref, an oid) is changed by one writer at a time. Between a
request and its answer nobody knows: `changing` marks that, so that readers do not judge it.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

Name = tuple[str, ...]
"""`(repo, ref)`, `(repo, ref, path)` or `(repo, oid)`."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes, by what can be told of them without keeping them; `oid` is also their LFS oid."""

    oid: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> "Content":
        return cls(hashlib.sha256(data).hexdigest(), len(data))


@dataclass
class Ledger:
    """Acknowledged facts. Refs are full names; None is what was acknowledged to be gone.

    `history`: commits that a ref which many write to must have in its past.
    """

    files: dict[tuple[str, str, str], Content | None] = field(default_factory=dict)
    refs: dict[tuple[str, str], str | None] = field(default_factory=dict)
    history: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    objects: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    _turns: Counter[Name] = field(default_factory=Counter)
    _doubts: Counter[Name] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def changing(self, *names: Name) -> Iterator[None]:
        """Around a write, from before it is sent until it has been entered here."""
        with self._lock:
            self._doubts.update(names)
        try:
            yield
        finally:
            with self._lock:
                self._turns.update(names)
                self._doubts.subtract(names)

    def turn(self, name: Name) -> int | None:
        """A number that changes with the name, None while it is being changed."""
        with self._lock:
            return None if self._doubts[name] > 0 else self._turns[name]

    def committed(
        self, repo: str, ref: str, commit: str | None, files: Mapping[str, Content | None]
    ) -> None:
        """A commit on a ref that others write to as well; its id where it was told."""
        with self._lock:
            if commit:
                self.history.setdefault((repo, ref), []).append(commit)
            for path, content in files.items():
                self.files[repo, ref, path] = content
            self.counts["commits"] += 1

    def moved(
        self, repo: str, ref: str, commit: str | None, files: Mapping[str, Content] | None = None
    ) -> None:
        """A ref of one writer's own points there now, and holds exactly these files, if told."""
        with self._lock:
            self.refs[repo, ref] = commit
            for name in [name for name in self.files if name[:2] == (repo, ref)]:
                del self.files[name]
            for path, content in (files or {}).items():
                self.files[repo, ref, path] = content
            self.counts["refs"] += 1

    def uploaded(self, repo: str, content: Content) -> None:
        with self._lock:
            self.objects[repo, content.oid] = content.size
            self.counts["objects"] += 1

    def repos(self) -> set[str]:
        with self._lock:
            return {name[0] for name in (*self.files, *self.refs, *self.history, *self.objects)}

    def known_files(self) -> list[tuple[tuple[str, str, str], Content | None]]:
        with self._lock:
            return list(self.files.items())

    def known_objects(self) -> list[tuple[tuple[str, str], int]]:
        with self._lock:
            return list(self.objects.items())

    def known_refs(self) -> list[tuple[tuple[str, str], str | None]]:
        with self._lock:
            return list(self.refs.items())
