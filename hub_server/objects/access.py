"""Whether an upload may still end where it was meant to: asked anew after bytes have moved."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub_server.accounts import (
    Access,
    Caller,
    RepoFacts,
    anonymous,
    caller_for,
    can_discuss,
    can_write,
    require,
)
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from hub_server.errors import Forbidden, RepoNotFound, Unauthorized


@dataclass(frozen=True, slots=True)
class Claim:
    """Who brings an object into which repository; `pending` is what readers may do.

    `user_id` None is the hub itself, which needs no permission.
    """

    repo_id: int
    user_id: int | None
    pending: bool = False


def upload_claim(caller: Caller, repo: RepoFacts, ref: str | None) -> Claim:
    """Whose objects these will be. Who may only read may upload for a pull request, pending."""
    if can_write(caller, repo):
        return Claim(repo.id, caller.user_id)
    if (ref is None or ref.startswith("refs/pr/")) and can_discuss(caller, repo):
        return Claim(repo.id, caller.user_id, pending=True)
    require(caller, repo, Access.WRITE)
    raise AssertionError("a caller who may write was refused")


def present(session: Session, repo_id: int, user_id: int | None) -> tuple[Caller, Repo]:
    """The repository and the user as they are now. Raises RepoNotFound, Unauthorized."""
    repo = session.get(Repo, repo_id)
    if repo is None or repo.deleted_at is not None:
        raise RepoNotFound(anonymous=user_id is None)
    if user_id is None:
        return anonymous("read"), repo
    account = session.get(Account, user_id)
    if account is None or account.disabled_at or account.deleted_at:
        raise Unauthorized("This account is no longer active.")
    return caller_for(session, account), repo


def authorize(session: Session, claim: Claim) -> None:
    """Raise unless the claim's user may still upload there."""
    if claim.user_id is None:
        return
    caller, repo = present(session, claim.repo_id, claim.user_id)
    permit(caller, repo, claim)


def permit(caller: Caller, repo: RepoFacts, claim: Claim) -> None:
    """Raise unless the caller, perhaps with a narrow token, may do what the claim says."""
    if not claim.pending:
        require(caller, repo, Access.WRITE)
    elif not can_discuss(caller, repo):
        require(caller, repo, Access.READ)
        raise Forbidden("Pull requests to {name} are switched off.", name=repo.full_name)
