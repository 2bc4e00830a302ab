"""Files that came by LFS become chunks meanwhile: today's client reads and extends them by Xet."""

import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from hub_server.db import now
from hub_server.db.tables.objects import LargeObject, ObjectForm
from hub_server.db.tables.xet import XetFile
from hub_server.jobs import enqueue
from hub_server.objects.conversion import BOTH_FORMS, FIND
from tests.clients.test_xet import DOWNLOAD, MB, UPLOAD, stored
from tests.support.scripts import Computer
from tests.support.server import LiveHub, LiveUser

pytestmark = [pytest.mark.client, pytest.mark.timeout(300)]


def forms(hub: LiveHub, oid: str) -> tuple[bool, bool]:
    """Whether it is stored plain, and as chunks."""
    with hub.writing() as session:
        mine = select(LargeObject.id).where(LargeObject.sha256 == oid).scalar_subquery()
        plain = session.scalar(select(ObjectForm.key).where(ObjectForm.object_id == mine))
        xet = session.scalar(select(XetFile.hash).where(XetFile.object_id == mine))
    return plain is not None, xet is not None


def convert(hub: LiveHub, oid: str, *, until: tuple[bool, bool]) -> None:
    """Have the hub's own worker look for what there is to do."""
    with hub.writing() as session:
        enqueue(session, FIND, key="test")
    deadline = time.monotonic() + 60
    while forms(hub, oid) != until:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_file_that_came_whole(hub: LiveHub, ada: LiveUser, tmp_path: Path) -> None:
    def machine(name: str, *, xet: bool) -> Computer:
        (tmp_path / name).mkdir()
        return Computer(hub.url, tmp_path / name, ada.token, xet=xet)

    repo, data = ada.make_repo(), os.urandom(12 * MB)
    oid = hashlib.sha256(data).hexdigest()
    sender = machine("sender", xet=False)
    (sender.folder / "a.bin").write_bytes(data)
    sender.run(UPLOAD, repo, "model", "a.bin")
    assert forms(hub, oid) == (True, False)
    convert(hub, oid, until=(True, True))
    with hub.writing() as session:
        session.execute(
            update(XetFile).values(created_at=now() - BOTH_FORMS - timedelta(minutes=1))
        )
    convert(hub, oid, until=(False, True))
    (hub.data_dir / "blobs/lfs" / oid[:2] / oid[2:4] / oid).unlink()
    for xet in (True, False):
        reader = machine(f"reader-{xet}", xet=xet)
        reader.run(DOWNLOAD, repo, "model", "a.bin")
        assert (reader.folder / "got/a.bin").read_bytes() == data
    before = sum(stored(hub).values())
    writer = machine("writer", xet=True)
    longer = data[: 6 * MB] + os.urandom(1000) + data[6 * MB :]
    (writer.folder / "a.bin").write_bytes(longer)
    writer.run(UPLOAD, repo, "model", "a.bin")
    assert sum(stored(hub).values()) - before < 4 * MB, "the rest was offered to build on"
    sender.run(UPLOAD, repo, "model", "a.bin")
    assert forms(hub, oid) == (False, True), "it needs not be sent again"
    last = machine("last", xet=True)
    last.run(DOWNLOAD, repo, "model", "a.bin")
    assert (last.folder / "got/a.bin").read_bytes() == data
