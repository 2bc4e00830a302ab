"""User accounts: make, find, change, disable. Passwords arrive hashed (see passwords.py)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub_server.accounts import names
from hub_server.db import now
from hub_server.db.tables.accounts import (
    Account,
    AccountRedirect,
    BrowserSession,
    Membership,
    OneTimeLink,
)
from hub_server.db.tables.repos import Alias
from hub_server.errors import AlreadyExists, BadRequest, Conflict, NotFound

LANGUAGES = ("en", "fr", "ko")
MAX_EMAIL = 254
MAX_FULL_NAME = 200
MAX_ABOUT = 2000
_EMAIL = re.compile(r"[^\s@<>,;\"\\]+@[^\s@<>,;\"\\]+")


class AccountNotFound(NotFound):
    def __init__(self, what: str, name: str) -> None:
        super().__init__("There is no {what} called {name}.", what=what, name=name[:100])


class NameTaken(AlreadyExists):
    def __init__(self, name: str) -> None:
        super().__init__("The name {name} is taken; choose another.", name=name)


class EmailTaken(AlreadyExists):
    def __init__(self, email: str) -> None:
        super().__init__("There is an account with the address {email} already.", email=email)


class LastAdministrator(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(
            "{name} is the last administrator of the hub; make somebody else one first.", name=name
        )


@dataclass(frozen=True)
class NewUser:
    """`password_hash` comes from `passwords.make`; None: no signing in by password."""

    name: str
    email: str | None = None
    full_name: str = ""
    password_hash: str | None = None
    is_admin: bool = False
    language: str | None = None


def clean_email(email: str | None) -> str | None:
    """Trimmed, or None for an empty one; BadRequest unless it looks like an address."""
    email = (email or "").strip()
    if not email:
        return None
    if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email) or not email.isprintable():
        raise BadRequest("{email!r} is not an e-mail address.", email=email[:100])
    return email


def clean_full_name(full_name: str) -> str:
    """One line of at most 200 characters."""
    full_name = " ".join(full_name.split())
    if len(full_name) > MAX_FULL_NAME or not full_name.isprintable():
        raise BadRequest("A full name is one line of at most 200 characters.")
    return full_name


def clean_about(text: str) -> str:
    """Lines of at most 2,000 characters in all."""
    text = "\n".join(text.splitlines()).strip()
    if len(text) > MAX_ABOUT or not text.replace("\n", "").isprintable():
        raise BadRequest(
            "The text about an account has at most 2,000 characters, all of them text."
        )
    return text


def check_language(language: str | None) -> None:
    if language is not None and language not in LANGUAGES:
        raise BadRequest("The hub speaks en, fr and ko, not {language!r}.", language=language[:20])


def is_name_free(session: Session, name: str) -> bool:
    """No account and no one-segment alias has it; former names are free to take."""
    key = names.key(name)
    taken = select(
        or_(
            exists().where(Account.name_key == key),
            exists().where(Alias.name_key == key),
        )
    )
    return not session.scalar(taken)


def check_name_free(session: Session, name: str) -> None:
    """Raise InvalidName or NameTaken unless a new account may be called so."""
    names.check_namespace_name(name)
    if not is_name_free(session, name):
        raise NameTaken(name)


def add_account(session: Session, account: Account) -> Account:
    """Insert; a redirect from this name ends. NameTaken or EmailTaken, also when in a race."""
    check_name_free(session, account.name)
    _check_email_free(session, account.email_key, but=None)
    account.name_key = names.key(account.name)
    try:
        with session.begin_nested():
            session.add(account)
            session.flush()
    except IntegrityError as failure:
        if account.email_key and is_name_free(session, account.name):
            raise EmailTaken(account.email or "") from failure
        raise NameTaken(account.name) from failure
    session.execute(delete(AccountRedirect).where(AccountRedirect.name_key == account.name_key))
    return account


def _check_email_free(session: Session, email_key: str | None, *, but: int | None) -> None:
    if email_key is None:
        return
    found = session.scalar(select(Account.id).where(Account.email_key == email_key))
    if found is not None and found != but:
        raise EmailTaken(email_key)


def create_user(session: Session, new: NewUser) -> Account:
    """A new account of kind `user`. Whether the asker may make one is decided by the caller."""
    email = clean_email(new.email)
    check_language(new.language)
    account = Account(
        kind="user",
        name=new.name,
        email=email,
        email_key=email.lower() if email else None,
        full_name=clean_full_name(new.full_name),
        password_hash=new.password_hash,
        is_admin=new.is_admin,
        language=new.language,
    )
    return add_account(session, account)


def _find(session: Session, condition: ColumnElement[bool]) -> Account | None:
    return session.execute(
        select(Account).where(condition, Account.deleted_at.is_(None))
    ).scalar_one_or_none()


def find_account(session: Session, name: str) -> Account | None:
    """A user or organization by its present name, in any case."""
    return _find(session, Account.name_key == names.key(name))


def account_named(session: Session, name: str) -> Account:
    """As `find_account`; AccountNotFound if there is none."""
    if account := find_account(session, name):
        return account
    raise AccountNotFound("user or organization", name)


def user_named(session: Session, name: str) -> Account:
    """A user by name; AccountNotFound for organizations too."""
    account = find_account(session, name)
    if account is None or account.kind != "user":
        raise AccountNotFound("user", name)
    return account


def user_by_id(session: Session, user_id: int) -> Account:
    account = _find(session, Account.id == user_id)
    if account is None or account.kind != "user":
        raise AccountNotFound("user", str(user_id))
    return account


def user_by_login(session: Session, login: str) -> Account | None:
    """By name or e-mail address, as people type it at sign-in; disabled ones too."""
    login = names.key(login.strip())
    column = Account.email_key if "@" in login else Account.name_key
    return _find(session, (column == login) & (Account.kind == "user"))


def moved_account(session: Session, name: str) -> Account | None:
    """Who had this name before, if nobody has it now."""
    return session.execute(
        select(Account)
        .join(AccountRedirect, AccountRedirect.account_id == Account.id)
        .where(AccountRedirect.name_key == names.key(name), Account.deleted_at.is_(None))
    ).scalar_one_or_none()


def list_users(session: Session, *, after: str = "", limit: int = 1000) -> Sequence[Account]:
    """By name; `after` is the last name of the page before."""
    statement = (
        select(Account)
        .where(Account.kind == "user", Account.deleted_at.is_(None))
        .where(Account.name_key > names.key(after))
        .order_by(Account.name_key)
        .limit(limit)
    )
    return session.scalars(statement).all()


def beginning(
    session: Session, kind: Literal["user", "org"], start: str, limit: int
) -> tuple[Sequence[Account], int]:
    """Active accounts whose names begin so, what is called just so first; and how many in all."""
    key = names.key(start)
    if not key:
        return [], 0
    begins: ColumnElement[bool] = Account.name_key.startswith(key, autoescape=True)
    if session.get_bind().dialect.name == "sqlite":  # whose LIKE looks at every row
        begins = and_(Account.name_key >= key, Account.name_key < f"{key}\U0010ffff")
    found = (Account.kind == kind, Account.disabled_at.is_(None), Account.deleted_at.is_(None))
    rows = select(Account).where(begins, *found).order_by(Account.name_key).limit(limit)
    count = session.scalar(select(func.count()).select_from(Account).where(begins, *found))
    return session.scalars(rows).all(), count or 0


def has_administrator(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(_is_active_admin()))))


def _is_active_admin() -> ColumnElement[bool]:
    return Account.is_admin & Account.disabled_at.is_(None)


def check_not_last_administrator(session: Session, user: Account) -> None:
    if not user.is_admin or user.disabled_at:
        return
    others = select(func.count()).where(_is_active_admin(), Account.id != user.id)
    if not session.scalar(others):
        raise LastAdministrator(user.name)


def set_admin(session: Session, user: Account, is_admin: bool) -> None:
    if not is_admin:
        check_not_last_administrator(session, user)
    user.is_admin = is_admin
    session.flush()


@dataclass(frozen=True)
class Profile:
    """What users change about themselves; None leaves a field as it is, "" clears it."""

    full_name: str | None = None
    email: str | None = None
    about: str | None = None
    language: str | None = None


def change_profile(session: Session, user: Account, profile: Profile) -> None:
    if profile.email is not None:
        email = clean_email(profile.email)
        key = email.lower() if email else None
        _check_email_free(session, key, but=user.id)
        user.email, user.email_key = email, key
    if profile.full_name is not None:
        user.full_name = clean_full_name(profile.full_name)
    if profile.about is not None:
        user.about = clean_about(profile.about)
    if profile.language is not None:
        check_language(profile.language or None)
        user.language = profile.language or None
    session.flush()


def set_password(session: Session, user: Account, password_hash: str | None) -> None:
    """Ends every browser session and unused reset link; tokens go on working."""
    user.password_hash = password_hash
    end_sessions(session, user.id)
    session.execute(
        delete(OneTimeLink).where(
            OneTimeLink.user_id == user.id,
            OneTimeLink.purpose == "reset",
            OneTimeLink.used_at.is_(None),
        )
    )
    session.flush()


def end_sessions(session: Session, user_id: int, *, but: str | None = None) -> None:
    """Sign out everywhere, but for the session with the hash `but`."""
    statement = delete(BrowserSession).where(BrowserSession.user_id == user_id)
    session.execute(statement.where(BrowserSession.hash != but) if but else statement)


def disable(session: Session, user: Account) -> None:
    """Sessions end, tokens are refused; what the user made stays."""
    check_not_last_administrator(session, user)
    user.disabled_at = user.disabled_at or now()
    end_sessions(session, user.id)
    session.flush()


def enable(session: Session, user: Account) -> None:
    user.disabled_at = None
    session.flush()


def rename(session: Session, account: Account, to: str) -> str:
    """Give an account another name and keep the old one as a redirect; returns the old name.

    `repos.rename_namespace` calls this and moves the repositories along; nothing else should.
    """
    old, old_key, new_key = account.name, account.name_key, names.key(to)
    names.check_namespace_name(to)
    if new_key != old_key and not is_name_free(session, to):
        raise NameTaken(to)
    try:
        with session.begin_nested():
            account.name, account.name_key = to, new_key
            session.flush()
    except IntegrityError as failure:
        raise NameTaken(to) from failure
    if new_key != old_key:
        session.execute(delete(AccountRedirect).where(AccountRedirect.name_key == new_key))
        session.merge(AccountRedirect(name_key=old_key, account_id=account.id))
        session.flush()
    return old


def remove(session: Session, account: Account, *, keep_row: bool) -> None:
    """Take an account away for good; a row that repositories still need stays, nameless.

    `repos.delete_namespace` decides about the repositories and calls this.
    """
    check_not_last_administrator(session, account)
    if not keep_row:
        session.delete(account)
        session.flush()
        return
    end_sessions(session, account.id)
    session.execute(
        delete(Membership).where(
            or_(Membership.user_id == account.id, Membership.org_id == account.id)
        )
    )
    session.execute(delete(AccountRedirect).where(AccountRedirect.account_id == account.id))
    account.name = account.name_key = f"deleted-{account.public_id}"
    account.full_name = account.about = ""
    account.email = account.email_key = account.password_hash = None
    account.is_admin = False
    account.disabled_at = account.deleted_at = now()
    session.flush()
