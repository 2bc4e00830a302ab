"""One-segment names: `gpt2` stands for `openai-community/gpt2`. They share names with accounts."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub_server.accounts import NameTaken, names
from hub_server.db.tables.accounts import Account, AccountRedirect
from hub_server.db.tables.repos import Alias, Kind
from hub_server.errors import AlreadyExists, NotFound


def add_alias(session: Session, kind: Kind, name: str, target: str) -> Alias:
    """`target` may be made later; until then the alias leads nowhere."""
    names.check_namespace_name(name)
    namespace, last = names.split_full_name(target)
    key = names.key(name)
    if session.scalar(select(exists().where(Account.name_key == key))):
        raise NameTaken(name)
    alias = Alias(kind=kind, name_key=key, target=f"{namespace}/{last}")
    try:
        with session.begin_nested():
            session.add(alias)
            session.flush()
    except IntegrityError as failure:
        raise AlreadyExists(
            "There is an alias {name} for a {kind} already.", name=name, kind=kind
        ) from failure
    session.execute(delete(AccountRedirect).where(AccountRedirect.name_key == key))
    return alias


def remove_alias(session: Session, kind: Kind, name: str) -> None:
    gone = session.execute(
        delete(Alias)
        .where(Alias.kind == kind, Alias.name_key == names.key(name))
        .returning(Alias.name_key)
    ).first()
    if gone is None:
        raise NotFound("There is no alias {name} for a {kind}.", name=name[:100], kind=kind)


def list_aliases(session: Session) -> Sequence[Alias]:
    return session.scalars(select(Alias).order_by(Alias.name_key, Alias.kind)).all()
