"""Putting one new pack in the place of several: the part that repacking and pruning share.

The order: a lease with a fence, so that one process at a time changes the packs of a repository;
the new pack built and read back; its row and its bytes; then one transaction that checks the
fence, makes it live and retires the others. A crash before that leaves garbage only. Readers who
had the old list go on reading the old packs, whose bytes stay until a grace period is over.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.db import database_clock
from hub_server.db.tables.git import Pack
from hub_server.errors import HubError
from hub_server.git.merging import merge_packs
from hub_server.git.subprocesses import GitProgram
from hub_server.gitstore import leases
from hub_server.gitstore.leases import Held
from hub_server.gitstore.publishing import StagedPack, lock_repository, make_live
from hub_server.gitstore.records import PackRecord, batched
from hub_server.gitstore.store import GitStore

IDS = 500

Step = Callable[[Session], None]


def nothing_more(_session: Session) -> None:
    """A Step that does nothing."""


@dataclass(frozen=True)
class Replacement:
    """`packs` give way to one pack of their objects but `without` those.

    `name` begins the names of fault points. `check` and `finish` run in the transaction that
    publishes, before and after it has changed the packs; both may raise to stop it.
    """

    name: str
    packs: Sequence[PackRecord]
    without: Set[bytes] = frozenset()
    check: Step = nothing_more
    finish: Step = field(default=nothing_more)


class Built(NamedTuple):
    staged: StagedPack
    objects: int
    bytes: int


def hold_packs(store: GitStore, repo_id: int) -> AbstractContextManager[Held | None]:
    """The right to replace packs of the repository, None while another process has it."""
    return leases.hold(store.database, f"packs:{repo_id}")


def build(
    store: GitStore, repo_id: int, wanted: Replacement, *, git: GitProgram | None
) -> Built | None:
    """Build, check and store the new pack; None where no object is left.

    Raises BadPack, DamagedPack, BlobMissing, StoreFull or StoreUnavailable; nothing has changed.
    """
    _pin = store.cache.pin(repo_id)
    with store.work_folder() as folder:
        sources = [store.cache.ensure(repo_id, record) for record in wanted.packs]
        files = merge_packs(sources, folder, git=git, without=wanted.without)
        faults.point(f"{wanted.name}.built")
        made = Built(store.stage(repo_id, files), files.count, files.size) if files else None
    faults.point(f"{wanted.name}.staged")
    return made


@contextlib.contextmanager
def discarded_on_failure(store: GitStore, made: Built | None) -> Iterator[None]:
    """Forget what was built if the block fails; what cannot be forgotten now is collected later."""
    done = False
    try:
        yield
        done = True
    finally:
        if made is not None and not done:
            with contextlib.suppress(HubError):
                store.discard(made.staged)


def publish(
    store: GitStore, repo_id: int, held: Held, wanted: Replacement, made: Built | None
) -> None:
    """The one transaction. Raises LeaseLost, PackGone, PacksChanged or what `check` raises."""
    with store.database.write() as session:
        lock_repository(session, repo_id)
        leases.check(session, held)
        wanted.check(session)
        if made is not None:
            make_live(session, made.staged)
        _retire(session, wanted.packs)
        wanted.finish(session)
        faults.point(f"{wanted.name}.publishing")
    for record in wanted.packs:
        store.handles.forget(record.name)
    faults.point(f"{wanted.name}.published")


class PacksChanged(leases.LeaseLost):
    """A pack to be replaced is not live any more: the repository was removed, most likely."""


def _retire(session: Session, packs: Sequence[PackRecord]) -> None:
    stamp = database_clock(session)
    for some in batched((record.id for record in packs), IDS):
        done: Any = session.execute(
            update(Pack)
            .where(Pack.id.in_(some), Pack.state == "live")
            .values(state="retired", retired_at=stamp)
        )
        if done.rowcount != len(some):
            raise PacksChanged("its packs")
