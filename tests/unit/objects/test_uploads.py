"""Uploads in parts: through the hub and past it, interrupted, lied about, verified."""

import io
import os
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hub_server.blobs import PartsMissing, UploadTarget
from hub_server.db import now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.objects import Upload
from hub_server.errors import Lost, Unavailable
from hub_server.jobs import Worker
from hub_server.objects import (
    Claim,
    ObjectInfo,
    UploadEnded,
    UploadFailed,
    UploadInfo,
    Wanted,
    expiry,
    handlers,
    verification,
)
from tests.support.large_files import MIB, STORES, LargeFileHub, sha256

EVERYWHERE = pytest.mark.parametrize("large_file_hub", STORES, indirect=True)
PART = 5 * MIB
DATA = os.urandom(2 * PART + 1000)
OID = sha256(DATA)
PIECES = [DATA[:PART], DATA[PART : 2 * PART], DATA[2 * PART :]]


def wanted(hub: LargeFileHub, repo: int, user: int, data: bytes = DATA, part: int = PART) -> Wanted:
    return Wanted(Claim(repo, user), sha256(data), len(data), part, direct=hub.objects.direct)


def put(target: UploadTarget | None, body: bytes) -> int:
    assert target
    headers = {"Content-Type": "application/octet-stream", **target.headers}
    request = urllib.request.Request(target.url, body, headers, method="PUT")
    with urllib.request.urlopen(request) as answer:
        return int(answer.status)


def send(hub: LargeFileHub, upload: UploadInfo, *numbers: int, data: bytes = DATA) -> None:
    """Parts, by whichever way the upload takes."""
    for number in numbers:
        body = data[(number - 1) * upload.part_size : number * upload.part_size]
        if upload.direct:
            put(hub.objects.part_target(upload, number), body)
        else:
            hub.objects.store_part(upload, number, hub.received(body))


def is_linked(hub: LargeFileHub, repo: int, oid: str = OID) -> bool:
    with hub.database.read() as session:
        return bool(hub.objects.is_linked(session, repo, [oid]))


def incoming_is_empty(hub: LargeFileHub) -> bool:
    nothing = not list(hub.incoming.folder.iterdir()) and not list(hub.blobs.list("incoming/"))
    return nothing and not list(hub.blobs.unfinished("incoming/"))


@pytest.fixture
def hub(large_file_hub: LargeFileHub) -> LargeFileHub:
    return large_file_hub


@pytest.fixture
def ada(hub: LargeFileHub) -> int:
    return hub.user("ada")


@pytest.fixture
def repo(hub: LargeFileHub, ada: int) -> int:
    return hub.repo(ada)


@EVERYWHERE
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (1, 1, 2, 3)])
def test_parts_become_an_object(
    hub: LargeFileHub, ada: int, repo: int, order: tuple[int, ...]
) -> None:
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    assert (upload.count, upload.part_length(3)) == (3, 1000)
    send(hub, upload, *order)
    assert hub.objects.parts_of(upload) == [1, 2, 3]
    assert not is_linked(hub, repo)
    assert hub.objects.finish_upload(upload.token)
    assert is_linked(hub, repo)
    assert hub.read(OID) == DATA
    assert incoming_is_empty(hub)
    assert hub.objects.finish_upload(upload.token), "asking again is no mistake"
    with pytest.raises(UploadEnded):
        hub.objects.store_part(upload, 1, hub.received(PIECES[0]))


@EVERYWHERE
def test_a_single_part(hub: LargeFileHub, ada: int, repo: int) -> None:
    upload = hub.objects.start_upload(wanted(hub, repo, ada, b"small", part=5))
    send(hub, upload, 1, data=b"small")
    assert hub.objects.finish_upload(upload.token)
    assert hub.read(sha256(b"small")) == b"small"


@EVERYWHERE
def test_a_lie_ends_the_upload(hub: LargeFileHub, ada: int, repo: int) -> None:
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, upload, 1, 2, 3, data=b"?" + DATA[1:])
    for _ in range(2):
        with pytest.raises(UploadFailed, match="sha256"):
            hub.objects.finish_upload(upload.token)
    assert not is_linked(hub, repo)
    assert list(hub.blobs.list("lfs/")) == []
    assert incoming_is_empty(hub)
    assert hub.objects.start_upload(wanted(hub, repo, ada)).token != upload.token


@EVERYWHERE
def test_a_missing_part_can_still_come(hub: LargeFileHub, ada: int, repo: int) -> None:
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, upload, 1, 3)
    with pytest.raises(PartsMissing, match="part 2"):
        hub.objects.finish_upload(upload.token)
    send(hub, upload, 2)
    assert hub.objects.finish_upload(upload.token)


@EVERYWHERE
def test_an_interrupted_upload_is_taken_up_again(hub: LargeFileHub, ada: int, repo: int) -> None:
    first = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, first, 1)
    again = hub.objects.start_upload(wanted(hub, repo, ada))
    assert again.token == first.token
    assert hub.objects.parts_of(again) == [1]
    send(hub, again, 2, 3)
    assert hub.objects.finish_upload(again.token)
    assert hub.read(OID) == DATA


@EVERYWHERE
def test_nobody_elses_upload_is_taken_up(hub: LargeFileHub, ada: int, repo: int) -> None:
    bob = hub.user("bob")
    tokens = {
        hub.objects.start_upload(each).token
        for each in (
            wanted(hub, repo, ada),
            wanted(hub, repo, bob),
            wanted(hub, hub.repo(ada, "other"), ada),
            wanted(hub, repo, ada, part=6 * MIB),
        )
    }
    assert len(tokens) == 4


@EVERYWHERE
def test_a_replaced_part_counts_with_its_new_bytes(hub: LargeFileHub, ada: int, repo: int) -> None:
    """Hashing ahead never vouches for bytes that were exchanged afterwards."""
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, upload, 1, 2)
    send(hub, upload, 1, data=b"?" + DATA[1:])
    send(hub, upload, 3)
    with pytest.raises(UploadFailed):
        hub.objects.finish_upload(upload.token)


@EVERYWHERE
def test_permission_is_asked_again_at_the_end(hub: LargeFileHub, ada: int, repo: int) -> None:
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, upload, 1, 2, 3)
    with hub.database.write() as session:
        session.execute(update(Account).values(disabled_at=now()))
    with pytest.raises(Exception, match="no longer active"):
        hub.objects.finish_upload(upload.token)
    assert not is_linked(hub, repo)
    assert list(hub.blobs.list("incoming/")) == []


@EVERYWHERE
def test_a_commit_waits_for_verification(hub: LargeFileHub, ada: int, repo: int) -> None:
    """A client that calls nothing after its PUT: the commit that names the object settles it."""
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    hub.objects.settle(repo, ada, [OID])  # nothing has arrived: no error here
    send(hub, upload, 1, 2, 3)
    bob = hub.user("bob")
    hub.objects.settle(repo, bob, [OID])
    hub.objects.settle(repo, None, [OID])
    assert not is_linked(hub, repo)
    hub.objects.settle(repo, ada, [OID, "f" * 64])
    assert is_linked(hub, repo)


@EVERYWHERE
def test_large_uploads_are_verified_by_a_job(
    hub: LargeFileHub, ada: int, repo: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "INLINE", MIB)
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, upload, 1, 2, 3)
    assert not hub.objects.finish_upload(upload.token, seconds=0)
    assert not hub.objects.finish_upload(upload.token, seconds=0)
    with pytest.raises(Unavailable, match="being verified"):
        hub.objects.settle(repo, ada, [OID], seconds=0)
    with hub.database.read() as session:
        assert len(session.scalars(select(Job)).all()) == 1
    worker = Worker(hub.database, handlers(hub.objects))
    waiting = threading.Thread(target=hub.objects.settle, args=(repo, ada, [OID]))
    waiting.start()
    while waiting.is_alive():
        worker.run_one()
        waiting.join(0.1)
    assert is_linked(hub, repo)
    assert incoming_is_empty(hub)


@EVERYWHERE
def test_two_who_finish_at_once(hub: LargeFileHub, ada: int, repo: int) -> None:
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, upload, 1, 2, 3)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: hub.objects.finish_upload(upload.token), range(4)))
    assert results == [True] * 4
    assert hub.read(OID) == DATA


@EVERYWHERE
def test_an_upload_nobody_finished_is_gone_after_a_day(
    hub: LargeFileHub, ada: int, repo: int
) -> None:
    upload = hub.objects.start_upload(wanted(hub, repo, ada))
    send(hub, upload, 1)
    expiry.expire(hub.objects)
    assert hub.objects.parts_of(upload) == [1]
    with hub.database.write() as session:
        session.execute(update(Upload).values(expires_at=now() - timedelta(seconds=1)))
    expiry.expire(hub.objects)
    assert incoming_is_empty(hub)
    with pytest.raises(UploadEnded):
        hub.objects.find_upload(upload.token)
    with pytest.raises(UploadEnded):
        hub.objects.finish_upload("no such token")


@EVERYWHERE
def test_what_expires_while_it_is_verified_is_left_alone(
    hub: LargeFileHub, ada: int, repo: int
) -> None:
    hub.objects.start_upload(wanted(hub, repo, ada))
    with hub.database.write() as session:
        session.execute(
            update(Upload).values(
                state="verifying",
                expires_at=now() - timedelta(hours=1),
                lease_ends_at=now() + timedelta(hours=1),
            )
        )
    expiry.expire_uploads(hub.database, hub.blobs)
    with hub.database.read() as session:
        assert session.scalars(select(Upload.id)).all()


@pytest.mark.parametrize("large_file_hub", ["direct"], indirect=True)
class TestDirect:
    """Links to the store itself."""

    def test_the_link_is_dead_after_verification(
        self, hub: LargeFileHub, ada: int, repo: int
    ) -> None:
        upload = hub.objects.start_upload(wanted(hub, repo, ada, b"good", part=4))
        target = hub.objects.part_target(upload, 1, sha256=sha256(b"good"))
        put(target, b"good")
        assert hub.objects.finish_upload(upload.token)
        with pytest.raises(OSError, match="HTTP Error"):
            put(target, b"evil")
        assert hub.read(sha256(b"good")) == b"good"

    def test_a_download_link(self, hub: LargeFileHub, ada: int, repo: int) -> None:
        hub.objects.store_received(hub.received(DATA), Claim(repo, ada))
        url = hub.objects.url(OID, headers={"content-disposition": "attachment"})
        assert url
        with urllib.request.urlopen(url) as answer:
            assert answer.headers["Content-Disposition"] == "attachment"
            assert answer.read() == DATA
        assert hub.objects.local_path(OID, size=len(DATA)) is None
        assert hub.objects.checked_url(OID, size=len(DATA))
        info = ObjectInfo(1, OID, len(DATA))
        assert hub.objects.whole([info]) == {OID}
        hub.blobs.put(f"lfs/{OID}", io.BytesIO(b"short"))
        assert hub.objects.whole([info]) == set()
        with pytest.raises(Lost):
            hub.objects.checked_url(OID, size=len(DATA))
        for span in ((0, None), (3, 10), (len(DATA) - 1, 1)):
            with pytest.raises(Lost):
                hub.objects.open(OID, *span, size=len(DATA))
        hub.blobs.delete(f"lfs/{OID}")
        with pytest.raises(Lost):
            hub.objects.open(OID)


@pytest.mark.parametrize("large_file_hub", ["file", "passing"], indirect=True)
def test_no_links_through_the_hub(hub: LargeFileHub) -> None:
    ada = hub.user("ada")
    upload = hub.objects.start_upload(wanted(hub, hub.repo(ada), ada))
    assert hub.objects.part_target(upload, 1) is None
    assert hub.objects.url(OID) is None


def test_parts_hashed_ahead_are_not_read_again(hub: LargeFileHub) -> None:
    ada = hub.user("ada")
    upload = hub.objects.start_upload(wanted(hub, hub.repo(ada), ada))
    send(hub, upload, 1, 2, 3)
    oids = [sha256(piece) for piece in PIECES]
    digest, count = hub.objects.prefixes.take(upload.token, oids)
    assert (digest.hexdigest(), count) == (OID, 3)
    assert hub.objects.prefixes.take(upload.token, oids)[1] == 0
    assert hub.objects.finish_upload(upload.token)
