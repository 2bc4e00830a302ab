"""A push that meets a full disk is the hub's trouble, not a fault of the pack."""

import os
from pathlib import Path

import pytest

from hub_server.errors import StorageFull
from hub_server.git import GitProgram, new_blob, write_pack
from hub_server.git.subprocesses import index_pack
from tests.support.outages import filled, small_disk

pytestmark = [
    pytest.mark.git,
    pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root"),
]


def test_git_has_no_room_for_a_pack(tmp_path: Path) -> None:
    git = GitProgram.find("git")
    assert git
    made = write_pack([new_blob(os.urandom(300_000))], tmp_path)
    with small_disk(tmp_path / "disk", 2) as disk:
        objects = disk / "objects"
        (objects / "pack").mkdir(parents=True)

        def receive() -> str:
            return index_pack(git, objects, [], 10**9, lambda w: w(made.pack.read_bytes()))

        with filled(disk, but=40_000), pytest.raises(StorageFull):
            receive()
        assert receive() == made.name
