"""Hubs whose database, bucket or disk fails for seconds, while people work on them."""

import contextlib
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hub_server.blobs.s3client import S3Place
from tests.support.load import Load
from tests.support.proxy import Mode, Proxy
from tests.support.server import LiveHub
from tests.support.workers import Scene


@dataclass
class FrailHub:
    """One hub on PostgreSQL and a bucket, each behind a proxy; `kinds` says which of them fail."""

    hub: LiveHub
    database: Proxy
    bucket: Proxy

    def fail(self, what: str, mode: Mode, seconds: float, meanwhile: Callable[[], None]) -> None:
        """`what` is "database" or "bucket"; `meanwhile` is called now and then and may raise."""
        proxy: Proxy = getattr(self, what)
        with proxy.failing(mode):
            wait(seconds, meanwhile)


def wait(seconds: float, meanwhile: Callable[[], None]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        meanwhile()
        time.sleep(0.1)


@contextlib.contextmanager
def frail_hub(folder: Path, database_url: str, place: S3Place) -> Iterator[FrailHub]:
    """Started, on a database and a bucket that both are new."""
    with contextlib.ExitStack() as stack:
        parts = urlsplit(database_url)
        database = Proxy(parts.port or 5432)
        stack.callback(database.close)
        bucket = Proxy(urlsplit(place.endpoint or "").port or 80, rate=200_000)
        stack.callback(bucket.close)
        settings = {
            "HUB_DATABASE_URL": database_url.replace(f":{parts.port}/", f":{database.port}/"),
            "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
            "HUB_S3_ENDPOINT": bucket.url,
            "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
            "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
            "HUB_SECRET_KEY": secrets.token_hex(24),
            "HUB_LFS_MULTIPART_THRESHOLD": "5500000",
            "HUB_LFS_PART_SIZE": "5242880",
        }
        hub = LiveHub(folder, settings)
        stack.callback(hub.close)
        yield FrailHub(hub.start(), database, bucket)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of that size mounted at `folder`. Needs root."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def filled(folder: Path, *, but: int) -> Iterator[None]:
    """No room in the file system of `folder` but so many bytes, until the block ends."""
    filler = folder / "filler"
    block = bytes(65536)
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(block)
        with filler.open("r+b") as file:
            file.truncate(max(0, filler.stat().st_size - but))
        yield
    finally:
        filler.unlink()


def scene_of(hub: LiveHub, folder: Path, **options: object) -> Scene:
    """People who work on one repository of a new hub."""
    ada = hub.make_user("ada")
    scene = Scene([hub.url], ada.token, ada.make_repo("work"), folder)
    for name, value in options.items():
        setattr(scene, name, value)
    return scene


def worked(load: Load, steps: int, seconds: float = 60) -> None:
    """Wait until the workers have done so much more."""
    wanted = load.steps + steps
    deadline = time.monotonic() + seconds
    while load.steps < wanted and time.monotonic() < deadline:
        load.check()
        time.sleep(0.05)
