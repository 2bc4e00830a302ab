"""The schema's way up and down: nothing is lost, nothing is half done, one at a time."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from hub_server.db import Database
from hub_server.db import engine as engines
from hub_server.db.engine import NetworkFileSystem, file_system
from hub_server.db.schema import Schema, SchemaError
from hub_server.settings import data_path
from tests.support.databases import BOTH
from tests.support.rows import counts, fill

MIGRATIONS = data_path("migrations")
REVISIONS = [
    path.name.split("_")[0] for path in sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))
]


@pytest.fixture(params=BOTH)
def empty(
    request: pytest.FixtureRequest, tmp_path: Path, make_database: Callable[..., Database]
) -> Database:
    """A database without a table, on each engine."""
    if request.param == "sqlite":
        return make_database(f"sqlite:///{tmp_path / 'hub.db'}", pool_size=2)
    return make_database(request.getfixturevalue("postgres_url"), pool_size=2)


@pytest.fixture
def next_release(tmp_path: Path) -> Callable[..., Path]:
    """`next_release(up, down)`: the migrations, and one more whose steps are these lines."""

    def make(up: str, down: str = "    pass") -> Path:
        folder = tmp_path / f"migrations{len(list(tmp_path.glob('migrations*')))}"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(MIGRATIONS, folder, ignore=ignored)
        (folder / "versions" / "9000_test.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            f'revision = "9000"\ndown_revision = "{REVISIONS[-1]}"\n\n\n'
            f"def upgrade() -> None:\n{up}\n\n\ndef downgrade() -> None:\n{down}\n"
        )
        return folder

    return make


REBUILD = """\
    with op.batch_alter_table("account") as batch:
        batch.drop_column("about")
        batch.add_column(sa.Column("motto", sa.String(80), server_default="none", nullable=False))
    with op.batch_alter_table("repo") as batch:
        batch.alter_column("kind", type_=sa.String(12), existing_nullable=False)
    with op.batch_alter_table("large_object") as batch:
        batch.add_column(sa.Column("note", sa.String(80)))"""
BACK = """\
    with op.batch_alter_table("account") as batch:
        batch.drop_column("motto")
        batch.add_column(sa.Column("about", sa.String(2000), server_default="", nullable=False))
    with op.batch_alter_table("repo") as batch:
        batch.alter_column("kind", type_=sa.String(8), existing_nullable=False)
    with op.batch_alter_table("large_object") as batch:
        batch.drop_column("note")"""


def broken_references(database: Database) -> list[object]:
    """PostgreSQL checks by itself, always."""
    if not database.is_sqlite:
        return []
    with database.engine.connect() as connection:
        return list(connection.exec_driver_sql("PRAGMA foreign_key_check"))


def test_up_from_nothing_is_what_the_tables_in_code_say(empty: Database):
    schema = Schema(empty, MIGRATIONS)
    assert schema.current() is None
    assert schema.prepare("auto")
    assert schema.current() == schema.newest == REVISIONS[-1]
    assert schema.differences() == []
    assert not schema.prepare("auto"), "there is nothing left to do"


def test_down_to_nothing_and_up_again(empty: Database):
    schema = Schema(empty, MIGRATIONS)
    schema.upgrade()
    schema.downgrade("base")
    assert schema.current() is None
    assert inspect(empty.engine).get_table_names() == ["alembic_version"]
    schema.upgrade()
    assert schema.differences() == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_no_migration_loses_a_row(empty: Database, revision: str):
    schema = Schema(empty, MIGRATIONS)
    schema.upgrade(revision)
    fill(empty)
    before = counts(empty)
    assert len(before) > 20
    assert set(before.values()) == {5}
    schema.upgrade()
    after = counts(empty)
    assert {name: after[name] for name in before if name in after} == {
        name: count for name, count in before.items() if name in after
    }
    assert broken_references(empty) == []


def test_a_table_that_is_rebuilt_keeps_its_children(
    empty: Database, next_release: Callable[..., Path]
):
    Schema(empty, MIGRATIONS).upgrade()
    fill(empty)
    before = counts(empty)
    schema = Schema(empty, next_release(REBUILD, BACK))
    assert schema.prepare("auto")
    assert counts(empty) == before
    assert broken_references(empty) == []
    columns = {column["name"] for column in inspect(empty.engine).get_columns("account")}
    assert "motto" in columns
    assert "about" not in columns
    schema.downgrade(REVISIONS[-1])
    assert counts(empty) == before
    assert schema.differences() == []


def test_references_are_enforced_again_afterwards(
    empty: Database, next_release: Callable[..., Path]
):
    Schema(empty, MIGRATIONS).upgrade()
    fill(empty)
    Schema(empty, next_release(REBUILD, BACK)).upgrade()
    with empty.write() as session:
        session.execute(text("DELETE FROM object_link"))
        session.execute(text("DELETE FROM repo"))
    left = counts(empty)
    assert left["git_ref"] == left["pack"] == left["repo_redirect"] == 0
    assert left["account"] == 5


@pytest.mark.parametrize(
    "last",
    [
        '    op.execute("INSERT INTO no_such_table VALUES (1)")',
        '    raise RuntimeError("lost its way")',
    ],
)
def test_a_migration_that_fails_has_changed_nothing(
    empty: Database, next_release: Callable[..., Path], last: str
):
    Schema(empty, MIGRATIONS).upgrade()
    fill(empty)
    before = counts(empty)
    schema = Schema(empty, next_release(f"{REBUILD}\n    op.drop_table('lease')\n{last}"))
    with pytest.raises(Exception, match=r"no_such_table|lost its way"):
        schema.upgrade()
    assert schema.current() == REVISIONS[-1]
    assert counts(empty) == before
    assert Schema(empty, MIGRATIONS).differences() == []


def test_broken_references_are_found_before_they_are_kept(
    tmp_path: Path, make_database: Callable[..., Database], next_release: Callable[..., Path]
):
    database = make_database(f"sqlite:///{tmp_path / 'hub.db'}")
    Schema(database, MIGRATIONS).upgrade()
    fill(database)
    schema = Schema(database, next_release("    op.execute('DELETE FROM account WHERE id = 2')"))
    with pytest.raises(SchemaError, match="leaves broken references"):
        schema.upgrade()
    assert schema.current() == REVISIONS[-1]
    assert counts(database)["account"] == 5


def test_a_newer_schema_is_refused(empty: Database, next_release: Callable[..., Path]):
    Schema(empty, next_release("    pass")).upgrade()
    schema = Schema(empty, MIGRATIONS)
    for mode in ("auto", "check"):
        with pytest.raises(SchemaError, match="has schema 9000, which is newer than this release"):
            schema.prepare(mode)
    for step in (schema.upgrade, lambda: schema.downgrade("base")):
        with pytest.raises(SchemaError, match="9000"):
            step()
    assert schema.current() == "9000"


def test_check_only_looks(empty: Database, next_release: Callable[..., Path]):
    schema = Schema(empty, MIGRATIONS)
    with pytest.raises(SchemaError, match=r"has schema \(none\) and this release needs"):
        schema.prepare("check")
    assert schema.current() is None
    schema.upgrade()
    assert not schema.prepare("check")
    with pytest.raises(SchemaError, match="run `hub-server migrate`"):
        Schema(empty, next_release("    pass")).prepare("check")


def test_an_unknown_revision_is_said_in_words(empty: Database):
    schema = Schema(empty, MIGRATIONS)
    with pytest.raises(SchemaError, match="nonsense"):
        schema.upgrade("nonsense")


def test_a_copy_is_kept_before_an_upgrade(
    tmp_path: Path, make_database: Callable[..., Database], next_release: Callable[..., Path]
):
    database = make_database(f"sqlite:///{tmp_path / 'hub.db'}")
    Schema(database, MIGRATIONS).upgrade()
    assert not (tmp_path / "before-upgrade").exists(), "there was nothing to keep"
    fill(database)
    folder = tmp_path / "before-upgrade"
    for old in range(3):
        folder.mkdir(exist_ok=True)
        (folder / f"hub.db.old{old}").write_bytes(b"")
        os.utime(folder / f"hub.db.old{old}", (old, old))
    Schema(database, next_release(REBUILD, BACK)).upgrade()
    names = {path.name for path in folder.iterdir()}
    assert names == {f"hub.db.{REVISIONS[-1]}", "hub.db.old1", "hub.db.old2"}
    copy = make_database(f"sqlite:///{folder / f'hub.db.{REVISIONS[-1]}'}")
    assert set(counts(copy).values()) == {5}
    assert Schema(copy, MIGRATIONS).differences() == []


def test_a_disk_without_room_for_the_copy_stops_the_upgrade(
    tmp_path: Path, make_database: Callable[..., Database], monkeypatch: pytest.MonkeyPatch,
    next_release: Callable[..., Path],
):  # fmt: skip
    database = make_database(f"sqlite:///{tmp_path / 'hub.db'}")
    Schema(database, MIGRATIONS).upgrade()
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SchemaError, match="Too little disk"):
        Schema(database, next_release("    pass")).upgrade()


def migrate(environment: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "hub_server", "migrate", *words],
        env={**{k: v for k, v in os.environ.items() if not k.startswith("HUB_")}, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(params=BOTH)
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of a hub that was never started."""
    environment = {
        "HUB_DATA_DIR": str(tmp_path / "data"),
        "HUB_SECRET_KEY": "the-key-of-migrations",
    }
    if request.param == "postgres":
        environment["HUB_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    return environment


def test_processes_that_migrate_at_once_wait_for_each_other(
    installation: dict[str, str], tmp_path: Path, make_database: Callable[..., Database]
):
    processes = [migrate(installation) for _ in range(4)]
    said = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert {out for out, _ in said} == {f"{REVISIONS[-1]}\n"}
    url = installation.get("HUB_DATABASE_URL", f"sqlite:///{tmp_path / 'data' / 'hub.db'}")
    assert Schema(make_database(url), MIGRATIONS).differences() == []


def test_the_command_goes_down_and_says_what_it_cannot(installation: dict[str, str]):
    assert migrate(installation).communicate()[0] == f"{REVISIONS[-1]}\n"
    assert migrate(installation, "--down", "--to", "base").communicate()[0] == "(empty)\n"
    out, err = (process := migrate(installation, "--to", "nonsense")).communicate()
    assert process.returncode == 1
    assert (out, len(err.splitlines())) == ("", 1)


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = file_system(tmp_path)
    assert here
    monkeypatch.setattr(engines, "NETWORK_FILE_SYSTEMS", {here})
    with pytest.raises(NetworkFileSystem, match=r"HUB_DATABASE_URL: .* lies on a network file sys"):
        Database(f"sqlite:///{tmp_path / 'hub.db'}")
    assert not (tmp_path / "hub.db").exists()


def test_sqlite_can_do_what_migrations_rely_on():
    """Changes of the schema are part of a transaction, and of what is undone with it."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    database.execute("CREATE TABLE a (b)")
    database.execute("ROLLBACK")
    assert database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    database.close()
