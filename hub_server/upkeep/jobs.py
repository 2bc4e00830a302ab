"""What upkeep does by itself."""

from datetime import timedelta

import structlog

from hub_server.contents import Hub
from hub_server.jobs import Handler
from hub_server.upkeep.collecting import GRACE, Doomed, Plan, collect

log = structlog.get_logger("hub.upkeep")

COLLECT = "upkeep.gc"


def plan_of(hub: Hub) -> Plan:
    """As the operator has set it."""
    return Plan(GRACE, timedelta(days=hub.settings.gc_days))


def handlers(hub: Hub) -> dict[str, Handler]:
    """`upkeep.gc` is to run once a day."""
    return {COLLECT: lambda _: _collect(hub)}


def _collect(hub: Hub) -> None:
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}

    def told(doomed: Doomed) -> None:
        counts[doomed.fate] = counts.get(doomed.fate, 0) + 1
        sizes[doomed.fate] = sizes.get(doomed.fate, 0) + doomed.size

    collect(hub, plan_of(hub), told)
    if counts:
        log.info("garbage", **{f"{fate}": count for fate, count in counts.items()}, bytes=sizes)
