"""Full text: words of cards and names in any language, the best first, common words as sets."""

from collections.abc import Iterable

import pytest
from pyroaring import BitMap
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from hub_server.cards import words_of
from hub_server.catalog import TagSets, bits, clock, follow, texts
from hub_server.catalog.bits import Delta
from hub_server.catalog.texts import Text
from hub_server.db import Database
from hub_server.db.tables.catalog import CardText, TagRow
from hub_server.db.tables.repos import Repo
from tests.support.people import make_repo, make_user

CARDS = {
    "ada/camembert": "# Modèle de langue français\nEntraîné sur l'été, un œuvre de données.",
    "ada/hanguk": "이 모델은 한국어로 학습된 대화형 언어모델입니다.",
    "ada/zhongwen": "这是一个用于文本分类的大型语言模型，支持机器学习研究。",
    "ada/nihongo": "このモデルは日本語の音声認識のために学習済みです。",
    "ada/tiny-llama": "A **small** language model, `from_pretrained`. See https://arxiv.org/abs/1706.03762",
    "ada/bare": "",
}


def write(database: Database, cards: dict[str, str], **columns: object) -> dict[str, int]:
    """Ids by name; the repositories are models of ada."""
    with database.write() as session:
        ada = make_user(session, email=None)
        made = {name: make_repo(session, ada, name.partition("/")[2], **columns) for name in cards}
        follow(session, [repo.id for repo in made.values()])
        texts.replace(
            session,
            {made[name].id: Text(name, words_of(card)) for name, card in cards.items()},
        )
        return {name: repo.id for name, repo in made.items()}


def found(database: Database, text: str) -> set[int]:
    with database.read() as session:
        return set(texts.matching(session, TagSets(), text))


def best(database: Database, ids: Iterable[int], text: str, limit: int = 30) -> list[int]:
    with database.read() as session:
        return texts.ranked(session, TagSets(), "model", BitMap(ids), text, limit)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("modele francais", "ada/camembert"),
        ("MODÈLE", "ada/camembert"),
        ("l'été", "ada/camembert"),
        ("한국어 모델", "ada/hanguk"),
        ("언어모델", "ada/hanguk"),
        ("文本分类", "ada/zhongwen"),
        ("究", "ada/zhongwen"),
        ("支", "ada/zhongwen"),
        ("日本語", "ada/nihongo"),
        ("音声認識 モデル", "ada/nihongo"),
        ("SMALL language", "ada/tiny-llama"),
        ("from_pretrained", "ada/tiny-llama"),
        ("1706.03762", "ada/tiny-llama"),
        ("llama small", "ada/tiny-llama"),
        ("ada/tiny-llama", "ada/tiny-llama"),
        ("bare", "ada/bare"),
    ],
)
def test_texts_are_found_by_the_words_people_type(database: Database, text: str, name: str):
    ids = write(database, CARDS)
    assert found(database, text) == {ids[name]}


STRANGE = ("", " ", "\0", '"', "*", "NEAR(ada 5)", "ada OR zz", "zz* OR ada", "words:ada",
           "ada AND", "NOT ada", "'", "''", "\\", "ad*", "ad:*", "ada <-> zz", "x" * 10_000,
           "ada\ud800zz", "%", "\x01\x02", "\u202e")  # fmt: skip


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_no_sign_is_an_operator(database: Database, text: str):
    write(database, {"ada/one": "", "ada/two": "card"})
    assert found(database, text) == set()


@pytest.mark.parametrize("text", ["-ada", "^ada", "!ada", "ada & | !", "+ada*", "(ada", "ada:*"])
def test_signs_are_nothing(database: Database, text: str):
    ids = write(database, {"ada/one": "", "ada/two": "card"})
    assert found(database, text) == set(ids.values())


def test_operators_are_words(database: Database):
    ids = write(database, {"ada/a": "near and or not", "ada/b": "b c"})
    assert found(database, "b NOT c") == set()
    assert found(database, "near AND or NOT") == {ids["ada/a"]}


def test_a_rename_is_followed_and_the_card_stays(database: Database):
    ids = write(database, CARDS)
    with database.write() as session:
        renamed = update(Repo).where(Repo.id == ids["ada/bare"])
        session.execute(renamed.values(name_key="ada/other-name", full_name="ada/Other-Name"))
        texts.replace(session, {ids["ada/bare"]: Text("ada/Other-Name", None, "ada/bare")})
    assert found(database, "bare") == set()
    assert found(database, "other name") == {ids["ada/bare"]}
    with database.read() as session:
        assert session.get_one(CardText, ids["ada/bare"]).words == "ada other name\n"


def test_a_card_is_replaced_and_forgotten(database: Database):
    ids = write(database, CARDS)
    tiny = ids["ada/tiny-llama"]
    with database.write() as session:
        assert texts.replace(session, {tiny: Text("ada/tiny-llama", "other words")}) == {}
    assert found(database, "small") == set()
    assert found(database, "other words llama") == {tiny}
    with database.write() as session:
        assert texts.forget(session, [tiny]) == {}
    assert found(database, "llama") == set()
    with database.write() as session:
        session.execute(delete(Repo).where(Repo.id == ids["ada/bare"]))
    assert found(database, "bare") == set()


def test_the_best_come_first_and_hits_in_the_name_before_them(database: Database):
    cards = {f"ada/model-{n}": "filler " * 40 + "whisper" for n in range(20)}
    cards |= {"ada/often": "whisper whisper whisper", "ada/whisper": "filler " * 100 + "whisper"}
    ids = write(database, cards)
    order = best(database, ids.values(), "whisper")
    assert order[:2] == [ids["ada/whisper"], ids["ada/often"]]
    assert sorted(order) == sorted(ids.values())
    assert best(database, [ids["ada/often"], ids["ada/model-3"]], "whisper", 1) == [
        ids["ada/often"]
    ]
    assert best(database, [], "whisper") == []
    assert best(database, ids.values(), "") == sorted(ids.values(), reverse=True)


def test_many_hits_come_by_trending(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(texts, "MOST_RANKED", 5)
    monkeypatch.setattr(texts, "MOST_COMPARED", 8)
    ids = write(database, {f"ada/model-{n}": "text" for n in range(9)} | {"ada/text": "text"})
    with database.write() as session:
        for number in ids.values():
            session.execute(update(Repo).where(Repo.id == number).values(trending=number % 5))
    expected = sorted(
        ids.values(), key=lambda number: (number != ids["ada/text"], -(number % 5), -number)
    )
    assert best(database, ids.values(), "text", 10) == expected
    few = sorted(ids.values())[:4]
    if database.is_sqlite:
        assert best(database, few, "text") == sorted(few, key=lambda n: (-(n % 5), -n))


def keep(session: Session, common: dict[str, BitMap]) -> None:
    """As a reindex writes it."""

    version = clock.tick(session)
    for word, ids in common.items():
        tag = TagRow(type=texts.TYPE, name=word, n=len(ids), n_public=0)
        session.add(tag)
        session.flush()
        bits.write(session, version, bits.divided(tag.id, ids))


def test_a_push_tells_which_common_words_it_changes(database: Database):
    ids = write(database, {"ada/one": "model text", "ada/two": "text"})
    one, two = ids.values()
    with database.write() as session:
        keep(session, {"model": BitMap([one]), "text": BitMap([one, two]), "lab": BitMap([9])})
    with database.write() as session:
        changes = texts.replace(
            session,
            {one: Text("ada/one", "text rare"), two: Text("ada/two", "model")},
        )
        assert changes == {"model": Delta([two], [one]), "text": Delta([], [two])}
        assert texts.replace(session, {one: Text("ada/one", "text rare")}) == {}
        assert texts.replace(session, {one: Text("ada/one")}) == {}
        session.execute(update(Repo).where(Repo.id == one).values(name_key="lab/one"))
        changes = texts.replace(session, {one: Text("lab/one", None, "ada/one")})
        assert changes == {"lab": Delta([one], [])}
        assert texts.forget(session, [one]) == {"text": Delta([], [one]), "lab": Delta([], [one])}
