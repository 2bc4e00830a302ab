"""Tokens: what each opens, where, and what ends it."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from hub_server import xet
from hub_server.accounts import ANONYMOUS, Caller, callers
from hub_server.accounts.scopes import Scope
from hub_server.db import now
from hub_server.db.facts import write_fact
from hub_server.db.tables.accounts import Account, Token
from hub_server.db.tables.repos import Repo
from hub_server.errors import Forbidden, HubError, InvalidCredentials, RepoNotFound, Unauthorized
from hub_server.keys import Keys
from hub_server.xet import Grant, IssuedToken, TokenRefused
from tests.support.people import make_token
from tests.unit.xet.conftest import MakeRepo, Scene, place_of


def opened(scene: Scene, token: IssuedToken, scope: xet.Scope = "write", later: int = 0) -> Grant:
    place = place_of(token.path)
    clock = lambda: time.time() + later  # noqa: E731
    return xet.open_grant(scene.hub, place, token.text, scope, clock=clock)


def by_token(scene: Scene, **fields: object) -> Caller:
    with scene.hub.database.write() as session:
        ada = session.scalars(select(Account).where(Account.name == "ada")).one()
        secret = make_token(session, ada, **fields)
    with scene.hub.database.read() as session:
        return callers.authenticate_token(session, secret)


def test_what_they_open(scene: Scene) -> None:
    ada = scene.caller("ada")
    read = xet.issue_read(scene.hub, ada, scene.repo)
    write = xet.issue_write(scene.hub, ada, scene.repo, "main")
    assert opened(scene, read, "read").claim.repo_id == scene.repo.id
    for scope in ("read", "write"):
        grant = opened(scene, write, scope)
        assert (grant.caller.user_id, grant.claim.pending) == (ada.user_id, False)
    with pytest.raises(Forbidden, match="for reading"):
        opened(scene, read)
    assert read.path == write.path
    assert abs(read.expires - time.time() - 3600) < 60


def test_they_live_an_hour(scene: Scene) -> None:
    token = xet.issue_write(scene.hub, scene.caller("ada"), scene.repo, None)
    opened(scene, token, later=3590)
    with pytest.raises(TokenRefused, match="expired"):
        opened(scene, token, later=3610)


def test_each_account_has_an_address_of_its_own(scene: Scene, make: MakeRepo) -> None:
    theirs = make("bob")
    ada, bob = scene.caller("ada"), scene.caller("bob")
    mine = xet.issue_read(scene.hub, ada, theirs)
    other = xet.issue_read(scene.hub, bob, theirs)
    nobody = xet.issue_read(scene.hub, ANONYMOUS, theirs)
    assert len({mine.path, other.path, nobody.path}) == 3
    assert opened(scene, nobody, "read").caller.is_anonymous
    with pytest.raises(TokenRefused):
        opened(scene, replace(mine, path=other.path), "read")


def test_another_epoch_ends_them(scene: Scene) -> None:
    token = xet.issue_read(scene.hub, scene.caller("ada"), scene.repo)
    with scene.hub.database.write() as session:
        write_fact(session, xet.EPOCH, "0badcafe")
    with pytest.raises(TokenRefused, match="another time"):
        opened(scene, token, "read")
    moved = xet.issue_read(scene.hub, scene.caller("ada"), scene.repo)
    assert moved.path.split("/")[2] == "0badcafe"
    with pytest.raises(TokenRefused, match="no token"):
        opened(scene, replace(token, path=moved.path), "read")


def test_a_new_secret_key_lets_them_live(scene: Scene) -> None:
    token = xet.issue_read(scene.hub, scene.caller("ada"), scene.repo)
    scene.hub.keys = Keys(("a new secret", *scene.hub.keys.secrets))
    opened(scene, token, "read")
    scene.hub.keys = Keys(("a new secret",))
    with pytest.raises(TokenRefused):
        opened(scene, token, "read")


def test_they_end_with_the_api_token(scene: Scene) -> None:
    who = by_token(scene, role="write")
    token = xet.issue_write(scene.hub, who, scene.repo, "main")
    assert who.token
    opened(scene, token)
    row = update(Token).where(Token.id == who.token.id)
    with scene.hub.database.write() as session:
        session.execute(row.values(role="read"))
    with pytest.raises(Forbidden):
        opened(scene, token)
    with scene.hub.database.write() as session:
        session.execute(row.values(role="write", expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(InvalidCredentials):
        opened(scene, token)
    with scene.hub.database.write() as session:
        session.execute(delete(Token).where(Token.id == who.token.id))
    with pytest.raises(InvalidCredentials):
        opened(scene, token)


def test_a_number_that_another_api_token_has_now(scene: Scene) -> None:
    who = by_token(scene, role="write")
    token = xet.issue_write(scene.hub, who, scene.repo, "main")
    assert who.token
    later = who.token.created_at + timedelta(seconds=1)
    with scene.hub.database.write() as session:
        session.execute(update(Token).where(Token.id == who.token.id).values(created_at=later))
    with pytest.raises(InvalidCredentials):
        opened(scene, token)


def test_a_narrow_api_token_stays_narrow(scene: Scene, make: MakeRepo) -> None:
    other = make("ada", "other", private=True)
    scope = Scope("repo.write", "ada/tiny", repo_id=scene.repo.id)
    who = by_token(scene, role="fine-grained", scopes=(scope,))
    assert opened(scene, xet.issue_write(scene.hub, who, scene.repo, "main")).caller.token
    for issue in (
        lambda: xet.issue_read(scene.hub, who, other),
        lambda: xet.issue_write(scene.hub, who, other, "main"),
    ):
        with pytest.raises(HubError):
            issue()


def test_they_end_with_account_and_repository(scene: Scene, make: MakeRepo) -> None:
    bobs = make("bob")
    token = xet.issue_read(scene.hub, scene.caller("ada"), bobs)
    hidden = update(Repo).where(Repo.id == bobs.id)
    with scene.hub.database.write() as session:
        session.execute(hidden.values(private=True))
    with pytest.raises(RepoNotFound):
        opened(scene, token, "read")
    with scene.hub.database.write() as session:
        session.execute(hidden.values(private=False, deleted_at=now()))
    with pytest.raises(RepoNotFound):
        opened(scene, token, "read")
    mine = xet.issue_read(scene.hub, scene.caller("ada"), scene.repo)
    with scene.hub.database.write() as session:
        session.execute(update(Account).where(Account.name == "ada").values(disabled_at=now()))
    with pytest.raises(Unauthorized):
        opened(scene, mine, "read")


def test_readers_write_for_pull_requests_alone(scene: Scene, make: MakeRepo) -> None:
    bobs, ada = make("bob"), scene.caller("ada")
    for ref in (None, "refs/pr/3"):
        assert opened(scene, xet.issue_write(scene.hub, ada, bobs, ref)).claim.pending
    with pytest.raises(Forbidden):
        xet.issue_write(scene.hub, ada, bobs, "main")
    token = xet.issue_write(scene.hub, ada, bobs, None)
    with scene.hub.database.write() as session:
        session.execute(update(Repo).where(Repo.id == bobs.id).values(discussions_disabled=True))
    with pytest.raises(Forbidden, match="switched off"):
        opened(scene, token)
