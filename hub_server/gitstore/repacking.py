"""Many packs become few: geometric repacking, which keeps every object.

Packs are ordered by size; as long as each is at least twice as large as all smaller ones together
nothing is to be gained, else the smaller ones become one. So a repository of n bytes has about
log n packs, and each byte is copied about log n times in its life.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.db.tables.git import Pack
from hub_server.git.subprocesses import GitProgram
from hub_server.gitstore import records
from hub_server.gitstore.records import PackRecord
from hub_server.gitstore.replacing import (
    Replacement,
    Step,
    build,
    discarded_on_failure,
    hold_packs,
    nothing_more,
    publish,
)
from hub_server.gitstore.store import GitStore

FACTOR = 2
FLOOR = 65_536
"""Bytes below which all packs count as equally small."""
FEW = 10
"""So many packs may stay at most; sizes alone would let one for each power of two."""


@dataclass(frozen=True, slots=True)
class Repacked:
    """Live packs before and after, as far as the caller saw them, and what was written."""

    before: int
    after: int
    objects: int = 0
    bytes: int = 0


def choose(packs: Sequence[PackRecord], *, few: int = FEW) -> list[PackRecord]:
    """The packs that become one, so that at most `few` stay; empty where it is well as it is."""
    ordered = sorted(packs, key=lambda pack: pack.size)
    split = max(_split([pack.size for pack in ordered]), len(ordered) - few + 1)
    return ordered[:split] if split > 1 else []


def _split(sizes: Sequence[int]) -> int:
    """How many of the smallest stand in the way of the progression; `sizes` ascend."""
    weights = [max(size, FLOOR) for size in sizes]
    split = 0
    for place in range(len(weights) - 1, 0, -1):
        if weights[place] < FACTOR * weights[place - 1]:
            split = place + 1
            break
    total = sum(sizes[:split])
    while split and split < len(sizes) and weights[split] < FACTOR * max(total, FLOOR):
        total += sizes[split]
        split += 1
    return split


def repack(
    store: GitStore,
    repo_id: int,
    *,
    git: GitProgram | None,
    few: int = FEW,
    finish: Step = nothing_more,
) -> Repacked | None:
    """Make one pack of those that `choose` names, of all for 1; None while another does.

    `finish` runs in the transaction that publishes. Raises what `build` and `publish` raise.
    """
    with hold_packs(store, repo_id) as held:
        if held is None:
            return None
        packs = _live(store, repo_id)
        chosen = choose(packs, few=few)
        faults.point("repack.chosen")
        if not chosen:
            return Repacked(len(packs), len(packs))
        wanted = Replacement("repack", chosen, finish=finish)
        made = build(store, repo_id, wanted, git=git)
        with discarded_on_failure(store, made):
            publish(store, repo_id, held, wanted, made)
        objects, size = (made.objects, made.bytes) if made else (0, 0)
        return Repacked(len(packs), len(packs) - len(chosen) + 1, objects, size)


def with_many_packs(session: Session, more_than: int) -> list[int]:
    """Repositories with more live packs than that; looks at all, so for an operator's command."""
    counted = select(Pack.repo_id).where(Pack.state == "live").group_by(Pack.repo_id)
    many = counted.having(func.count() > more_than).order_by(Pack.repo_id)
    return list(session.scalars(many))


def _live(store: GitStore, repo_id: int) -> list[PackRecord]:
    with store.database.read() as session:
        return records.live_packs(session, repo_id)
