"""The commands of upkeep as operators type them: lines on stdout, talk on stderr, exit status."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete

from hub_server.cli import main
from hub_server.db import Database
from hub_server.db.facts import read_fact, write_fact
from hub_server.db.tables.accounts import BrowserSession
from hub_server.db.tables.catalog import TagBits
from hub_server.keys import Keys
from tests.support.people import make_user
from tests.unit.upkeep.hubs import Place, remove

Run = Callable[..., Result]
VARIABLES = ("HUB_DATABASE_URL", "HUB_BLOBS", "HUB_SECRET_KEY", "HUB_CACHE_DIR")


@pytest.fixture
def data_dir(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(data_dir: Path) -> Run:
    def invoke(line: str, *, status: int = 0) -> Result:
        result = CliRunner().invoke(main, line.split(), prog_name="hub-server")
        assert result.exit_code == status, result.stderr
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


@pytest.fixture
def filled(data_dir: Path, sqlite_database: Database, build: Callable[..., Place]) -> Place:
    """What the commands find in the data directory."""
    place = build(sqlite_database)
    place.fill()
    return place


class TestFsck:
    def test_clean(self, run: Run, filled: Place) -> None:
        said = run("fsck")
        assert said.stdout == ""
        assert "0 errors, 0 notes; 1 repositories, 2 large files" in said.stderr
        for options in ("--fast", "--repo model/ada/tiny", "--repo models/Ada/Tiny --json"):
            assert run(f"fsck {options}").stdout == ""

    def test_damage(self, run: Run, filled: Place) -> None:
        key = min(filled.keys("lfs/"))
        remove(filled.hub.blobs, key)
        level, code, repo, subject, words = run("fsck", status=1).stdout.rstrip().split("\t")
        assert (level, code, repo, subject) == ("error", "object-missing", "model/ada/tiny", key)
        assert "backup" in words
        told = json.loads(run("fsck --json --fast", status=1).stdout)
        assert told["code"] == "object-missing"
        assert told["repo"] == "model/ada/tiny"

    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            ("fsck --repo tiny", "not of the form model/ada/tiny"),
            ("fsck --repo model/ada/none", "Repository not found"),
            ("fsck --no-such", "No such option"),
        ],
    )
    def test_what_cannot_be_looked_at(
        self, run: Run, filled: Place, line: str, sentence: str
    ) -> None:
        assert sentence in run(line, status=2).stderr

    def test_a_store_that_is_not_there(
        self, run: Run, filled: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HUB_BLOBS", "s3://bucket")
        for name in ("ENDPOINT", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            monkeypatch.setenv(f"HUB_S3_{name}", "http://127.0.0.1:9")
        assert "HUB_BLOBS" in run("fsck", status=2).stderr

    def test_a_database_that_is_none(self, run: Run, data_dir: Path) -> None:
        (data_dir / "hub.db").write_bytes(b"no database at all" * 100)
        assert len(run("fsck", status=2).stderr.strip().splitlines()) == 1


class TestGc:
    def orphan(self, place: Place) -> str:
        key = f"lfs/{'0' * 64}"
        path = place.hub.blobs.local_path(key)
        assert path
        path.parent.mkdir(parents=True)
        path.write_bytes(b"orphan")
        os.utime(path, (1, 1))
        return key

    def test_says_first_and_does_then(self, run: Run, filled: Place) -> None:
        assert "nothing to do" in run("gc").stderr
        key = self.orphan(filled)
        said = run("gc")
        assert said.stdout.split("\t")[0] == "marked"
        assert "nothing was changed" in said.stderr
        assert run("gc --delete").stdout.startswith("marked\t6\t")
        assert run("gc").stdout.startswith("waits\t6\t")
        assert "1 marks taken away (6 bytes)" in run("gc --undo").stderr
        assert run("gc").stdout.startswith("marked\t")
        assert key in filled.keys("lfs/")
        said = run("gc --delete --keep 0s")
        assert f"removed\t6\t-\t{key}" in said.stdout
        assert key not in filled.keys("lfs/")
        run("fsck")

    def test_bad_durations(self, run: Run, filled: Place) -> None:
        assert "--grace" in run("gc --grace soon", status=1).stderr

    def test_a_store_of_another_hub(self, run: Run, filled: Place) -> None:
        run("gc")
        with filled.hub.database.write() as session:
            write_fact(session, "hub", "another")
        self.orphan(filled)
        assert "belong to another hub" in run("gc --delete --keep 0s", status=1).stderr
        assert len(filled.keys("lfs/")) == 3


class TestReindex:
    def test_all_and_one(self, run: Run, filled: Place) -> None:
        filled.fill("other")
        assert "2 repositories read, 0 failed" in run("reindex").stderr
        assert "1 repositories read" in run("reindex --repo model/ada/other").stderr

    def test_goes_on_where_it_was_and_passes_over_damage(self, run: Run, filled: Place) -> None:
        last = filled.fill("other")
        with filled.hub.database.write() as session:
            write_fact(session, "reindex-after", str(last.id - 1))
        said = run("reindex")
        assert "going on behind" in said.stderr
        assert "1 repositories read" in said.stderr
        with filled.hub.database.read() as session:
            assert read_fact(session, "reindex-after") is None
        for key in filled.packs(last):
            remove(filled.hub.blobs, key)
        shutil.rmtree(filled.folder / "cache")
        said = run("reindex --anew", status=1)
        assert said.stdout.startswith("model/ada/other\t")
        assert "1 repositories read, 1 failed" in said.stderr

    def test_sets_alone(self, run: Run, filled: Place) -> None:
        with filled.hub.database.write() as session:
            session.execute(delete(TagBits))
        assert "catalog-wrong" in run("fsck", status=1).stdout
        assert "sets made anew" in run("reindex --bits").stderr
        assert run("fsck").stdout == ""


class TestRekey:
    def fingerprint(self, database: Database) -> str | None:
        with database.read() as session:
            return read_fact(session, "secret-key")

    def test_a_key_in_the_data_directory(
        self, run: Run, data_dir: Path, sqlite_database: Database
    ) -> None:
        run("user list")  # makes the key
        path = data_dir / "secret.key"
        old = path.read_text()
        run("rekey")
        new, kept = path.read_text().split(",")
        assert kept == old != new
        assert path.stat().st_mode & 0o777 == 0o600
        assert self.fingerprint(sqlite_database) == Keys.of(new).fingerprint()
        assert "--finish" in run("rekey", status=1).stderr
        run("rekey --finish")
        assert path.read_text() == new
        run("rekey")
        assert path.read_text().endswith(f",{new}")

    def test_cut_off_between_file_and_database(
        self, run: Run, data_dir: Path, sqlite_database: Database
    ) -> None:
        run("rekey")
        run("rekey --finish")
        known = self.fingerprint(sqlite_database)
        old = (data_dir / "secret.key").read_text()
        (data_dir / "secret.key").write_text(f"a-new-key-of-this-test,{old}")
        assert "not in use yet" in run("rekey --finish", status=1).stderr
        run("rekey")
        assert (data_dir / "secret.key").read_text() == f"a-new-key-of-this-test,{old}"
        assert self.fingerprint(sqlite_database) != known

    def test_a_key_in_the_environment(
        self,
        run: Run,
        data_dir: Path,
        sqlite_database: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("HUB_SECRET_KEY", "the-old-key-of-this-hub")
        both = run("rekey").stdout.strip()
        new, old = both.split(",")
        assert old == "the-old-key-of-this-hub"
        assert self.fingerprint(sqlite_database) == Keys.of(old).fingerprint()
        monkeypatch.setenv("HUB_SECRET_KEY", both)
        said = run("rekey")
        assert said.stdout == ""
        assert self.fingerprint(sqlite_database) == Keys.of(new).fingerprint()
        run("rekey")  # again: no harm
        monkeypatch.setenv("HUB_SECRET_KEY", new)
        assert "nothing is left" in run("rekey --finish").stderr
        monkeypatch.setenv("HUB_SECRET_KEY", "the-old-key-of-this-hub")
        assert "None of the keys" in run("rekey", status=1).stderr
        assert not (data_dir / "secret.key").exists()

    def test_sessions_live_on_unless_told(self, run: Run, sqlite_database: Database) -> None:
        from hub_server.accounts import sessions

        with sqlite_database.write() as session:
            sessions.open_session(session, make_user(session, "ada").id)
        run("rekey")
        with sqlite_database.read() as session:
            assert session.query(BrowserSession).count() == 1
        assert "1 sessions ended" in run("rekey --finish --end-sessions").stderr
        with sqlite_database.read() as session:
            assert session.query(BrowserSession).count() == 0
