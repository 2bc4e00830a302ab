"""Mistyped words: every single edit leads to the word, and only words of public names are given."""

import random
from string import ascii_lowercase

import pytest
from sqlalchemy import func, select

from hub_server.catalog import names, spelling
from hub_server.db import Database, now
from hub_server.db.tables.catalog import NameWord, NameWordGap
from tests.support.people import make_repo, make_user

WORDS = ("bert", "llama", "mistral", "whisper", "stable", "diffusion", "wav2vec2", "aab", "a" * 40)


def edits(word: str) -> set[str]:
    """All that one edit makes of it."""
    letters = ascii_lowercase + "0"
    found = {word[:at] + word[at + 1 :] for at in range(len(word))}
    for at in range(len(word) + 1):
        found |= {word[:at] + letter + word[at:] for letter in letters}
        found |= {word[:at] + letter + word[at + 1 :] for letter in letters}
        found.add(word[:at] + word[at : at + 2][::-1] + word[at + 2 :])
    return found - {word}


def learn(database: Database, *full_names: str) -> None:
    with database.write() as session:
        names.changed(session, [(None, name) for name in full_names])


@pytest.mark.parametrize("word", WORDS)
def test_every_single_edit_leads_to_the_word(database: Database, word: str):
    learn(database, f"x/{word}")
    with database.read() as session:
        assert names.nearest(session, word) is None, "it is a word already"
        for typed in edits(word):
            if len(typed) >= spelling.SHORTEST:
                assert names.nearest(session, typed) == word, typed
                assert names.nearest(session, typed.upper()) == word


STRANGE = ("", "x", "be", "bt", "brrtt", "bbeertt", "treb", "a" * 10_000, "\0\0\0", "%%%%", "____",
           "\ud800\ud800\ud800", "'bert\"", "бёрт", "ber ts")  # fmt: skip


@pytest.mark.parametrize("typed", STRANGE, ids=range(len(STRANGE)))
def test_what_is_further_away_leads_nowhere(database: Database, typed: str):
    learn(database, "x/bert")
    with database.read() as session:
        assert names.nearest(session, typed) is None


def test_is_near_is_what_the_edits_are():
    dice = random.Random(3)
    for _ in range(3000):
        one = "".join(dice.choices("ab", k=dice.randint(0, 6)))
        other = "".join(dice.choices("ab", k=dice.randint(0, 6)))
        wanted = one == other or other in edits(one)
        assert spelling.is_near(one, other) == spelling.is_near(other, one) == wanted, (one, other)


def test_the_most_frequent_word_wins(database: Database):
    learn(database, "x/bart", "x/bert", "y/bert")
    with database.read() as session:
        assert names.nearest(session, "brt") == "bert"
    with database.write() as session:
        names.changed(session, [("x/bert", None), ("y/bert", "y/bart")])
    with database.read() as session:
        assert names.nearest(session, "brt") == "bart"
        assert session.scalars(select(NameWord.word)).all() == ["bart"]
        left = session.scalar(select(func.count()).select_from(NameWordGap))
        assert left == len(spelling.gaps("bart"))


def test_words_of_names_are_counted_once_a_name(database: Database):
    learn(database, "Bert/bert-BERT_bert.2024", "ab/12345")
    with database.read() as session:
        assert {row.word: row.n for row in session.scalars(select(NameWord))} == {"bert": 1}


def test_what_somebody_meant(database: Database):
    learn(database, "x/bert-base-uncased", "x/llama")
    with database.read() as session:
        assert names.meant(session, "brt-bsae uncased") == "bert-base uncased"
        assert names.meant(session, "bert") is None
        assert names.meant(session, "xyzzy") is None
        assert names.meant(session, "") is None
        assert names.meant(session, "lama " * 5000) is None


def test_a_recount_mends_what_is_wrong_and_knows_only_public_names(database: Database):
    with database.write() as session:
        ada = make_user(session)
        make_repo(session, ada, "bert")
        make_repo(session, ada, "bert", kind="dataset")
        make_repo(session, ada, "secret", private=True)
        make_repo(session, ada, "deleted", deleted_at=now())
        names.changed(session, [(None, "ada/bert"), (None, "ada/secret"), (None, "x/phantom")])
        assert names.wrong(session) == ["bert", "phantom", "secret"]
    names.recount(database)
    with database.read() as session:
        assert names.wrong(session) == []
        found = {row.word: row.n for row in session.scalars(select(NameWord))}
        assert found == {"ada": 2, "bert": 2}
        for typed in ("secre", "deletedd", "phanton"):
            assert names.nearest(session, typed) is None
        assert names.nearest(session, "brt") == "bert"
