"""Shards: what is verified, what is believed, what is left behind when it goes wrong."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from hub_server import xet
from hub_server.chunks import BadShard, from_text
from hub_server.db.tables.objects import LargeObject, ObjectLink, PendingLink
from hub_server.db.tables.xet import XetFile, XetTerm
from hub_server.objects import TooManyPending
from hub_server.settings import Settings
from hub_server.xet import FileTooLarge, XorbUnknown
from hub_server.xet.registering import Abandoned
from tests.support.xetclient import File, Sent, Term, Xorb, shard
from tests.unit.xet.conftest import MakeRepo, Scene

ROWS = (LargeObject, ObjectLink, PendingLink, XetFile, XetTerm)


def rows(scene: Scene) -> list[int]:
    with scene.hub.database.read() as session:
        return [session.scalar(select(func.count()).select_from(each)) or 0 for each in ROWS]


def set_to(scene: Scene, **values: int) -> None:
    changed: Settings = scene.hub.settings.model_copy(update=values)
    scene.hub.settings = scene.hub.objects.settings = changed
    scene.hub.objects.xet_files.settings = changed


def test_several_files_at_once(scene: Scene) -> None:
    grant = scene.grant("ada")
    sents = [Sent.fresh(100_000 + 1000 * n) for n in range(3)]
    assert scene.put(grant, *sents)
    for sent in sents:
        assert scene.hub.read(sent.file.sha256 or "") == sent.data
    before = rows(scene)
    assert before == [3, 3, 0, 3, 3]
    assert not scene.put(grant, *sents)
    assert rows(scene) == before


def test_the_same_file_twice_in_a_shard(scene: Scene) -> None:
    grant, sent = scene.grant("ada"), Sent.fresh()
    scene.keep(grant, sent.xorb)
    assert scene.registration(grant, shard([sent.file, sent.file], [sent.xorb])).run()


def test_what_the_caller_could_read_is_not_read_again(scene: Scene, make: MakeRepo) -> None:
    """And what only strangers have is, so that nothing tells that it is here."""
    sent, other = Sent.fresh(), make("ada", "other")
    hidden = Sent.fresh()
    bobs = make("bob", private=True)
    scene.put(scene.grant("ada"), sent)
    scene.put(scene.grant("bob", bobs), hidden)
    again = scene.registration(scene.grant("ada", other), sent.shard())
    assert again.run()
    assert (again.total, again.verified) == (0, 0)
    grant = scene.grant("ada")
    scene.keep(grant, hidden.xorb)
    new = scene.registration(grant, hidden.shard())
    assert new.run()
    assert new.total == new.verified == len(hidden.data)


def test_a_client_that_goes_away(scene: Scene) -> None:
    grant, sent = scene.grant("ada"), Sent.fresh()
    scene.keep(grant, sent.xorb)
    body = scene.hub.received(sent.shard())
    work = xet.Registration(scene.hub, grant, body)
    work.stop()
    with pytest.raises(Abandoned):
        work.run()
    assert not body.path.exists()
    assert rows(scene) == [0, 0, 0, 0, 0]


def test_files_that_are_too_large(scene: Scene) -> None:
    """However small the xorb is of which they are made."""
    grant, xorb = scene.grant("ada"), Xorb((b"x" * 100_000,))
    scene.keep(grant, xorb)
    set_to(scene, max_lfs_file=1_000_000)
    scene.registration(grant, shard([File.of(*[Term(xorb, 0, 1)] * 10)])).run()
    before = rows(scene)
    with pytest.raises(FileTooLarge):
        scene.registration(grant, shard([File.of(*[Term(xorb, 0, 1)] * 11)])).run()
    assert rows(scene) == before


def test_too_many_that_wait(scene: Scene, make: MakeRepo) -> None:
    bobs = make("bob")
    set_to(scene, pending_per_user=2)
    grant = scene.grant("ada", bobs, ref=None)
    first, second, third = (Sent.fresh(20_000) for _ in range(3))
    assert scene.put(grant, first, second)
    assert rows(scene)[1:3] == [0, 2]
    with pytest.raises(TooManyPending):
        scene.put(grant, third)
    assert rows(scene)[:3] == [2, 0, 2]
    assert scene.put(grant, first)  # these wait already, and go on waiting
    assert rows(scene)[1:3] == [0, 2]


def test_permission_is_asked_for_again_at_the_end(scene: Scene, make: MakeRepo) -> None:
    grant, sent = scene.grant("ada"), Sent.fresh()
    scene.keep(grant, sent.xorb)
    work = scene.registration(grant, sent.shard())
    moved = replace(grant, token=grant.token + "x")
    work._grant = moved
    with pytest.raises(xet.TokenRefused):
        work.run()
    assert rows(scene) == [0, 0, 0, 0, 0]


def test_a_hash_that_is_not_that_of_the_terms(scene: Scene) -> None:
    grant, sent = scene.grant("ada"), Sent.fresh()
    scene.keep(grant, sent.xorb)
    with pytest.raises(BadShard, match="another file"):
        scene.registration(grant, sent.shard(raw=from_text("ab" * 32))).run()


def test_a_xorb_listed_with_other_chunks(scene: Scene) -> None:
    grant, sent = scene.grant("ada"), Sent.fresh()
    scene.keep(grant, sent.xorb)
    listed = sent.xorb.record()
    for changed in (
        listed[:48] + b"\1" * 32 + listed[80:],
        listed[:36] + (1).to_bytes(4, "little") + listed[40:44],
    ):
        body = sent.shard().replace(listed, changed)
        with pytest.raises(BadShard):
            scene.registration(grant, body).run()
    assert rows(scene)[0] == 0


def test_unknown_xorbs(scene: Scene) -> None:
    grant, sent = scene.grant("ada"), Sent.fresh()
    for body in (sent.shard(), shard([sent.file]), shard([], [sent.xorb])):
        with pytest.raises(XorbUnknown):
            scene.registration(grant, body).run()
