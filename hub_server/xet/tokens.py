"""Tokens of the chunk store: who may do what, through which repository, at which address.

A token is signed, not stored. It lives an hour, and every call asks anew whether its account, the
API token it was made for, and the repository still allow what it says.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from hub_server.accounts import (
    Access,
    Caller,
    RepoFacts,
    anonymous,
    caller_by_token_id,
    require,
)
from hub_server.db import Database
from hub_server.db.facts import claim_fact, read_fact
from hub_server.db.tables.repos import Repo
from hub_server.errors import Forbidden, InvalidCredentials, RepoNotFound, Unauthorized
from hub_server.keys import Keys
from hub_server.objects import Claim, HubParts, permit, present, upload_claim

Scope = Literal["read", "write"]
TOKEN_SECONDS = 3600
EPOCH = "xet_epoch"
"""The fact that stands in every address; who changes it makes clients forget what they sent."""
KEY = "xet"
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_ACCOUNT_LENGTH = 22
_LETTERS: dict[Scope, str] = {"read": "r", "write": "w"}
_TEXT = re.compile(r"xet_(\d+)\.(\d*)\.(\d*)\.(\d*)\.([rw])\.([01])\.(\d+)\.([\w-]{43})", re.ASCII)


class TokenRefused(Unauthorized):
    """The token was not issued by this hub for this address, was altered, or its time is over."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """`expires` in unix seconds; `path` is that of the chunk store, below the hub's address."""

    text: str
    expires: int
    path: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows its caller, as things are now."""

    caller: Caller
    repo: RepoFacts
    claim: Claim
    scope: Scope
    token: str
    place: "Place"


@dataclass(frozen=True, slots=True)
class Place:
    """Epoch and account, as they stand in the address."""

    epoch: str
    account: str

    @property
    def path(self) -> str:
        return f"/xet/{self.epoch}/{self.account}"


def issue_read(hub: HubParts, caller: Caller, repo: RepoFacts) -> IssuedToken:
    """Raises what `require` says of reading."""
    require(caller, repo, Access.READ)
    return _issued(hub, caller, Claim(repo.id, caller.user_id), "read")


def issue_write(hub: HubParts, caller: Caller, repo: RepoFacts, ref: str | None) -> IssuedToken:
    """`ref` None is a pull request that is yet to be made. Raises Forbidden, Unauthorized."""
    return issue_for(hub, caller, upload_claim(caller, repo, ref))


def issue_for(hub: HubParts, caller: Caller, claim: Claim) -> IssuedToken:
    """The same for a claim that was checked."""
    return _issued(hub, caller, claim, "write")


def _issued(hub: HubParts, caller: Caller, claim: Claim, scope: Scope) -> IssuedToken:
    at = place(hub, caller.user_id)
    expires = int(time.time()) + TOKEN_SECONDS
    user = "" if claim.user_id is None else claim.user_id
    token, made = _api_token(caller)
    fields = (
        f"{claim.repo_id}.{user}.{token}.{made}.{_LETTERS[scope]}.{int(claim.pending)}.{expires}"
    )
    return IssuedToken(f"xet_{fields}.{hub.keys.sign(KEY, _message(at, fields))}", expires, at.path)


def _api_token(caller: Caller) -> tuple[str, str]:
    """Id and microsecond of birth: databases give the id of a revoked token to the next one."""
    if caller.token is None:
        return "", ""
    return str(caller.token.id), str(
        (caller.token.created_at - _BEGIN) // timedelta(microseconds=1)
    )


def place(hub: HubParts, user_id: int | None) -> Place:
    """Where this account's chunk store is, so that client caches divide by account."""
    user = "" if user_id is None else str(user_id)
    return Place(epoch(hub.database), hub.keys.sign("xet-account", user.encode())[:_ACCOUNT_LENGTH])


def epoch(database: Database) -> str:
    """Made at the first question."""
    with database.read() as session:
        known = read_fact(session, EPOCH)
    if known is None:
        with database.write() as session:
            known = claim_fact(session, EPOCH, secrets.token_hex(4))
    return known


def open_grant(
    hub: HubParts,
    at: Place,
    text: str,
    scope: Scope,
    *,
    clock: Callable[[], float] = time.time,
) -> Grant:
    """What the token of a call to `at` allows now.

    Raises TokenRefused, InvalidCredentials (the API token has ended), Forbidden where the token's
    scope or the caller's rights are not enough, RepoNotFound.
    """
    match = _TEXT.fullmatch(text)
    fields = text[len("xet_") :].rpartition(".")[0]
    if not match or not _is_ours(hub.keys, at, fields, match[8]):
        raise TokenRefused("This is no token of this hub for this address; ask for a new one.")
    if int(match[7]) < clock():
        raise TokenRefused("This token has expired; ask for a new one.")
    if scope == "write" and match[5] != _LETTERS["write"]:
        raise Forbidden("This token is for reading; ask for one to write.")
    user = int(match[2]) if match[2] else None
    claim = Claim(int(match[1]), user, match[6] == "1")
    granted: Scope = "write" if match[5] == _LETTERS["write"] else "read"
    with hub.database.read() as session:
        if read_fact(session, EPOCH) != at.epoch:
            raise TokenRefused("This address is of another time; ask for a new token.")
        caller, repo = _present(hub, session, claim, match[3], match[4])
        if scope == "read":
            require(caller, repo, Access.READ)
        else:
            permit(caller, repo, claim)
        return Grant(caller, repo, claim, granted, text, at)


def still(hub: HubParts, grant: Grant) -> None:
    """After bytes have moved: raise unless the token would open the same door once more."""
    open_grant(hub, grant.place, grant.token, "write", clock=lambda: 0)


def _is_ours(keys: Keys, at: Place, fields: str, signature: str) -> bool:
    return keys.verify(KEY, _message(at, fields), signature)


def _message(at: Place, fields: str) -> bytes:
    return f"{at.epoch}\n{at.account}\n{fields}".encode("utf-8", "surrogateescape")


def _present(
    hub: HubParts, session: Session, claim: Claim, token_id: str, made: str
) -> tuple[Caller, Repo]:
    if claim.user_id is None:
        repo = session.get(Repo, claim.repo_id)
        if repo is None or repo.deleted_at is not None:
            raise RepoNotFound(anonymous=True)
        return anonymous(hub.settings.anonymous), repo
    caller, repo = present(session, claim.repo_id, claim.user_id)
    if token_id:
        caller = caller_by_token_id(session, int(token_id))
        if caller.user_id != claim.user_id or _api_token(caller)[1] != made:
            raise InvalidCredentials
    return caller, repo
