"""The database, the bucket or the disk fails for seconds: 503, 507, never 500, and nothing lost."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hub_server.blobs.s3client import S3Place
from tests.support.faulting import unexpected
from tests.support.load import Load
from tests.support.outages import filled, frail_hub, scene_of, small_disk, wait, worked
from tests.support.server import LiveHub

pytestmark = [pytest.mark.git, pytest.mark.timeout(300)]

FEW = ("push", "commit", "upload", "read")
root = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root")


@pytest.mark.postgres
def test_database_and_bucket_break(postgres_url: str, moto_place: S3Place, tmp_path: Path) -> None:
    with frail_hub(tmp_path / "hub", postgres_url, moto_place) as frail:
        scene = scene_of(frail.hub, tmp_path / "people", large=(1000, 50_000))
        with Load(scene, seed=3) as load:
            load.start(FEW)
            worked(load, 8)
            frail.fail("database", "refuse", 2, load.check)
            worked(load, 8)
            frail.fail("bucket", "cut", 3, load.check)
            worked(load, 8)
        load.check()
        assert scene.tally.statuses[503]
        assert not unexpected(frail.hub.log)
        assert load.audit(frail.hub.url)


@root
def test_the_disk_is_full_for_a_while(make_hub: Callable[..., LiveHub], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        hub = make_hub(data_dir=disk / "hub", HUB_LFS_MULTIPART_THRESHOLD="60000",
                       HUB_LFS_PART_SIZE="32768")  # fmt: skip
        scene = scene_of(hub, tmp_path / "people", large=(1000, 100_000))
        with Load(scene, seed=4) as load:
            load.start(FEW)
            worked(load, 8)
            with filled(disk, but=0):
                wait(3, load.check)
            with filled(disk, but=150_000):
                wait(3, load.check)
            worked(load, 8)
        load.check()
        assert scene.tally.statuses[507]
        assert not unexpected(hub.log)
        assert load.audit(hub.url)
        hub.close()
