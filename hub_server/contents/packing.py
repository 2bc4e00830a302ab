"""When the packs of a repository are looked after, and this room's jobs.

Jobs are planned by whoever lands something, as rows; nothing ever goes through all repositories.
"""

from collections.abc import Mapping
from datetime import timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub_server.contents.hub import Hub
from hub_server.db.tables.git import Pack
from hub_server.db.tables.repos import Repo
from hub_server.gitstore import (
    Rules,
    collect,
    delete_marked,
    mark,
    marked_until,
    repack,
)
from hub_server.jobs import Finish, Handler, enqueue

log = structlog.get_logger("hub.packs")

SWEEP, REPACK, PRUNE = "gitstore.sweep", "gitstore.repack", "gitstore.prune"
DAY = timedelta(days=1)
SETTLING = 5.0
"""Seconds a repack waits, so that it takes a burst of commits at once."""
MOMENT = 60.0
EVER = 36_500


def keep_count(session: Session, hub: Hub, repo_id: int) -> int:
    """Bytes of the live packs and of the large files that are the repository's; where the packs
    have become many, a repack is planned.
    """
    packs, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Pack.size), 0)).where(
            Pack.repo_id == repo_id, Pack.state == "live"
        )
    ).one()
    if packs > hub.settings.max_packs:
        _plan_repack(session, repo_id, SETTLING)
    return int(size) + hub.objects.linked_size(session, repo_id)


def _plan_repack(session: Session, repo_id: int, delay: float) -> None:
    enqueue(session, REPACK, {"repo": repo_id}, key=str(repo_id), delay=delay)


def plan_prune(session: Session, hub: Hub, repo_id: int, *, delay: float | None = None) -> None:
    """By default once what refs have left behind now is old enough to go."""
    days = hub.settings.prune_days
    if days:
        delay = days * DAY.total_seconds() + MOMENT if delay is None else delay
        enqueue(session, PRUNE, {"repo": repo_id}, key=str(repo_id), delay=delay)


def prune_rules(hub: Hub) -> Rules:
    """As set; 0 days keep all that refs ever pointed at."""
    settings = hub.settings
    return Rules(settings.prune_days or EVER, timedelta(seconds=settings.prune_grace))


def count_storage(session: Session, hub: Hub, repo_id: int) -> None:
    """The finish of a repack or prune: what the repository takes now."""
    used = keep_count(session, hub, repo_id)
    session.execute(update(Repo).where(Repo.id == repo_id).values(used_storage=used))


def handlers(hub: Hub) -> dict[str, Handler]:
    """Jobs by kind; `gitstore.sweep` is to run every hour or so."""
    return {
        SWEEP: lambda _: _sweep(hub),
        REPACK: lambda payload: _repack(hub, _repo(payload)),
        PRUNE: lambda payload: _prune(hub, _repo(payload)),
    }


def _repo(payload: Mapping[str, object]) -> int:
    return int(str(payload["repo"]))


def _sweep(hub: Hub) -> None:
    collect(hub.git, retired=timedelta(seconds=hub.settings.pack_grace))
    hub.git.cache.make_room()


def _repack(hub: Hub, repo_id: int) -> Finish | None:
    with hub.database.read() as session:
        live = (Pack.repo_id == repo_id, Pack.state == "live")
        packs = session.scalar(select(func.count()).select_from(Pack).where(*live)) or 0
    if packs <= hub.settings.max_packs:
        return None
    done = repack(
        hub.git,
        repo_id,
        git=hub.git_program,
        few=hub.settings.max_packs // 2,
        finish=lambda session: count_storage(session, hub, repo_id),
    )
    if done is None:  # at work elsewhere, or killed there
        return lambda session: _plan_repack(session, repo_id, MOMENT)
    log.info("repacked", repo=repo_id, before=done.before, after=done.after, bytes=done.bytes)
    return None


def _prune(hub: Hub, repo_id: int) -> Finish | None:
    """One phase at a time; the next one is planned where there will be something to do."""
    rules = prune_rules(hub)
    left = marked_until(hub.git, repo_id, rules)
    if left is None:
        return _mark(hub, repo_id, rules)
    if left > timedelta(0):
        return _next_phase(hub, repo_id, left.total_seconds())
    return _delete_marked(hub, repo_id, rules)


def _mark(hub: Hub, repo_id: int, rules: Rules) -> Finish | None:
    found = mark(hub.git, repo_id, rules, git=hub.git_program)
    if found is None:
        return _next_phase(hub, repo_id, MOMENT)
    if found.objects:
        return _next_phase(hub, repo_id, rules.grace.total_seconds())
    return _next_phase(hub, repo_id, None) if found.later else None


def _delete_marked(hub: Hub, repo_id: int, rules: Rules) -> Finish:
    gone = delete_marked(
        hub.git,
        repo_id,
        rules,
        git=hub.git_program,
        finish=lambda session: count_storage(session, hub, repo_id),
    )
    if gone is None:
        return _next_phase(hub, repo_id, MOMENT)
    log.info("pruned", repo=repo_id, objects=gone.objects, bytes=gone.bytes)
    return _next_phase(hub, repo_id, None)


def _next_phase(hub: Hub, repo_id: int, delay: float | None) -> Finish:
    return lambda session: plan_prune(session, hub, repo_id, delay=delay)
