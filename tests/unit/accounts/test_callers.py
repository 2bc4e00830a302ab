from datetime import timedelta

import pytest
from sqlalchemy import event, update

from hub_server import accounts
from hub_server.accounts import orgs, scopes, sessions, tokens, users
from hub_server.db import now
from hub_server.db.tables.accounts import BrowserSession, Token
from hub_server.errors import BadRequest, InvalidCredentials, NotFound
from tests.support.people import caller, make_org, make_repo, make_token, make_user


@pytest.fixture
def statements(database):
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_a_token_says_everything_in_one_statement(database, statements):
    with database.write() as session:
        ada = make_user(session, "Ada", full_name="Ada L.", language="fr")
        lab = make_org(session, "lab", write=ada)
        guild = make_org(session, "guild", read=ada)
        token = make_token(session, ada, name="laptop", role="read")
    statements.clear()
    with database.read() as session:
        found = accounts.authenticate_token(session, token)
    assert len([one for one in statements if one.lstrip().startswith("SELECT")]) == 1
    assert (found.user_id, found.name, found.full_name, found.email, found.language) == (
        ada.id, "Ada", "Ada L.", "ada@example.org", "fr",
    )  # fmt: skip
    assert found.roles == {lab.id: "write", guild.id: "read"}
    assert (found.via, found.is_admin, found.is_anonymous) == ("token", False, False)
    assert (found.token.name, found.token.role, found.token.stale) == ("laptop", "read", True)


def test_tokens_look_like_tokens_and_are_kept_as_hashes(database):
    with database.write() as session:
        ada = make_user(session)
        row, secret = tokens.create_token(session, ada, tokens.NewToken("x"))
    assert secret.startswith("hf_")
    assert secret[3:].isalnum()
    assert len(secret) == 37
    assert row.hint == secret[-4:]
    assert secret not in str(vars(row))


@pytest.mark.parametrize("token", ["", "hf_", "hf_unknown", "password", "hf_\0", "hf_\udce9" * 9])
def test_anything_else_is_refused(database, token):
    with database.read() as session, pytest.raises(InvalidCredentials):
        accounts.authenticate_token(session, token)


def test_expired_revoked_and_disabled(database):
    with database.write() as session:
        ada = make_user(session)
        kept = make_token(session, ada)
        revoked, second, third = (make_token(session, ada) for _ in range(3))
        brief = make_token(session, ada, expires_at=now() + timedelta(days=1))
        session.execute(
            update(Token)
            .where(Token.hash == accounts.callers.digest(brief))
            .values(expires_at=now() - timedelta(seconds=1))
        )
        tokens.revoke_secret(session, revoked)
        by_id = {row.hint: row.id for row in tokens.list_tokens(session, ada.id)}
        tokens.revoke_token(session, ada.id, by_id[second[-4:]])
        tokens.revoke_number(session, by_id[third[-4:]])
        with pytest.raises(NotFound):
            tokens.revoke_token(session, ada.id + 1, by_id[kept[-4:]])
    with database.read() as session:
        assert accounts.authenticate_token(session, kept).name == "ada"
        for token in (revoked, second, third, brief):
            with pytest.raises(InvalidCredentials):
                accounts.authenticate_token(session, token)
    with database.write() as session:
        make_user(session, "root", is_admin=True)
        users.disable(session, users.user_named(session, "ada"))
    with database.read() as session, pytest.raises(InvalidCredentials):
        accounts.authenticate_token(session, kept)
    with database.write() as session:
        users.enable(session, users.user_named(session, "ada"))
    with database.read() as session:
        assert accounts.authenticate_token(session, kept).name == "ada"


def test_use_is_noted_once_a_minute(database):
    with database.write() as session:
        token = make_token(session, make_user(session))
    with database.write() as session:
        accounts.touch_token(session, accounts.authenticate_token(session, token).token.id)
        first = session.query(Token.last_used_at).scalar()
        accounts.touch_token(session, 1)
        assert session.query(Token.last_used_at).scalar() == first
        assert accounts.authenticate_token(session, token).token.stale is False


def test_impossible_tokens(database):
    with database.write() as session:
        ada = make_user(session)
        scope = scopes.parse_scope(session, "repo.read:ada")
        for wrong in (
            tokens.NewToken(""),
            tokens.NewToken("a\0"),
            tokens.NewToken("x" * 101),
            tokens.NewToken("x", "fine-grained"),
            tokens.NewToken("x", "write", (scope,)),
            tokens.NewToken("x", expires_at=now() - timedelta(seconds=1)),
        ):
            with pytest.raises(BadRequest):
                tokens.create_token(session, ada, wrong)


def test_scopes_follow_ids_not_names(database):
    with database.write() as session:
        ada = make_user(session, "Ada")
        tiny = make_repo(session, ada, "Tiny", kind="dataset", private=True)
        lab = make_org(session, "lab", admin=ada)
        parsed = [
            scopes.parse_scope(session, text)
            for text in (
                "repo.write:datasets/ada/tiny",
                "repo.content.read:lab",
                "repo.read:models/lab",
            )
        ]
        token = make_token(session, ada, role="fine-grained", scopes=tuple(parsed))
        for wrong in ("repo.write", "repo.write:", "repo.eat:ada", "repo.write:models/ada/none",
                      "repo.read:nobody", "repo.read:a\0"):  # fmt: skip
            with pytest.raises(BadRequest):
                scopes.parse_scope(session, wrong)
    assert [(s.permission, s.target, s.kind, s.repo_id, s.namespace_id) for s in parsed] == [
        ("repo.write", "datasets/Ada/Tiny", "dataset", tiny.id, None),
        ("repo.read", "lab", None, None, lab.id),
        ("repo.read", "models/lab", "model", None, lab.id),
    ]
    with database.read() as session:
        assert accounts.authenticate_token(session, token).token.scopes == tuple(parsed)


def test_a_browser_session_lives_on_with_use_and_ends(database):
    with database.write() as session:
        ada = make_user(session)
        cookie, age = sessions.open_session(session, ada.id, user_agent="x\0" * 400)
        lasting, long_age = sessions.open_session(session, ada.id, stay=True)
    assert (age, long_age) == (None, timedelta(days=30))
    with database.read() as session:
        found = accounts.authenticate_session(session, cookie)
        assert (found.name, found.via, found.session.stale) == ("ada", "session", False)
        assert accounts.authenticate_session(session, cookie + "x") is None
        assert len(sessions.list_sessions(session, ada.id)) == 2
    with database.write() as session:
        before = timedelta(minutes=30)
        for row in session.query(BrowserSession):
            row.seen_at -= before
            row.expires_at -= before
        session.flush()
        stale = accounts.authenticate_session(session, cookie)
        assert stale.session.stale
        accounts.touch_session(session, stale.session.hash)
        fresh = accounts.authenticate_session(session, cookie)
        assert not fresh.session.stale
        assert fresh.session.expires_at - now() > sessions.SHORT - timedelta(minutes=1)
        sessions.close_session(session, fresh.session.hash)
        assert accounts.authenticate_session(session, cookie) is None
        assert accounts.authenticate_session(session, lasting) is not None
        session.execute(update(BrowserSession).values(expires_at=now()))
        assert accounts.authenticate_session(session, lasting) is None
        sessions.forget_expired(session)
        assert session.query(BrowserSession).count() == 0


def test_acting_for_somebody_is_what_they_may_do(database):
    with database.write() as session:
        ada = make_user(session)
        lab = make_org(session, "lab", contributor=ada)
    assert caller(database, "ada").roles == {lab.id: "contributor"}
    with database.write() as session:
        account = users.user_named(session, "ada")
        orgs.set_member(session, orgs.org_named(session, "LAB"), account, "admin")
    assert caller(database, "ada").role_in(lab.id) == "admin"
    assert caller(database, "ada").role_in(ada.id) == "admin"
