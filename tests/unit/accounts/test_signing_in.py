import threading
import time
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from hub_server import accounts
from hub_server.accounts import Attempt, WrongPassword, passwords, sessions, throttling, users
from hub_server.accounts.passwords import WeakPassword
from hub_server.accounts.throttling import SignInThrottled
from hub_server.db import now
from hub_server.db.tables.accounts import Account, BrowserSession, Throttle
from tests.support.crowds import at_once
from tests.support.people import make_token, make_user

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def hashed():
    return passwords.make(PASSWORD)


@pytest.fixture
def ada(database, hashed):
    with database.write() as session:
        return make_user(session, "Ada", password_hash=hashed)


def attempt(password=PASSWORD, *, login="ada", address="10.0.0.1", **more):
    return Attempt(login, password, address, **more)


def fail(database, **options):
    with pytest.raises(WrongPassword):
        accounts.sign_in(database, attempt("wrong password", **options))


def pass_time(database, seconds):
    """As if it had been so long ago: everything kept about tries moves into the past."""
    back = timedelta(seconds=seconds)
    with database.write() as session:
        for row in session.scalars(select(Throttle)):
            row.window_ends_at -= back
            row.blocked_until = row.blocked_until and row.blocked_until - back


def test_a_right_password_opens_a_session(database, ada):
    found = accounts.sign_in(database, attempt(login="ADA@example.org", stay=True))
    assert (found.user.id, found.max_age) == (ada.id, timedelta(days=30))
    with database.read() as session:
        assert accounts.authenticate_session(session, found.cookie).user_id == ada.id


@pytest.mark.parametrize(
    ("login", "password"),
    [("ada", "wrong"), ("nobody", PASSWORD), ("", ""), ("a\0", "\0"), ("ada", "x" * 5000),
     ("nobody@x.org", "\udce9")],
)  # fmt: skip
def test_a_wrong_one_does_not_say_what_was_wrong(database, ada, login, password):
    with pytest.raises(WrongPassword, match="The name or the password is wrong"):
        accounts.sign_in(database, attempt(password, login=login))


def test_disabled_accounts_and_accounts_without_password(database, ada):
    with database.write() as session:
        make_user(session, "tokens-only")
        users.disable(session, users.user_named(session, "ada"))
    fail(database, login="tokens-only")
    with pytest.raises(WrongPassword):
        accounts.sign_in(database, attempt())


def test_a_new_password_ends_sessions_not_tokens(database, ada):
    cookie = accounts.sign_in(database, attempt()).cookie
    with database.write() as session:
        token = make_token(session, ada)
        fresh = passwords.make("another horse")
        users.set_password(session, users.user_named(session, "ada"), fresh)
    with database.read() as session:
        assert accounts.authenticate_session(session, cookie) is None
        assert accounts.authenticate_token(session, token).user_id == ada.id
    with pytest.raises(WrongPassword):
        accounts.sign_in(database, attempt())
    accounts.sign_in(database, attempt("another horse"))


def test_signing_out_elsewhere_keeps_this_one(database, ada):
    here, there = (accounts.sign_in(database, attempt()).cookie for _ in range(2))
    with database.write() as session:
        kept = accounts.authenticate_session(session, here).session.hash
        users.end_sessions(session, ada.id, but=kept)
        assert accounts.authenticate_session(session, there) is None
        assert accounts.authenticate_session(session, here) is not None
        assert len(sessions.list_sessions(session, ada.id)) == 1


def test_guessing_gets_slower_and_says_when_to_try_again(database, ada):
    for _ in range(throttling.FREE_TRIES):
        fail(database)
    with pytest.raises(SignInThrottled, match=r"Try again in \d+ seconds") as refused:
        accounts.sign_in(database, attempt())
    assert refused.value.status == 403
    assert 0 < refused.value.seconds <= 10
    delays = []
    for _ in range(9):
        pass_time(database, delays[-1] if delays else 10)
        fail(database)
        with pytest.raises(SignInThrottled) as refused:
            accounts.sign_in(database, attempt())
        delays.append(refused.value.seconds)
    assert delays == [20, 40, 80, 160, 320, 640, 900, 900, 900]
    assert "minutes" in str(refused.value)
    pass_time(database, 900)
    accounts.sign_in(database, attempt())
    for _ in range(throttling.FREE_TRIES):  # success has reset the count
        fail(database)


def test_refused_tries_do_not_prolong_the_delay(database, ada):
    for _ in range(throttling.FREE_TRIES):
        fail(database)
    for _ in range(20):
        with pytest.raises(SignInThrottled):
            accounts.sign_in(database, attempt())
    pass_time(database, 10)
    accounts.sign_in(database, attempt())


def test_a_class_behind_one_address_is_not_locked_out(database, hashed):
    with database.write() as session:
        for number in range(30):
            make_user(session, f"student{number}", password_hash=hashed)
    for number in range(30):
        for _ in range(3):
            with database.write() as session:
                throttling.count_try(session, f"student{number}", "10.0.0.1")
    for _ in range(2):
        fail(database, login="student0")
    with pytest.raises(SignInThrottled):
        accounts.sign_in(database, attempt(login="student0"))
    assert accounts.sign_in(database, attempt(login="student1")).user.name == "student1"


def test_one_address_has_a_high_cap_over_all_names(database, ada):
    with database.write() as session:
        throttling.count_try(session, "ada", "10.0.0.9")
        session.execute(
            update(Throttle)
            .where(Throttle.key.startswith("address:"))
            .values(failures=throttling.ADDRESS_CAP)
        )
    with pytest.raises(SignInThrottled, match="15 minutes"):
        accounts.sign_in(database, attempt(login="somebody", address="10.0.0.9"))
    accounts.sign_in(database, attempt(address="10.0.0.1"))


def test_many_addresses_cannot_lock_an_owner_out_of_a_known_one(database, ada):
    accounts.sign_in(database, attempt(address="10.0.0.1"))
    for number in range(throttling.ACCOUNT_CAP):
        with database.write() as session:
            throttling.count_try(session, "ada", f"192.0.2.{number}")
    with pytest.raises(SignInThrottled):
        accounts.sign_in(database, attempt(address="198.51.100.1"))
    accounts.sign_in(database, attempt(address="10.0.0.1"))


def test_a_right_try_does_not_count_against_the_address(database, ada):
    for _ in range(10):
        accounts.sign_in(database, attempt())
    with database.read() as session:
        counted = session.scalar(
            select(Throttle.failures).where(Throttle.key.startswith("address:"))
        )
    assert counted == 0


def test_many_guesses_at_once_gain_nothing(database, ada):
    results = at_once(12, lambda n: accounts.sign_in(database, attempt(f"wrong {n}")))
    assert sum(isinstance(each, WrongPassword) for each in results) == throttling.FREE_TRIES
    assert sum(isinstance(each, SignInThrottled) for each in results) == 7


def test_ended_counters_are_forgotten(database, ada):
    fail(database)
    pass_time(database, 7200)
    with database.write() as session:
        throttling.forget_ended(session)
        assert session.query(Throttle).count() == 0


def test_a_password_hashed_with_weaker_parameters_is_hashed_again(database):
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.write() as session:
        make_user(session, "old", password_hash=weak)
    accounts.sign_in(database, attempt(login="old"))
    with database.read() as session:
        stored = session.scalar(select(Account.password_hash))
    assert stored != weak
    assert passwords.verify(stored, PASSWORD)
    assert passwords.rehash(stored, PASSWORD) is None


@pytest.mark.parametrize(
    "password", ["", "short", "aaaaaaaaaaaa", "Ada-Lovelace", "ada@example.org", "é" * 600]
)
def test_weak_passwords(password):
    with pytest.raises(WeakPassword):
        passwords.make(password, "ada-lovelace", "Ada@example.org", None)


def test_any_characters_make_a_password():
    for password in ("한국어로 쓴 암호", "\udce9 odd \0 bytes", "a b c d e f"):
        assert passwords.verify(passwords.make(password), password)
    assert not passwords.verify("not a hash", PASSWORD)


def test_hashing_is_done_two_at_a_time(monkeypatch):
    running, most = [], []

    class Slow(PasswordHasher):
        def hash(self, password, **options):
            running.append(1)
            most.append(len(running))
            time.sleep(0.02)
            running.pop()
            return "hash"

    monkeypatch.setattr(passwords, "_HASHER", Slow())
    threads = [threading.Thread(target=passwords.make, args=(PASSWORD,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 8
    assert max(most) == 2


def test_a_password_changed_meanwhile_does_not_open_a_session(database, ada, monkeypatch):
    verify = passwords.verify

    def change_meanwhile(stored, password):
        with database.write() as session:
            user = users.user_named(session, "ada")
            users.set_password(session, user, "changed by an administrator")
        return verify(stored, password)

    monkeypatch.setattr(passwords, "verify", change_meanwhile)
    with pytest.raises(WrongPassword):
        accounts.sign_in(database, attempt())
    with database.read() as session:
        assert session.query(BrowserSession).count() == 0
        assert session.query(Throttle).filter(Throttle.window_ends_at < now()).count() == 0
