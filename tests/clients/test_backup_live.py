"""A backup of a hub under load, by the command; restored on the other kind of hub, which serves."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from hub_server.blobs.s3client import S3Place
from hub_server.db import Database, findable
from tests.support.gitclient import GitClient
from tests.support.ledger import Ledger
from tests.support.load import Load
from tests.support.s3 import make_bucket
from tests.support.server import LiveHub
from tests.support.workers import MAIN, Scene

pytestmark = [pytest.mark.git, pytest.mark.timeout(600)]
SMALL = {"HUB_LFS_MULTIPART_THRESHOLD": "60000", "HUB_LFS_PART_SIZE": "5242880"}
SERVICES = [pytest.mark.postgres]
KINDS = [
    "sqlite",
    pytest.param("moto", marks=SERVICES),
    pytest.param("ceph", marks=[*SERVICES, pytest.mark.s3, pytest.mark.soak]),
]
OWN = ("alembic_version", "lease", "fact", "job", "upload", "upload_part", "doomed_blob",
       "prune_mark", "browser_session", "one_time_link", "throttle", "catalog_clock",
       "recent_download")  # fmt: skip

MakeLive = Callable[[str], LiveHub]


@pytest.fixture
def make_live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeLive]:
    """`make("sqlite")`, `make("moto")`, `make("ceph")`: a hub that does not serve yet."""
    made: list[LiveHub] = []

    def make(kind: str) -> LiveHub:
        settings = {**SMALL}
        if kind != "sqlite":
            cluster = request.getfixturevalue("postgres_cluster")
            name = cluster.create()
            request.addfinalizer(lambda: cluster.drop(name))
            place = make_bucket(request.getfixturevalue(f"{kind}_endpoint"))
            settings |= _elsewhere(cluster.url(name), place)
        made.append(LiveHub(tmp_path / f"hub{len(made)}", settings))
        return made[-1]

    yield make
    for hub in made:
        hub.close()


def _elsewhere(url: str, place: S3Place) -> dict[str, str]:
    return {
        "HUB_DATABASE_URL": url,
        "HUB_BLOBS": f"s3://{place.bucket}/{place.prefix}",
        "HUB_S3_ENDPOINT": place.endpoint or "",
        "HUB_S3_ACCESS_KEY_ID": place.access_key_id or "",
        "HUB_S3_SECRET_ACCESS_KEY": place.secret_access_key or "",
        "HUB_SECRET_KEY": secrets.token_hex(24),
    }


def run(hub: LiveHub, *words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "hub_server", *map(str, words)],
        env={**hub.environment, **settings}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def did(hub: LiveHub, *words: str | Path) -> dict[str, Any]:
    done = run(hub, *words)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def rows(hub: LiveHub) -> dict[str, list[str]]:
    """Every row that is somebody's, from repositories and oids to tokens."""
    url = hub.settings.get("HUB_DATABASE_URL") or f"sqlite:///{hub.data_dir}/hub.db"
    database, found = Database(url), MetaData()
    with database.engine.connect() as connection:
        found.reflect(connection, only=lambda name, _: not findable.is_derived(name))
        all_rows = {
            table.name: sorted(
                json.dumps(
                    {name: _plain(value) for name, value in row._mapping.items()},
                    sort_keys=True,
                    default=str,
                )
                for row in connection.execute(select(table))
            )
            for table in found.sorted_tables
            if table.name not in OWN
        }
    database.dispose()
    all_rows["pack"] = [row for row in all_rows["pack"] if '"state": "live"' in row]
    return all_rows


def _plain(value: Any) -> Any:
    """Times alike, whether the database knows zones or not."""
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") and value.tzinfo else value


def is_in_the_past_of(hub: LiveHub, repo: str, token: str, ledger: Ledger, folder: Path) -> None:
    """All that was acknowledged before the backup began is in what came back."""
    folder.mkdir()
    git = GitClient(folder)
    git("clone", "-q", "--mirror", f"http://any:{token}@127.0.0.1:{hub.port}/{repo}", "mirror.git")
    git("fsck", "--full", "--strict", cwd=folder / "mirror.git")
    past = set(git("rev-list", MAIN, cwd=folder / "mirror.git").split())
    wanted = {commit for (_, ref), ids in ledger.history.items() if ref == MAIN for commit in ids}
    assert wanted
    assert wanted <= past
    oids = [{"oid": oid, "size": size} for (_, oid), size in ledger.objects.items()][:100]
    with hub.client(token) as client:
        told = client.post(
            f"/{repo}.git/info/lfs/objects/batch",
            json={"operation": "download", "objects": oids},
            headers={"Content-Type": "application/vnd.git-lfs+json"},
        )
    assert [each for each in told.json()["objects"] if "error" in each] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_hub_under_load_comes_back_elsewhere(
    kind: str, make_live: MakeLive, tmp_path: Path
) -> None:
    hub, target = make_live(kind).start(), tmp_path / "backup"
    ada = hub.make_user("ada")
    repo = ada.make_repo("work")
    ada.make_repo("private", kind="dataset", private=True)
    load = Load(Scene([hub.url], ada.token, repo, tmp_path / "people"), seed=5)
    before, under_load = backed_up_meanwhile(load, hub, target)
    assert (under_load["missing"], under_load["damaged"]) == ([], [])
    other = "moto" if kind == "sqlite" else "sqlite"
    second = make_live(other)
    did(second, "restore", target)
    second.start()
    is_in_the_past_of(second, repo, ada.token, before, tmp_path / "second")
    assert run(second, "fsck").returncode == 0

    hub.stop()
    quiet = did(hub, "backup", target, "--verify", "--keep", "1")
    assert quiet["removed_snapshots"] == [under_load["snapshot"]]
    again = did(hub, "backup", target)
    assert (again["copied"], again["blobs"]) == (0, quiet["blobs"])
    assert again["seconds"] < 10
    third = make_live(other)
    there_and_back(hub, third, make_live(kind), tmp_path)
    assert load.audit(third.start().url)


def backed_up_meanwhile(load: Load, hub: LiveHub, target: Path) -> tuple[Ledger, dict[str, Any]]:
    """What was acknowledged before the backup began, and what the backup says."""
    ledger = load.scene.ledger
    with load:
        load.start()
        deadline = time.monotonic() + 60
        while not (ledger.history and ledger.objects):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(2)
        before = Ledger(history=deepcopy(ledger.history), objects=deepcopy(ledger.objects))
        done = did(hub, "backup", target)
        steps = load.steps
        time.sleep(1)
        load.finish()
    load.check()
    assert load.steps > steps, "the hub did not serve during the backup"
    return before, done


def there_and_back(hub: LiveHub, other: LiveHub, again: LiveHub, folder: Path) -> None:
    """Restored on the other kind, and from there on the first: all rows are the same."""
    did(other, "restore", folder / "backup")
    assert rows(other) == rows(hub)
    did(other, "backup", folder / "back")
    did(again, "restore", folder / "back")
    assert rows(again) == rows(hub)


def test_a_killed_backup_is_finished_by_the_next(make_live: MakeLive, tmp_path: Path) -> None:
    hub = make_live("sqlite").start()
    ada = hub.make_user("ada")
    ada.make_repo("tiny")
    for point in ("backup.rows", "backup.manifest", "backup.named"):
        target = tmp_path / point
        died = run(hub, "backup", target, HUB_FAULT=f"{point}:kill")
        assert died.returncode == -signal.SIGKILL
        elsewhere = make_live("sqlite")
        restored = run(elsewhere, "restore", target)
        if point == "backup.named":
            assert restored.returncode == 0
            continue
        assert restored.returncode == 1
        assert "half a backup" in restored.stderr
        did(hub, "backup", target)
        assert did(elsewhere, "restore", target)["rows"] > 0
        assert rows(elsewhere) == rows(hub)


def test_a_killed_restore_is_finished_by_the_next(make_live: MakeLive, tmp_path: Path) -> None:
    hub = make_live("sqlite").start()
    hub.make_user("ada").make_repo("tiny")
    hub.stop()
    did(hub, "backup", tmp_path / "backup")
    for point in ("restore.blobs", "restore.filled"):
        elsewhere = make_live("sqlite")
        died = run(elsewhere, "restore", tmp_path / "backup", HUB_FAULT=f"{point}:kill")
        assert died.returncode == -signal.SIGKILL
        did(elsewhere, "restore", tmp_path / "backup")
        assert rows(elsewhere) == rows(hub)


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence of a command that did nothing."""
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("hub-server: ")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    return lines[0]


def test_a_restore_disturbs_nobody(make_live: MakeLive, tmp_path: Path) -> None:
    hub = make_live("sqlite").start()
    hub.make_user("ada")
    did(hub, "backup", tmp_path / "backup")
    assert "A node serves" in refusal(run(hub, "restore", tmp_path / "backup"))
    fresh = make_live("sqlite").start()
    assert "A node serves" in refusal(run(fresh, "restore", tmp_path / "backup"))
    assert fresh.process
    os.killpg(fresh.process.pid, signal.SIGKILL)
    fresh.process.wait()
    assert "if it was killed" in refusal(run(fresh, "restore", tmp_path / "backup"))
    hub.stop()
    assert "is not empty" in refusal(run(hub, "restore", tmp_path / "backup"))
    stopped = make_live("sqlite").start()
    stopped.stop()
    did(stopped, "restore", tmp_path / "backup")
    assert "ada" in stopped.command("user", "list")


def test_the_key_comes_back_only_with_key(make_live: MakeLive, tmp_path: Path) -> None:
    hub = make_live("sqlite").start()
    ada = hub.make_user("ada")
    key = (hub.data_dir / "secret.key").read_text()
    did(hub, "backup", tmp_path / "with", "--with-key")
    did(hub, "backup", tmp_path / "without")
    assert not list((tmp_path / "without").rglob("secret.key"))
    same, new = make_live("sqlite"), make_live("sqlite")
    assert did(same, "restore", tmp_path / "with")["key"] == "kept"
    assert (same.data_dir / "secret.key").read_text() == key
    assert (same.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600
    changed = run(new, "restore", tmp_path / "without")
    assert json.loads(changed.stdout)["key"] == "changed"
    assert "have to sign in again" in changed.stderr
    assert (new.data_dir / "secret.key").read_text() != key
    new.start()
    with new.client(ada.token) as client:
        assert client.get("/api/whoami-v2").json()["name"] == "ada"


def test_what_the_hub_has_lost_has_an_exit_status_of_its_own(
    make_live: MakeLive, tmp_path: Path
) -> None:
    hub = make_live("sqlite").start()
    hub.make_user("ada").make_repo("tiny")
    hub.stop()
    pack = next((hub.data_dir / "blobs/pack").glob("*.pack"))
    pack.write_bytes(pack.read_bytes()[:-1])
    done = run(hub, "backup", tmp_path / "backup")
    assert done.returncode == 3
    assert json.loads(done.stdout)["damaged"] == [f"pack/{pack.name}"]
    assert f"lost 1 blobs, which the backup lacks: pack/{pack.name}" in done.stderr
    elsewhere = make_live("sqlite")
    assert run(elsewhere, "restore", tmp_path / "backup").returncode == 3
    found = run(elsewhere, "fsck")
    assert found.returncode != 0
    assert pack.name in found.stdout + found.stderr


def test_an_export_leaves_by_command_and_comes_in_elsewhere(
    make_live: MakeLive, git_lfs: GitClient, tmp_path: Path
) -> None:
    hub = make_live("sqlite").start()
    ada = hub.make_user("ada")
    repo = ada.make_repo("tiny")
    clone = git_lfs.clone(ada.git_url(repo), "clone")
    git_lfs("lfs", "track", "*.bin", cwd=clone)
    git_lfs.commit(clone, {"a.bin": b"large" * 9000, "README.md": "# Tiny\n"})
    git_lfs("push", "-q", "origin", "main", cwd=clone)
    done = did(hub, "export", repo, tmp_path / "out")
    assert (done["large_files"], done["missing"]) == (1, [])
    git_lfs("clone", "-q", str(tmp_path / "out"), "again")
    assert (git_lfs.folder / "again/a.bin").read_bytes() == b"large" * 9000
    elsewhere = make_live("sqlite")
    elsewhere.command("user", "create", "bob", "--no-password")
    assert did(elsewhere, "import", tmp_path / "out", "model/bob/tiny")["large_files"] == 1
    elsewhere.start()
    bob = elsewhere.command("token", "create", "bob")
    url = f"http://bob:{bob}@127.0.0.1:{elsewhere.port}/bob/tiny"
    assert git_lfs.remote_refs(url) == git_lfs.remote_refs(ada.git_url(repo))
    git_lfs("clone", "-q", url, "third")
    assert (git_lfs.folder / "third/a.bin").read_bytes() == b"large" * 9000
    with elsewhere.client() as client:
        assert client.get("/api/models/bob/tiny").json()["id"] == "bob/tiny"
    refused = run(elsewhere, "import", tmp_path / "out", "model/bob/tiny")
    assert "exists and is not empty" in refusal(refused)
    assert "Give a repository and a folder" in refusal(run(hub, "export", repo))
    run(hub, "export", "--all", tmp_path / "all")
    assert (tmp_path / "all/models/ada/tiny.git/HEAD").exists()
