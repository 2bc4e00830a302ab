"""What upkeep does by itself."""

from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server import catalog, jobs
from hub_server.contents import Hub
from hub_server.db.facts import read_fact, write_fact
from hub_server.db.tables.repos import Repo
from hub_server.jobs import Finish, Handler
from hub_server.upkeep.collecting import GRACE, Doomed, Plan, collect
from hub_server.upkeep.reindexing import reindex_all

log = structlog.get_logger("hub.upkeep")

COLLECT = "upkeep.gc"
BUILD = "catalog.build"
BUILT = "catalog-built"
"""The fact that says that every repository there is has been indexed once."""


def plan_of(hub: Hub) -> Plan:
    """As the operator has set it."""
    return Plan(GRACE, timedelta(days=hub.settings.gc_days))


def handlers(hub: Hub) -> dict[str, Handler]:
    """`upkeep.gc` is to run once a day, `catalog.build` once in the life of a hub."""
    return {COLLECT: lambda _: _collect(hub), BUILD: lambda _: _build(hub)}


def plan_build(session: Session) -> None:
    """At the start of a hub: what an earlier release has left without an index gets one."""
    if read_fact(session, BUILT) is not None:
        return
    if session.scalar(select(Repo.id).limit(1)) is None:
        write_fact(session, BUILT, "")
    else:
        jobs.enqueue(session, BUILD, key="build")


def _build(hub: Hub) -> Finish:
    """From rows, which is soon done, then from cards."""
    catalog.follow_all(hub.database)
    reindex_all(
        hub,
        anew=False,
        tell=lambda words: log.info("catalog", done=words),
        failed=lambda name, reason: log.warning("card not read", repo=name, reason=reason),
    )
    return lambda session: write_fact(session, BUILT, "")


def _collect(hub: Hub) -> None:
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}

    def told(doomed: Doomed) -> None:
        counts[doomed.fate] = counts.get(doomed.fate, 0) + 1
        sizes[doomed.fate] = sizes.get(doomed.fate, 0) + doomed.size

    collect(hub, plan_of(hub), told)
    if counts:
        log.info("garbage", **{f"{fate}": count for fate, count in counts.items()}, bytes=sizes)
