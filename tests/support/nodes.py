"""Several nodes of one hub: own data and cache directories, one PostgreSQL, one bucket, nginx."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub_server.blobs.s3client import S3Place
from tests.support.nginx import StartNginx
from tests.support.server import LiveHub, LiveUser

SMALL_PARTS = {"HUB_LFS_MULTIPART_THRESHOLD": "5500000", "HUB_LFS_PART_SIZE": "5242880"}


@dataclass
class Nodes:
    """`url` is nginx in front of all; `settings` start another node of the same hub."""

    url: str
    each: list[LiveHub]
    settings: dict[str, str]
    folder: Path
    made: list[LiveHub] = field(default_factory=list)

    def another(self, **settings: str) -> LiveHub:
        """One more, not started and not behind nginx; with a data directory of its own."""
        number = len(self.each) + len(self.made)
        self.made.append(LiveHub(self.folder / f"node{number}", {**self.settings, **settings}))
        return self.made[-1]

    def user(self, name: str = "ada") -> LiveUser:
        return self.each[0].make_user(name)


def s3_settings(place: S3Place, *, endpoint: str | None = None) -> dict[str, str]:
    return {
        "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
        "HUB_S3_ENDPOINT": endpoint or place.endpoint or "",
        "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
        "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
    }


@contextmanager
def running_nodes(
    folder: Path, start_nginx: StartNginx, database_url: str, place: S3Place, **more: str
) -> Iterator[Nodes]:
    """Two, started one after the other; ended with all that were made of them."""
    each = [LiveHub(folder / f"node{number}") for number in range(2)]
    url = start_nginx([f"127.0.0.1:{node.port}" for node in each])
    settings = {
        **s3_settings(place),
        **SMALL_PARTS,
        "HUB_DATABASE_URL": database_url,
        "HUB_SECRET_KEY": secrets.token_hex(24),
        "HUB_PUBLIC_URL": url,
        "HUB_TRUSTED_PROXIES": "127.0.0.1",
        **more,
    }
    with ExitStack() as stack:
        nodes = Nodes(url, each, settings, folder)
        stack.callback(lambda: _close([*each, *nodes.made]))
        for node in each:
            node.settings = settings
            node.start()
        yield nodes


def _close(nodes: list[LiveHub]) -> None:
    for node in nodes:
        node.close()


StartNodes = Callable[..., Nodes]
