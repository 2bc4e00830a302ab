"""The index of names and texts follows every change of rows, and comes back when it is gone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text, update

from hub_server.db import Database, findable, upsert
from hub_server.db.schema import Schema, SchemaError
from hub_server.db.tables.catalog import CardText
from hub_server.db.tables.repos import Repo
from hub_server.settings import data_path
from tests.support.finding import by_name, by_word, check
from tests.support.people import make_user
from tests.support.postgres import Cluster

MIGRATIONS = data_path("migrations")
REBUILD = """\
import sqlalchemy as sa
from alembic import op
revision = "9000"
down_revision = "{newest}"


def upgrade() -> None:
    op.execute("UPDATE repo SET name_key = 'ada/third' WHERE name_key = 'ada/second'")
    with op.batch_alter_table("repo") as batch:
        batch.alter_column("kind", type_=sa.String(12), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("repo") as batch:
        batch.alter_column("kind", type_=sa.String(8), existing_nullable=False)
"""


def add(database: Database, *names: str, words: str | None = None) -> list[int]:
    """Ids of new models."""
    with database.write() as session:
        ada = session.scalar(text("SELECT id FROM account WHERE name = 'ada'"))
        ada = ada or make_user(session, "ada").id
        made = [Repo(kind="model", namespace_id=ada, full_name=n, name_key=n.lower())
                for n in names]  # fmt: skip
        session.add_all(made)
        session.flush()
        if words is not None:
            texts = [f"{repo.name_key.replace('/', ' ')}\n{words}" for repo in made]
            session.add_all(
                CardText(repo_id=repo.id, words=written)
                for repo, written in zip(made, texts, strict=True)
            )
        return [repo.id for repo in made]


def test_new_names_and_texts_are_found(database: Database):
    tiny, other = add(database, "Ada/Tiny", "ada/other", words="un modele 学习 习 한국 국어 어")
    assert by_name(database, "/tin") == {tiny}
    assert by_name(database, "ada") == {tiny, other}
    for word in ("modele", "学习", "국어", "ada"):
        assert by_word(database, word) == {tiny, other}, word
    assert by_word(database, "tiny") == {tiny}
    assert by_word(database, "mod") == set()
    check(database)


def test_a_renamed_repository_is_found_by_its_new_name_alone(database: Database):
    one, two = add(database, "ada/first", "ada/second", words="some text")
    with database.write() as session:
        session.execute(
            update(Repo)
            .where(Repo.id.in_([one, two]))
            .values(name_key=func.replace(Repo.name_key, "ada/", "love-lace/"))
        )
    assert by_name(database, "ada") == by_word(database, "ada") == set()
    assert by_name(database, "e-l") == {one, two}
    assert by_word(database, "lace") == by_word(database, "text") == {one, two}
    with database.read() as session:
        assert session.scalar(select(CardText.words).where(CardText.repo_id == one)) == (
            "love lace first\nsome text"
        )
    check(database)


def test_other_changes_of_a_repository_leave_the_index_alone(database: Database):
    (tiny,) = add(database, "ada/tiny", words="text")
    with database.write() as session:
        session.execute(update(Repo).values(likes=3, trending=0.5, full_name="Ada/Tiny"))
    assert by_name(database, "tiny") == by_word(database, "text") == {tiny}
    check(database)


def test_a_text_is_replaced(database: Database):
    (tiny,) = add(database, "ada/tiny", words="first words")
    with database.write() as session:
        row = {"repo_id": tiny, "words": "ada tiny\nsecond words"}
        upsert(session, CardText, row, key=["repo_id"], update=["words"])
    assert by_word(database, "first") == set()
    assert by_word(database, "second") == by_word(database, "words") == {tiny}
    check(database)


def test_what_is_purged_is_not_found(database: Database):
    tiny, other = add(database, "ada/tiny", "ada/other", words="text")
    with database.write() as session:
        session.execute(delete(Repo).where(Repo.id == tiny))
    assert by_name(database, "ada") == by_word(database, "text") == {other}
    with database.write() as session:
        session.execute(delete(CardText))
    assert by_word(database, "text") == set()
    check(database)


def test_what_is_rolled_back_is_not_found(database: Database):
    def fail() -> None:
        with database.write() as session:
            session.execute(update(Repo).values(name_key="ada/renamed"))
            session.execute(update(CardText).values(words="ada renamed\nother"))
            raise ZeroDivisionError

    (tiny,) = add(database, "ada/tiny", words="text")
    with pytest.raises(ZeroDivisionError):
        fail()
    assert by_name(database, "tiny") == by_word(database, "text") == {tiny}
    assert by_name(database, "renamed") == by_word(database, "other") == set()
    check(database)


def test_a_migration_that_rebuilds_the_table_keeps_it(database: Database, tmp_path: Path):
    """Rows that the migration changes are found as they are afterwards."""
    add(database, "ada/first", "ada/second", words="text")
    schema = Schema(database, MIGRATIONS)
    folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    written = REBUILD.format(newest=schema.newest)
    (folder / "versions" / "9000_test.py").write_text(written)
    newer = Schema(database, folder)
    assert newer.prepare("auto")
    check(database)
    assert len(by_name(database, "third")) == 1
    assert by_name(database, "second") == set()
    (tiny,) = add(database, "ada/tiny", words="text")
    assert by_name(database, "tiny") == by_word(database, "tiny") == {tiny}
    newer.downgrade(str(schema.newest))
    assert not schema.prepare("auto")
    check(database)
    assert by_name(database, "tiny") == {tiny}
    assert len(by_word(database, "text")) == 3


@pytest.mark.parametrize("kind", ["TABLE", "TRIGGER"])
def test_a_start_makes_what_is_missing(database: Database, kind: str):
    gone = {
        "TABLE": "fts_card" if database.is_sqlite else "card_index",
        "TRIGGER": "fts_name_changed" if database.is_sqlite else "name_index_added ON repo",
    }
    (tiny,) = add(database, "ada/tiny", words="text")
    with database.write() as session:
        session.execute(text(f"DROP {kind} {gone[kind]}"))
    schema = Schema(database, MIGRATIONS)
    with pytest.raises(SchemaError, match="run `hub-server migrate`"):
        schema.prepare("check")
    assert not schema.prepare("auto")
    assert not schema.prepare("check")
    (other,) = add(database, "ada/other", words="text")
    assert by_name(database, "ada") == by_word(database, "text") == {tiny, other}
    check(database)


def test_making_it_twice_changes_nothing(database: Database):
    add(database, "ada/tiny", words="text")
    with database.engine.execution_options(writer=True).begin() as connection:
        assert findable.is_whole(connection)
        findable.make(connection)
    check(database)


def test_nobody_else_sees_it(database: Database):
    assert Schema(database, MIGRATIONS).differences() == []


@pytest.mark.postgres
def test_without_the_right_to_the_extension_the_start_says_what_to_run(
    postgres_cluster: Cluster, postgres_url: str, make_database: Callable[..., Database]
):
    name = postgres_url.rpartition("/")[2]
    mine = make_database(postgres_url)
    with mine.write() as session:
        session.execute(text(f"CREATE ROLE poor_{name} LOGIN"))
        session.execute(text(f"GRANT ALL ON SCHEMA public TO poor_{name}"))
    schema = Schema(make_database(postgres_url.replace("hub@", f"poor_{name}@")), MIGRATIONS)
    try:
        with pytest.raises(SchemaError, match=f"psql {name} -c 'CREATE EXTENSION pg_trgm'") as said:
            schema.prepare("auto")
        assert "\n" not in str(said.value)
        assert schema.current() is None
        with mine.write() as session:
            session.execute(text("CREATE EXTENSION pg_trgm"))
        assert schema.prepare("auto")
    finally:
        schema.database.dispose()
        with mine.write() as session:
            session.execute(text(f"DROP OWNED BY poor_{name}"))
            session.execute(text(f"DROP ROLE poor_{name}"))
