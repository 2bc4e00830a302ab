"""One cache folder, one hub: repositories lie there by number, and another hub counts them too.

Processes of one hub on one machine may share a folder, their locks keep them apart. Two hubs may
not: one would see the objects of the other as its own.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hub_server.db import Database, new_public_id
from hub_server.db.engine import NETWORK_FILE_SYSTEMS, file_system
from hub_server.db.facts import claim_fact
from hub_server.errors import Conflict

OWNER = "owner"
PATIENCE = 10.0
PAUSE = 0.05
OF_A_HUB = ("repos", "work")


class CacheTaken(Conflict):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            "HUB_CACHE_DIR: {folder} is in use by another hub; give each hub a folder of its own.",
            folder=folder,
        )


class CacheFarAway(Conflict):
    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(
            "HUB_CACHE_DIR: {folder} lies on a network file system ({kind}), where nodes would "
            "share it and locks do not hold; use a local directory.",
            folder=folder,
            kind=kind,
        )


@contextmanager
def held_cache(database: Database, folder: Path) -> Iterator[None]:
    """The folder belongs to the hub of this database while the block lasts, in any number of
    processes. What a hub that is gone has left there is removed. Raises CacheTaken, CacheFarAway.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (kind := file_system(folder)) in NETWORK_FILE_SYSTEMS:
        raise CacheFarAway(folder, kind)
    mine = _identity(database)
    with (folder / OWNER).open("a+b") as file:
        _become_owner(file, folder, mine)
        if not _share(file) or _read(file) != mine:
            raise CacheTaken(folder)
        yield


def _identity(database: Database) -> bytes:
    """A copy of a database has the same name for its hub, so where it lies counts as well."""
    with database.write() as session:
        hub = claim_fact(session, "hub", new_public_id())
    place = database.url.set(password=None).render_as_string(hide_password=True)
    return hashlib.sha256(f"{hub} {place}".encode()).hexdigest().encode()


def _become_owner(file: IO[bytes], folder: Path, mine: bytes) -> None:
    """Write our name, if nobody is using the folder at this moment."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    before = _read(file)
    if before == mine:
        return
    if before:
        for name in OF_A_HUB:
            shutil.rmtree(folder / name, ignore_errors=True)
    file.truncate(0)
    file.write(mine)
    file.flush()
    os.fsync(file.fileno())


def _share(file: IO[bytes]) -> bool:
    """Hold the folder together with others of this hub; what was held alone is given up."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            return True
    return False


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(100)
