"""What a fine-grained token may touch: repositories and namespaces by id, so renames keep it.

Written `repo.write:models/ada/tiny`, `repo.read:ada` (a whole namespace), `repo.read:datasets/ada`.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.accounts import names
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import BadRequest

Permission = Literal["repo.read", "repo.write", "discussion.write"]
SPELLINGS: dict[str, Permission] = {name: name for name in get_args(Permission)} | {
    "repo.content.read": "repo.read"  # as the public Hub spells it
}
PLURALS: dict[str, Kind] = {"models": "model", "datasets": "dataset", "spaces": "space"}


@dataclass(frozen=True)
class Scope:
    """Exactly one of `repo_id` and `namespace_id` is set; `kind` None means every kind.

    `target` is the name as it was when the token was made, for people to read.
    """

    permission: Permission
    target: str
    kind: Kind | None = None
    repo_id: int | None = None
    namespace_id: int | None = None

    def covers(self, repo_id: int, namespace_id: int, kind: str) -> bool:
        if self.repo_id is not None:
            return self.repo_id == repo_id
        return self.namespace_id == namespace_id and self.kind in (None, kind)


def read_scopes(stored: Iterable[Any]) -> tuple[Scope, ...]:
    return tuple(Scope(**entry) for entry in stored)


def store_scopes(scopes: Iterable[Scope]) -> list[Any]:
    return [asdict(scope) for scope in scopes]


def parse_scope(session: Session, text: str) -> Scope:
    """A scope as people write it; BadRequest names what is wrong or does not exist."""
    permission, colon, target = text.partition(":")
    if not colon or not target or permission not in SPELLINGS:
        raise BadRequest(
            "{text!r} is not a scope such as repo.write:models/ada/tiny or repo.read:ada; "
            "permissions are {permissions}.",
            text=text[:200],
            permissions=", ".join(get_args(Permission)),
        )
    first, _, rest = target.partition("/")
    kind = PLURALS.get(first)
    path = rest if kind else target
    if "/" in path:
        return _repo_scope(session, SPELLINGS[permission], kind or "model", path)
    return _namespace_scope(session, SPELLINGS[permission], kind, path)


def _repo_scope(session: Session, permission: Permission, kind: Kind, path: str) -> Scope:
    row = session.execute(
        select(Repo.id, Repo.full_name).where(
            Repo.kind == kind, Repo.name_key == names.key(path), Repo.deleted_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        raise BadRequest(
            "There is no {kind} {path} to make a scope for.", kind=kind, path=path[:200]
        )
    return Scope(permission, f"{kind}s/{row.full_name}", kind, repo_id=row.id)


def _namespace_scope(
    session: Session, permission: Permission, kind: Kind | None, path: str
) -> Scope:
    row = session.execute(
        select(Account.id, Account.name).where(Account.name_key == names.key(path))
    ).one_or_none()
    if row is None:
        raise BadRequest("There is no user or organization {name}.", name=path[:200])
    target = f"{kind}s/{row.name}" if kind else row.name
    return Scope(permission, target, kind, namespace_id=row.id)
