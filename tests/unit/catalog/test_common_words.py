"""Common words: which they are, that their sets are asked, and that making them anew is gentle."""

import pytest
from pyroaring import BitMap
from sqlalchemy import delete, func, select

from hub_server import catalog
from hub_server.catalog import TagSets, clock, common_words, texts
from hub_server.catalog.texts import Text
from hub_server.db import Database
from hub_server.db.tables.catalog import CardText, TagBits, TagRow
from tests.unit.catalog.test_texts import CARDS, best, found, write


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many cards are a large catalog."""
    monkeypatch.setattr(common_words, "MANY_CARDS", 50)
    monkeypatch.setattr(common_words, "SAMPLE", 50)


@pytest.fixture
def ids(database: Database) -> dict[str, int]:
    cards = {f"ada/m{n}": f"model 模型 number{n}" for n in range(60)} | {"ada/other": "few"}
    return write(database, cards)


def kept(database: Database) -> dict[str, set[int]]:
    """Common words and who has them, by what is stored."""
    with database.read() as session:
        words = session.scalars(select(TagRow).where(TagRow.type == texts.TYPE, TagRow.n > 0)).all()
        return {row.name: set(TagSets().tagged(session, texts.TYPE, row.name)) for row in words}


def test_they_are_sets(database: Database, ids: dict[str, int]) -> None:
    catalog.finish(database)
    common = kept(database)
    assert common.keys() >= {"model", "模型", "ada"}
    assert not [word for word in common if word.startswith("number")]
    all_but_one = {number for name, number in ids.items() if name != "ada/other"}
    assert common["model"] == common["模型"] == all_but_one
    with database.write() as session:
        session.execute(delete(CardText).where(CardText.repo_id == ids["ada/m3"]))
    assert found(database, "model") == all_but_one, "asked of the set, not of the text"
    assert found(database, "model number7") == {ids["ada/m7"]}
    assert found(database, "模型 model ada") == all_but_one
    assert found(database, "模") == all_but_one - {ids["ada/m3"]}
    assert len(best(database, BitMap(all_but_one), "model")) == 30
    catalog.finish(database)
    assert found(database, "model") == all_but_one - {ids["ada/m3"]}


def test_caches_follow(database: Database, ids: dict[str, int]) -> None:
    """A word becomes common, its set is mended, and it is common no more."""
    sets = TagSets()

    def ask(word: str) -> set[int]:
        with database.read() as session:
            return set(texts.matching(session, sets, word))

    everyone = set(ids.values()) - {ids["ada/other"]}
    assert ask("model") == everyone
    catalog.finish(database)
    assert ask("model") == everyone
    with database.write() as session:
        session.execute(delete(CardText).where(CardText.repo_id == ids["ada/m1"]))
    catalog.finish(database)
    assert ask("model") == everyone - {ids["ada/m1"]}
    with database.write() as session:
        wanted = {n: Text(name, "other words") for name, n in ids.items() if name != "ada/m2"}
        texts.replace(session, wanted)
    catalog.finish(database)
    assert "model" not in kept(database)
    assert ask("model") == {ids["ada/m2"]}
    assert ask("other") >= everyone - {ids["ada/m2"]}


def test_making_them_again_writes_nothing(database: Database, ids: dict[str, int]) -> None:
    catalog.finish(database)
    with database.read() as session:
        epoch, newest = clock.moment(session).epoch, session.scalar(func.max(TagBits.version))
    catalog.finish(database)
    with database.read() as session:
        assert clock.moment(session).epoch == epoch
        assert session.scalar(func.max(TagBits.version)) == newest


def test_a_small_catalog_has_none(database: Database) -> None:
    write(database, CARDS)
    catalog.finish(database)
    assert kept(database) == {}
    with database.read() as session:
        assert clock.moment(session) != clock.NEVER, "it has been indexed"
