"""The one function in which every way of writing ends: authorize again, move refs, announce.

`git push`, the HTTP commit, branches and tags made over the API: all come here with what they have
staged, in a transaction of their own that holds nothing but rows.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub_server import faults
from hub_server.accounts import Access, Caller, can_write, require
from hub_server.cards import IndexRecord
from hub_server.contents.hub import Hub
from hub_server.contents.packing import keep_count, plan_prune
from hub_server.db import now
from hub_server.db.tables.accounts import Account, Membership, Token
from hub_server.db.tables.git import RefLog
from hub_server.db.tables.repos import Repo
from hub_server.errors import InvalidCredentials, RepoNotFound
from hub_server.events import RefChange, RefsUpdated
from hub_server.gitstore import (
    CONVERTS,
    HEADS,
    PULLS,
    Pruned,
    RefUpdate,
    StagedPack,
    lock_repository,
)
from hub_server.repos import RepoRow

NO_PULL = "pull requests are opened first, then pushed to"
NOT_YOURS = "only its author and writers of the repository may push to a pull request"
NO_WRITE = "you may read this repository but not write to it"
_PULL = re.compile(rb"refs/pr/[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Landing:
    """What shall become true at once.

    `prunes`: the repository's number before anything of it was looked at. `oids`: large files that
    the new commits point at, checked by `rules`. `record`: what the catalog keeps of the new
    default branch, where that is among `updates`.
    """

    repo_id: int
    caller: Caller
    updates: Sequence[RefUpdate]
    prunes: int
    staged: Sequence[StagedPack] = ()
    atomic: bool = False
    oids: Collection[str] = ()
    record: IndexRecord | None = None
    leaves_behind: bool = False
    """A ref moves to where it does not reach what it reached."""
    refused: dict[bytes, str] = field(default_factory=dict)
    """Refs that were refused before, by name; their reasons are among the results."""


def land(hub: Hub, landing: Landing) -> dict[bytes, str | None]:
    """None for each ref that moved, else why it did not.

    Raises RepoNotFound or Forbidden if the caller has lost the right meanwhile, Pruned if objects
    that the caller may have seen are gone.
    """
    with hub.database.write() as session:
        return land_in(session, hub, landing)


def land_in(session: Session, hub: Hub, landing: Landing) -> dict[bytes, str | None]:
    """The same in a transaction that the caller has."""
    lock_repository(session, landing.repo_id)
    caller, repo = authorize_again(session, landing.caller, landing.repo_id)
    if repo.prunes != landing.prunes and any(change.new for change in landing.updates):
        raise Pruned(repo.prunes)
    faults.point("landing.begun")
    refused = landing.refused | _not_permitted(session, caller, repo, landing.updates)
    results: dict[bytes, str | None] = {
        change.name: refused.get(change.name) for change in landing.updates
    }
    wanted = [change for change in landing.updates if change.name not in refused]
    if landing.atomic and refused:
        wanted = []
        results = {name: reason or "another ref was refused" for name, reason in results.items()}
    results |= hub.git.publish(
        session, repo.id, landing.staged, wanted, who=caller.user_id, atomic=landing.atomic
    )
    moved = [change for change in wanted if results[change.name] is None]
    if moved:
        hub.objects.claim(session, repo.id, landing.oids, caller.user_id)
        _announce(session, hub, repo, moved, landing)
    faults.point("landing.written")
    return results


def authorize_again(
    session: Session, caller: Caller, repo_id: int, wanted: Access = Access.READ
) -> tuple[Caller, RepoRow]:
    """The repository and the caller as they are now, after bytes have moved for a while."""
    columns = (getattr(Repo, name) for name in RepoRow.__slots__)
    found = session.execute(
        select(*columns).where(Repo.id == repo_id, Repo.deleted_at.is_(None))
    ).one_or_none()
    if found is None:
        raise RepoNotFound(anonymous=caller.is_anonymous)
    repo = RepoRow(*found)
    caller = _as_of_now(session, caller, repo.namespace_id)
    require(caller, repo, wanted)
    return caller, repo


def _as_of_now(session: Session, caller: Caller, namespace_id: int) -> Caller:
    """The same caller with the role of this moment; a token that ended is refused."""
    if caller.user_id is None:
        return caller
    token_id = caller.token.id if caller.token else None
    row = session.execute(
        select(Account.is_admin, Account.disabled_at, Membership.role, Token.id, Token.expires_at)
        .outerjoin(
            Membership,
            (Membership.user_id == Account.id) & (Membership.org_id == namespace_id),
        )
        .outerjoin(Token, (Token.user_id == Account.id) & (Token.id == token_id))
        .where(Account.id == caller.user_id)
    ).one_or_none()
    if row is None or row.disabled_at or (token_id is not None and row.id is None):
        raise InvalidCredentials
    if row.expires_at is not None and row.expires_at <= now():
        raise InvalidCredentials
    roles = {namespace_id: row.role} if row.role else {}
    return replace(caller, is_admin=row.is_admin, roles=roles)


def _not_permitted(
    session: Session, caller: Caller, repo: RepoRow, updates: Sequence[RefUpdate]
) -> dict[bytes, str]:
    """Writers move heads and tags; the author of a pull request moves only its own ref."""
    writes = can_write(caller, repo)
    if not writes and not any(change.name.startswith(PULLS) for change in updates):
        require(caller, repo, Access.WRITE)
    refused: dict[bytes, str] = {}
    for change in updates:
        if change.name.startswith(PULLS):
            reason = _pull_refusal(session, caller, repo, change)
        else:
            reason = None if writes else NO_WRITE
        if reason:
            refused[change.name] = reason
    return refused


def _pull_refusal(session: Session, caller: Caller, repo: RepoRow, change: RefUpdate) -> str | None:
    if change.old is None or not _PULL.fullmatch(change.name):
        return NO_PULL
    if can_write(caller, repo):
        return None
    opened_by = session.scalar(
        select(RefLog.user_id)
        .where(RefLog.repo_id == repo.id, RefLog.name == change.name, RefLog.old.is_(None))
        .order_by(RefLog.id.desc())
        .limit(1)
    )
    own = opened_by is not None and opened_by == caller.user_id
    may_push = caller.token is None or caller.token.role == "write"
    return None if own and may_push and change.new else NOT_YOURS


def _announce(
    session: Session, hub: Hub, repo: RepoRow, moved: Sequence[RefUpdate], landing: Landing
) -> None:
    default = HEADS + repo.default_branch.encode("utf-8", "surrogateescape")
    head = next((change for change in moved if change.name == default), None)
    values: dict[str, object] = {"used_storage": keep_count(session, hub, repo.id)}
    if head is not None:
        values["head"] = head.new
    session.execute(update(Repo).where(Repo.id == repo.id).values(values))
    if landing.leaves_behind or any(change.new is None for change in moved):
        plan_prune(session, hub, repo.id)
    event = RefsUpdated(
        repo.id,
        tuple(RefChange(change.name, change.old, change.new) for change in moved),
        landing.caller.user_id,
        moves_head=head is not None,
        head=head.new if head else None,
        record=landing.record if head else None,
    )
    hub.events.announce(session, event)


def is_hidden(name: bytes) -> bool:
    """Refs that no listing shows unless asked."""
    return name.startswith((PULLS, CONVERTS))
