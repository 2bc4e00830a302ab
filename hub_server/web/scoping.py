"""The places of a fine-grained token: what a form offers, and what was chosen in it."""

from itertools import zip_longest

from sqlalchemy.orm import Session

from hub_server import repos
from hub_server.accounts import Caller, orgs
from hub_server.accounts.scopes import PLURALS, Permission, Scope
from hub_server.db.tables.accounts import Account
from hub_server.errors import BadRequest, HubError
from hub_server.web.forms import TokenForm
from hub_server.web.views.settings import PlaceRow, Places, ScopeRow

MAY: dict[str, Permission] = {"read": "repo.read", "write": "repo.write"}
ROWS = 3
MOST_SUGGESTED = 200


class NoPlace(BadRequest):
    def __init__(self) -> None:
        super().__init__("Choose at least one place where this token may go.")


def chosen_scopes(session: Session, caller: Caller, form: TokenForm) -> tuple[Scope, ...]:
    """The scopes of the form; BadRequest names a repository that the caller does not see."""
    if form.role != "fine-grained":
        return ()
    known = {account.name: account.id for account in _namespaces(session, caller)}
    whole = [
        Scope(MAY[may], name, namespace_id=known[name])
        for name, may in zip(form.namespace, form.namespace_may, strict=False)
        if name in known and may in MAY
    ]
    single = [
        _of_repo(session, caller, path, MAY.get(may, "repo.read"))
        for path, may in zip_longest(form.repo, form.repo_may[: len(form.repo)], fillvalue="read")
        if path.strip()
    ]
    if not whole and not single:
        raise NoPlace
    return (*whole, *single)


def _of_repo(session: Session, caller: Caller, text: str, permission: Permission) -> Scope:
    path = text.strip().strip("/")
    first, _, rest = path.partition("/")
    kind = PLURALS.get(first, "model")
    path = rest if first in PLURALS else path
    try:
        repo = repos.readable(session, caller, kind, path)
    except HubError:
        raise BadRequest(
            "There is no {kind} {path} to make a scope for.", kind=kind, path=path[:200]
        ) from None
    return Scope(permission, f"{kind}s/{repo.full_name}", kind, repo_id=repo.id)


def places(session: Session, caller: Caller, form: TokenForm | None = None) -> Places:
    """What there is to choose, filled as `form` was."""
    accounts = _namespaces(session, caller)
    sent = dict(zip(form.namespace, form.namespace_may, strict=False)) if form else {}
    typed = (
        list(zip_longest(form.repo, form.repo_may[: len(form.repo)], fillvalue="read"))
        if form
        else []
    )
    filled = [(path, may) for path, may in typed if path.strip()]
    rows = filled + [("", "read")] * max(1, ROWS - len(filled))
    suggested = [
        f"{repo.kind}s/{repo.full_name}"
        for account in accounts
        for repo in repos.list_in(session, caller, account.id, limit=MOST_SUGGESTED)
    ]
    return Places(
        tuple(PlaceRow(account.name, sent.get(account.name, "")) for account in accounts),
        tuple(PlaceRow(path, may) for path, may in rows),
        tuple(suggested[:MOST_SUGGESTED]),
    )


def _namespaces(session: Session, caller: Caller) -> list[Account]:
    """The caller's own, then those of the organizations the caller is in."""
    assert caller.user_id is not None  # noqa: S101 - signed in
    own = session.get_one(Account, caller.user_id)
    return [own, *(org for org, _ in orgs.orgs_of(session, caller.user_id))]


def scope_rows(scopes: tuple[Scope, ...]) -> tuple[ScopeRow, ...]:
    return tuple(ScopeRow(scope.target, scope.permission != "repo.read") for scope in scopes)
