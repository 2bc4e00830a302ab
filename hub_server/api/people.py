"""Who the caller is; users and organizations; the caller's repositories as settings list them."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import repos, usage
from hub_server.accounts import AccountNotFound, Caller, orgs, users
from hub_server.api.shapes import account_summary, avatar_url, stamp, without_none
from hub_server.db.tables.accounts import Account
from hub_server.edge import AskedPage, CurrentCaller, Paging, ReadSession, SignedIn, link_next
from hub_server.errors import Forbidden, InvalidCredentials

router = APIRouter()

ROLE_WORDS = {"fine-grained": "fineGrained"}


@router.get("/api/whoami-v2")
@router.get("/api/whoami", include_in_schema=False)
def whoami(request: Request, session: ReadSession, caller: CurrentCaller) -> dict[str, Any]:
    """The caller, their organizations and the token in use."""
    if caller.user_id is None:
        raise InvalidCredentials
    return without_none(
        {
            "type": "user",
            "id": caller.public_id,
            "name": caller.name,
            "fullname": caller.full_name or caller.name,
            "email": caller.email,
            "emailVerified": caller.email is not None,
            "isPro": False,
            "canPay": False,
            "avatarUrl": avatar_url(request, caller.name),
            "orgs": [
                _membership(request, org, role)
                for org, role in orgs.orgs_of(session, caller.user_id)
            ],
            "auth": _auth(caller),
        }
    )


def _membership(request: Request, org: Account, role: str) -> dict[str, Any]:
    return {
        "type": "org",
        "id": org.public_id,
        "name": org.name,
        "fullname": org.full_name or org.name,
        "canPay": False,
        "isEnterprise": False,
        "avatarUrl": avatar_url(request, org.name),
        "roleInOrg": role,
    }


def _auth(caller: Caller) -> dict[str, Any] | None:
    token = caller.token
    if token is None:
        return None
    shown = {
        "displayName": token.name,
        "role": ROLE_WORDS.get(token.role, token.role),
        "createdAt": stamp(token.created_at),
        "expiration": stamp(token.expires_at) if token.expires_at else None,
    }
    return {"type": "access_token", "accessToken": without_none(shown)}


@router.get("/api/users/{name}/overview")
def user_overview(
    request: Request, name: str, session: ReadSession, caller: CurrentCaller
) -> dict[str, Any]:
    user = shown_account(session, name, "user", caller)
    found = orgs.orgs_of(session, user.id)
    return {
        **account_summary(request, user),
        "details": user.about,
        "createdAt": stamp(user.created_at),
        **_counts(session, caller, user),
        "numLikes": usage.count_liked(session, caller, user.id),
        "numFollowers": 0,
        "numFollowing": 0,
        "orgs": [account_summary(request, org) for org, _ in found],
    }


@router.get("/api/organizations/{name}/overview")
def org_overview(
    request: Request, name: str, session: ReadSession, caller: CurrentCaller
) -> dict[str, Any]:
    org = shown_account(session, name, "org", caller)
    return {
        **account_summary(request, org),
        "details": org.about,
        "isVerified": False,
        "numUsers": orgs.count_members(session, org),
        "numFollowers": 0,
        **_counts(session, caller, org),
    }


@router.get("/api/organizations/{name}/members")
def org_members(
    request: Request,
    response: Response,
    name: str,
    session: ReadSession,
    caller: CurrentCaller,
    page: AskedPage,
) -> list[dict[str, Any]]:
    org = shown_account(session, name, "org", caller)
    after = page.after if isinstance(page.after, str) else ""
    found = orgs.members(session, org, after=after, limit=page.limit)
    link_next(request, response, found[-1].user.name_key if len(found) == page.limit else None)
    return [{**account_summary(request, each.user), "role": each.role} for each in found]


@router.get("/api/users/{name}/followers")
@router.get("/api/users/{name}/following")
@router.get("/api/organizations/{name}/followers")
def follows(name: str, session: ReadSession, caller: CurrentCaller) -> list[dict[str, Any]]:
    """Nobody follows anybody here; the account has to exist."""
    shown_account(session, name, None, caller)
    return []


@router.get("/api/users/{name}/avatar")
@router.get("/api/organizations/{name}/avatar")
def avatar(
    request: Request, name: str, session: ReadSession, caller: CurrentCaller
) -> dict[str, str]:
    return {"avatarUrl": avatar_url(request, shown_account(session, name, None, caller).name)}


@router.get("/api/settings/repositories")
def own_repositories(
    request: Request, response: Response, session: ReadSession, caller: SignedIn, page: AskedPage
) -> list[dict[str, Any]]:
    """The caller's repositories with what they store."""
    return _settings_listing(request, response, session, caller, page)


@router.get("/api/organizations/{name}/settings/repositories")
def org_repositories(
    request: Request,
    response: Response,
    name: str,
    session: ReadSession,
    caller: SignedIn,
    page: AskedPage,
) -> list[dict[str, Any]]:
    org = shown_account(session, name, "org", caller)
    if caller.role_in(org.id) is None:
        raise Forbidden("Only members of {name} may list what it stores.", name=org.name)
    return _settings_listing(request, response, session, caller, page, namespace_id=org.id)


def _settings_listing(
    request: Request,
    response: Response,
    session: Session,
    caller: Caller,
    page: Paging,
    *,
    namespace_id: int | None = None,
) -> list[dict[str, Any]]:
    place = namespace_id if namespace_id is not None else caller.user_id
    assert place is not None  # noqa: S101 - somebody signed in, or an organization
    found = repos.list_in(session, caller, place, after=_cursor(page.after), limit=page.limit)
    last = found[-1] if len(found) == page.limit else None
    link_next(request, response, [last.updated_at.isoformat(), last.id] if last else None)
    return [
        {
            "id": repo.full_name,
            "type": repo.kind,
            "updatedAt": stamp(repo.updated_at),
            "visibility": "private" if repo.private else "public",
            "storage": repo.used_storage,
        }
        for repo in found
    ]


def _cursor(after: object) -> repos.Cursor | None:
    match after:
        case [str(moment), int(repo_id)]:
            try:
                return repos.Cursor(datetime.fromisoformat(moment), repo_id)
            except ValueError:
                return None
    return None


def shown_account(session: Session, name: str, kind: str | None, caller: Caller) -> Account:
    """Raises AccountNotFound, to strangers where everybody has to sign in as well."""
    found = users.find_account(session, name)
    hidden = caller.is_anonymous and not caller.reads_public
    if found is None or hidden or (kind and found.kind != kind):
        raise AccountNotFound({"org": "organization"}.get(kind or "", kind or "account"), name)
    return found


def _counts(session: Session, caller: Caller, account: Account) -> dict[str, int]:
    found = repos.counts(session, caller, account.id)
    return {
        "numModels": found["model"],
        "numDatasets": found["dataset"],
        "numSpaces": found["space"],
        "numDiscussions": 0,
        "numPapers": 0,
        "numUpvotes": 0,
        "numLikes": 0,
    }
