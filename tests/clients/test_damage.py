"""What people see of a store that lost or altered something: a sentence, never other bytes."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.gitclient import GitClient
from tests.support.lfsclient import LfsDoor, OpenDoor, new_data, oid_of
from tests.support.scripts import Computer, ScriptFailed
from tests.support.server import LiveHub, LiveUser

pytestmark = [pytest.mark.client, pytest.mark.git]
DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[1], "big.bin")
"""
LOST = "is lost or damaged in the storage of this hub"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    live = LiveHub(tmp_path_factory.mktemp("damaged") / "data").start()
    yield live
    live.close()


@pytest.fixture(scope="module")
def ada(hub: LiveHub) -> LiveUser:
    return hub.make_user("ada")


def truncated(path: Path) -> None:
    replaced(path, path.read_bytes()[: path.stat().st_size // 2])


def altered(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    replaced(path, bytes(data))


def missing(path: Path) -> None:
    path.unlink()


def replaced(path: Path, data: bytes) -> None:
    """A new file: caches may hold the old one under another name."""
    path.unlink()
    path.write_bytes(data)


HARMS = (truncated, altered, missing)


def packs(hub: LiveHub) -> set[Path]:
    return set((hub.data_dir / "blobs" / "pack").glob("*.pack"))


def pushed(hub: LiveHub, ada: LiveUser, git: GitClient) -> tuple[str, Path, Path]:
    """A repository with one push of 200 kB: its name, a clone, the pack of that push."""
    repo = ada.make_repo()
    clone = git.clone(ada.git_url(repo), repo.replace("/", "-"))
    before = packs(hub)
    git.commit(clone, {"file.txt": "of " + repo, "noise.bin": os.urandom(200_000)})
    git("push", "-q", "origin", "main", cwd=clone)
    [pack] = packs(hub) - before
    return repo, clone, pack


def with_an_empty_cache(hub: LiveHub) -> None:
    hub.stop()
    shutil.rmtree(hub.data_dir / "cache")
    hub.start()


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_pack_is_told_by_every_door(
    hub: LiveHub, ada: LiveUser, git: GitClient, harm: Callable[[Path], None]
) -> None:
    repo, clone, pack = pushed(hub, ada, git)
    other, _, _ = pushed(hub, ada, git)
    harm(pack)
    with_an_empty_cache(hub)
    assert LOST in git.refused("clone", ada.git_url(repo), "again")
    git.commit(clone, {"more": "more"})
    assert LOST in git.refused("push", "origin", "main", cwd=clone)
    with ada.client() as client:
        for place in (f"/{repo}/resolve/main/file.txt", f"/api/models/{repo}/tree/main"):
            answer = client.get(place)
            assert answer.status_code == 410, answer.text
            assert LOST in answer.headers["X-Error-Message"]
            assert "Retry-After" not in answer.headers
        page = client.get(f"/{repo}", headers={"Accept": "text/html"})
        assert page.status_code in (200, 410), "the page of the card, or why there is none"
        assert client.get(f"/{other}/resolve/main/file.txt").text == "of " + other
    git.clone(ada.git_url(other), secrets.token_hex(4))
    found = checked(hub, repo)
    assert pack.name in found


def checked(hub: LiveHub, repo: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hub_server", "fsck", "--repo", f"model/{repo}"],
        env=hub.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_a_pack_cut_short_while_it_is_read_does_not_end_the_hub(
    hub: LiveHub, ada: LiveUser, git: GitClient
) -> None:
    """A mapping that is read beyond the end of its file kills a process."""
    repo, _, pack = pushed(hub, ada, git)
    assert hub.process
    with ada.client() as client:
        place = f"/{repo}/resolve/main/noise.bin"
        assert client.get(place).status_code == 200
        os.truncate(pack, 1000)
        assert client.get(place).status_code == 410
        assert client.get(f"/api/models/{repo}/tree/main").status_code == 410
        assert hub.process.poll() is None
        assert LOST in git.refused("clone", ada.git_url(repo), "cut")
        assert client.get("/-/healthz").status_code == 200


class TestLargeFiles:
    @pytest.fixture
    def door(self, open_door: OpenDoor, ada: LiveUser) -> LfsDoor:
        return open_door(ada, ada.make_repo())

    def stored(self, hub: LiveHub, data: bytes) -> Path:
        oid = oid_of(data)
        return hub.data_dir / "blobs" / "lfs" / oid[:2] / oid[2:4] / oid

    @pytest.mark.parametrize("harm", [truncated, missing])
    def test_is_told_and_mended_by_sending_it_again(
        self,
        hub: LiveHub,
        ada: LiveUser,
        door: LfsDoor,
        tmp_path: Path,
        harm: Callable[[Path], None],
    ) -> None:
        data = new_data(50_000)
        door.keep("big.bin", data)
        place = f"/{door.repo}/resolve/main/big.bin"
        href = door.one("download", oid_of(data), len(data))["actions"]["download"]["href"]
        with ada.client() as client:
            assert client.get(place).content == data
            harm(self.stored(hub, data))
            for headers in ({}, {"Range": "bytes=40000-49999"}):
                for address in (place, href):
                    answer = client.get(address, headers=headers)
                    assert answer.status_code == 410, (address, headers)
                    assert LOST in answer.text
        reader = tmp_path / "reader"
        reader.mkdir()
        with pytest.raises(ScriptFailed, match=LOST):
            Computer(hub.url, reader, ada.token).run(DOWNLOAD, door.repo)
        door.send(data)
        with ada.client() as client:
            assert client.get(place).content == data
        assert hub.command("fsck", "--repo", f"model/{door.repo}") == ""

    def test_other_bytes_of_the_same_size_are_refused_by_git_lfs_and_named(
        self, hub: LiveHub, ada: LiveUser, git_lfs: GitClient, door: LfsDoor
    ) -> None:
        data = new_data(50_000)
        door.keep("big.bin", data)
        altered(self.stored(hub, data))
        said = git_lfs.refused("clone", ada.git_url(door.repo), "wrong")
        assert "expected OID" in said or "hash" in said.lower()
        assert oid_of(data) in checked(hub, door.repo)
