"""How things look in JSON: times, accounts. What is unknown is left out, never null."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from hub_server.db.tables.accounts import Account
from hub_server.edge import repo_path
from hub_server.git import Signature

TRUE = ("true", "1", "yes")
LAST_MOMENT = 253_402_300_799  # the end of the year 9999


def stamp(moment: datetime) -> str:
    """`2026-01-02T03:04:05.000Z`: clients accept no other form."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def git_stamp(signature: Signature) -> str:
    """When a commit was made; Git takes moments that no calendar has, which are cut."""
    return stamp(datetime.fromtimestamp(min(max(signature.time, 0), LAST_MOMENT), UTC))


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Clients tell null from absent, and some crash on null."""
    return {name: value for name, value in values.items() if value is not None}


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """A boolean of the query in any of the spellings clients use."""
    value = request.query_params.get(name)
    return default if value is None else value.lower() in TRUE


def many(request: Request, name: str) -> list[str]:
    """All values of `name` and of `name[]`."""
    query = request.query_params
    return [*query.getlist(name), *query.getlist(f"{name}[]")]


def repo_url(request: Request, kind: str, full_name: str) -> str:
    """The absolute address of a repository's page."""
    return f"{request.state.origin.base_url}/{repo_path(kind, full_name)}"


def avatar_url(request: Request, name: str) -> str:
    return f"{request.state.origin.base_url}/-/avatars/{name}.svg"


def account_summary(request: Request, account: Account) -> dict[str, Any]:
    """As members, owners and followers are listed."""
    return {
        "_id": account.public_id,
        "user": account.name,
        "name": account.name,
        "fullname": account.full_name or account.name,
        "avatarUrl": avatar_url(request, account.name),
        "type": account.kind,
        "isPro": False,
        "isFollowing": False,
    }
