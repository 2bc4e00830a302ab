"""Verifications that were cut off: somebody else goes on, and nobody is stuck meanwhile."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from hub_server import faults
from hub_server.db import now
from hub_server.db.tables.objects import Upload
from hub_server.errors import Unavailable
from hub_server.faults import InjectedFault
from hub_server.objects import UploadEnded, UploadInfo, uploads
from tests.support.large_files import LargeFileHub
from tests.unit.objects.test_uploads import (
    DATA,
    EVERYWHERE,
    OID,
    PIECES,
    incoming_is_empty,
    is_linked,
    send,
    wanted,
)


@pytest.fixture
def hub(large_file_hub: LargeFileHub) -> LargeFileHub:
    return large_file_hub


@pytest.fixture
def repo(hub: LargeFileHub) -> int:
    return hub.repo(hub.user("ada"))


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faults.arm("")


def sent(hub: LargeFileHub, repo: int) -> UploadInfo:
    upload = hub.objects.start_upload(wanted(hub, repo, 1))
    send(hub, upload, 1, 2, 3)
    return upload


def cut_off(hub: LargeFileHub, upload: UploadInfo, point: str) -> None:
    """The process ends there, as far as the database and the store can tell."""
    faults.arm(f"{point}:error")
    with pytest.raises(InjectedFault):
        hub.objects.finish_upload(upload.token)
    faults.arm("")


def wait_out(hub: LargeFileHub) -> None:
    with hub.database.write() as session:
        lease = session.scalar(select(Upload.lease_ends_at))
        assert lease
        assert lease < now() + uploads.LEASE
        session.execute(update(Upload).values(lease_ends_at=now() - uploads.LEASE))


@EVERYWHERE
@pytest.mark.parametrize(
    "point",
    ["completion.claimed", "completion.joined", "verification.hashed", "verification.copied",
     "verification.kept"],
)  # fmt: skip
def test_whoever_asks_next_goes_on(hub: LargeFileHub, repo: int, point: str) -> None:
    upload = sent(hub, repo)
    cut_off(hub, upload, point)
    assert not hub.objects.finish_upload(upload.token, seconds=0)
    wait_out(hub)
    assert hub.objects.finish_upload(upload.token, seconds=0)
    assert is_linked(hub, repo)
    assert hub.read(OID) == DATA
    assert incoming_is_empty(hub)


@EVERYWHERE
def test_who_waits_takes_over(
    hub: LargeFileHub, repo: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = sent(hub, repo)
    monkeypatch.setattr(uploads, "LEASE", uploads.LEASE / 15)
    cut_off(hub, upload, "completion.joined")
    begun = time.monotonic()
    assert hub.objects.finish_upload(upload.token, seconds=30)
    assert time.monotonic() - begun < 10


@EVERYWHERE
def test_who_begins_anew_is_not_led_to_parts_that_are_joined(hub: LargeFileHub, repo: int) -> None:
    upload = sent(hub, repo)
    cut_off(hub, upload, "completion.joined")
    assert hub.objects.start_upload(wanted(hub, repo, 1)).id == upload.id, "it may yet be finished"
    wait_out(hub)
    fresh = sent(hub, repo)
    assert fresh.id != upload.id
    assert hub.objects.finish_upload(fresh.token)
    assert hub.objects.finish_upload(upload.token), "the old one may end as well"
    assert hub.read(OID) == DATA
    assert incoming_is_empty(hub)


@pytest.mark.parametrize("large_file_hub", ["file", "passing"], indirect=True)
def test_a_part_that_comes_while_it_is_verified_waits(hub: LargeFileHub, repo: int) -> None:
    upload = sent(hub, repo)
    cut_off(hub, upload, "completion.joined")
    with pytest.raises(Unavailable) as told:
        hub.objects.store_part(upload, 1, hub.received(PIECES[0]))
    assert told.value.headers["Retry-After"]
    wait_out(hub)
    with pytest.raises(UploadEnded):
        hub.objects.store_part(upload, 1, hub.received(PIECES[0]))


@pytest.mark.parametrize("large_file_hub", ["file"], indirect=True)
def test_a_verification_that_lasts_is_left_alone(
    hub: LargeFileHub, repo: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease is renewed for as long as its process lives."""
    upload = sent(hub, repo)
    monkeypatch.setattr(uploads, "LEASE", uploads.LEASE / 15)
    monkeypatch.setattr("hub_server.objects.verification.RENEW_SECONDS", 0.2)
    faults.arm("verification.hashed:sleep=3")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hub.objects.finish_upload, upload.token)
        time.sleep(2)
        assert not hub.objects.finish_upload(upload.token, seconds=0), "it was taken over"
        assert first.result()
