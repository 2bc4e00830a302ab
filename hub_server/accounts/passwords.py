"""Passwords: rules and argon2. Hash before opening a transaction: it takes tens of milliseconds."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from hub_server.errors import BadRequest, Unavailable

MIN_LENGTH = 8
MAX_BYTES = 1024
WAIT_SECONDS = 20

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# A class that signs in at once must not fill memory and every core: two at a time, others wait.
_SLOTS = threading.BoundedSemaphore(2)
_NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$OMNlWcEsGuZ2Y97sCNULIg$"
    "pwRozyi+uKUXuy1BbXHGIaADpa7bxpEGITi5nwMYh8Q"
)
"""Checked where there is no account or no password, so that this takes as long as a wrong one."""


class WeakPassword(BadRequest):
    pass


def check(password: str, *personal: str | None) -> None:
    """Raise WeakPassword unless it may be used by somebody with these names and addresses."""
    if len(password) < MIN_LENGTH:
        raise WeakPassword(
            "A password has at least {length} characters; several words are a good one.",
            length=MIN_LENGTH,
        )
    if len(password.encode("utf-8", "surrogateescape")) > MAX_BYTES:
        raise WeakPassword("A password has at most {length} bytes.", length=MAX_BYTES)
    if len(set(password)) == 1 or password.lower() in {word.lower() for word in personal if word}:
        raise WeakPassword("This password is too easy to guess; choose another.")


def make(password: str, *personal: str | None) -> str:
    """The hash to store; WeakPassword as `check` says."""
    check(password, *personal)
    with _slot():
        return _HASHER.hash(password.encode("utf-8", "surrogateescape"))


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` is the one that was hashed; as slow for None, and then False."""
    given = password.encode("utf-8", "surrogateescape")
    if len(given) > MAX_BYTES:
        return False
    with _slot():
        try:
            return _HASHER.verify(stored or _NOBODY, given) and stored is not None
        except (VerifyMismatchError, InvalidHashError):
            return False


def rehash(stored: str, password: str) -> str | None:
    """A new hash of a password just verified, if the old one was made with weaker parameters."""
    if not _HASHER.check_needs_rehash(stored):
        return None
    with _slot():
        return _HASHER.hash(password.encode("utf-8", "surrogateescape"))


@contextmanager
def _slot() -> Iterator[None]:
    if not _SLOTS.acquire(timeout=WAIT_SECONDS):
        raise Unavailable("Many people are signing in just now; try again in a few seconds.")
    try:
        yield
    finally:
        _SLOTS.release()
