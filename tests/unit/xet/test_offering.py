"""Dedup answers: what they offer, to whom, and for how long."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hub_server import xet
from hub_server.accounts import ANONYMOUS, authenticate_token, users
from hub_server.accounts.scopes import Scope
from hub_server.chunks import to_text
from hub_server.db import now
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.xet import XorbRight
from hub_server.errors import NotFound
from hub_server.xet import XorbUnknown
from tests.support.people import make_token
from tests.support.xetclient import File, Sent, Term, Xorb, shard
from tests.unit.xet.conftest import MakeRepo, Scene, place_of


def xorbs(count: int, size: int = 150_000) -> list[Xorb]:
    return [Xorb.of(os.urandom(size)) for _ in range(count)]


def first_chunk(xorb: Xorb) -> str:
    return to_text(xorb.leaves[0][0])


def test_the_rest_of_the_file_comes_along(scene: Scene, make: MakeRepo) -> None:
    """In a long file hardly any chunk is eligible: who asks for the first wants all of it."""
    bobs, some = make("bob"), xorbs(4)
    scene.put_pieces(scene.grant("bob", bobs), *some)
    body = xet.offer(scene.hub, scene.grant("ada"), first_chunk(some[0]))
    assert [each.raw in body for each in some] == [True] * 4
    places = [body.index(each.raw) for each in some]
    assert places == sorted(places)


def test_of_others_only_what_can_be_seen(scene: Scene, make: MakeRepo) -> None:
    """Bob's public file begins like his private one, of which nothing is told."""
    shared, public, hidden = xorbs(3)
    scene.put_pieces(scene.grant("bob", make("bob")), shared, public)
    scene.put_pieces(scene.grant("bob", make("bob", "hidden", private=True)), shared, hidden)
    body = xet.offer(scene.hub, scene.grant("ada"), first_chunk(shared))
    assert public.raw in body
    assert hidden.raw not in body
    with pytest.raises(NotFound):
        xet.offer(scene.hub, scene.grant("ada"), first_chunk(hidden))


def test_what_was_offered_stays_usable(scene: Scene, make: MakeRepo) -> None:
    """Also when the file cannot be read any more, until the answer's time is over."""
    bobs, (xorb,) = make("bob"), xorbs(1, 600_000)
    scene.put_pieces(scene.grant("bob", bobs), xorb)
    ada = scene.grant("ada")
    xet.offer(scene.hub, ada, first_chunk(xorb))
    with scene.hub.database.write() as session:
        session.execute(update(Repo).where(Repo.id == bobs.id).values(private=True))
    with pytest.raises(NotFound):  # no answer lives on what an answer gave
        xet.offer(scene.hub, ada, first_chunk(xorb))
    body = shard([File.of(Term(xorb, 0, 2))])
    assert scene.registration(ada, body).run()
    mine = XorbRight.user_id == ada.claim.user_id
    with scene.hub.database.write() as session:
        right = session.scalars(select(XorbRight).where(mine)).one()
        assert timedelta(days=6) < right.expires_at - now() <= timedelta(days=8)
        right.expires_at = now() - timedelta(seconds=1)
    with pytest.raises(XorbUnknown):
        scene.registration(ada, shard([File.of(Term(xorb, 0, 3))])).run()


def test_nobody_is_offered_anything(scene: Scene, make: MakeRepo) -> None:
    bobs, (xorb,) = make("bob"), xorbs(1)
    scene.put_pieces(scene.grant("bob", bobs), xorb)
    token = xet.issue_read(scene.hub, ANONYMOUS, bobs)
    grant = xet.open_grant(scene.hub, place_of(token.path), token.text, "read")
    with pytest.raises(NotFound):
        xet.offer(scene.hub, grant, first_chunk(xorb))


def test_a_narrow_token_is_offered_what_it_can_read(scene: Scene, make: MakeRepo) -> None:
    """Its user has sent more, with greater rights."""
    mine, other = xorbs(2)
    scene.put_pieces(scene.grant("ada"), mine)
    scene.put_pieces(scene.grant("ada", make("ada", "other", private=True)), other)
    scope = Scope("repo.write", "ada/tiny", repo_id=scene.repo.id)
    with scene.hub.database.write() as session:
        ada = users.user_named(session, "ada")
        secret = make_token(session, ada, role="fine-grained", scopes=(scope,))
    with scene.hub.database.read() as session:
        who = authenticate_token(session, secret)
    token = xet.issue_write(scene.hub, who, scene.repo, "main")
    grant = xet.open_grant(scene.hub, place_of(token.path), token.text, "write")
    assert xet.offer(scene.hub, grant, first_chunk(mine))
    with pytest.raises(NotFound):
        xet.offer(scene.hub, grant, first_chunk(other))
    fresh = Sent.fresh(20_000)
    assert scene.put(grant, fresh)  # what it sends itself it may build on
