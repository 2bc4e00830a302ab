"""Signing in with a password, in two short transactions with the slow hashing between them."""

from dataclasses import dataclass
from datetime import timedelta

from hub_server.accounts import passwords, sessions, throttling, users
from hub_server.db import Database
from hub_server.db.tables.accounts import Account
from hub_server.errors import Forbidden


class WrongPassword(Forbidden):
    """The same words for an unknown name, a wrong password and a disabled account."""

    def __init__(self) -> None:
        super().__init__("The name or the password is wrong.")


@dataclass(frozen=True)
class Attempt:
    """What came with the sign-in form; `login` is a name or an e-mail address."""

    login: str
    password: str
    address: str
    user_agent: str = ""
    stay: bool = False


@dataclass(frozen=True)
class SignedIn:
    """`max_age` None: a cookie that the browser forgets when it closes."""

    user: Account
    cookie: str
    max_age: timedelta | None


def sign_in(database: Database, attempt: Attempt) -> SignedIn:
    """Raises WrongPassword or SignInThrottled; opens its own units of work, so call it in none."""
    with database.write() as session:
        throttling.count_try(session, attempt.login, attempt.address)
        user = users.user_by_login(session, attempt.login)
        stored = user.password_hash if user and not user.disabled_at else None
    if not passwords.verify(stored, attempt.password) or user is None or stored is None:
        raise WrongPassword
    fresh = passwords.rehash(stored, attempt.password)
    with database.write() as session:
        user = users.user_by_id(session, user.id)
        if user.disabled_at or user.password_hash != stored:  # changed while we were hashing
            raise WrongPassword
        user.password_hash = fresh or stored
        throttling.succeeded(session, attempt.login, attempt.address)
        cookie, max_age = sessions.open_session(
            session, user.id, stay=attempt.stay, user_agent=attempt.user_agent
        )
    return SignedIn(user, cookie, max_age)
