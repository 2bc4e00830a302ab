"""Names: what a piece of one finds, what is suggested while somebody types, and to whom."""

import random

import pytest
from pyroaring import BitMap
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from hub_server.accounts import ANONYMOUS, OPERATOR, Caller, anonymous
from hub_server.catalog import TagSets, follow, names
from hub_server.db import Database, now
from hub_server.db.tables.repos import Kind, Repo
from tests.support.people import caller, make_org, make_repo, make_user

PARTS = ("bert", "base", "Llama", "3", "8b", "v0.1", "x", "a", "B", "tiny_model", "GGUF", "7")
OWNERS = ("ada", "b", "meta-llama", "x.y", "Bert", "lab_1")


def fill(session: Session, count: int = 400) -> list[Repo]:
    dice = random.Random(5)
    owners = [make_user(session, name, email=None) for name in OWNERS]
    seen: set[tuple[str, str]] = set()
    made = []
    for number in range(count):
        name = dice.choice("-._").join(dice.sample(PARTS, dice.randint(1, 4)))
        owner, kind = dice.choice(owners), dice.choice(("model", "dataset", "space"))
        if (key := (kind, f"{owner.name}/{name}".lower())) in seen:
            continue
        seen.add(key)
        kinds: Kind = kind  # type: ignore[assignment]
        made.append(make_repo(session, owner, name, kind=kinds, trending=number % 7,
                              private=dice.random() < 0.2))  # fmt: skip
    return made


def means(piece: str, name_key: str) -> bool:
    """What a piece finds, in words: anywhere, or where the namespace or the name begins."""
    piece = piece.lower()
    return piece in name_key if len(piece) > 2 else f"/{piece.lstrip('/')}" in f"/{name_key}"


def test_a_piece_finds_what_a_scan_finds(database: Database):
    with database.write() as session:
        made = fill(session)
    there = {repo.id: repo.name_key for repo in made}
    dice = random.Random(6)
    pieces = {*"abx37lgt", "ab", "be", "ba", "v0", "8b", "x.", "x.y", "b/b", "/be", "a/", "_mo",
              "tiny_model", "tiny-model", "LLAMA", "a/a", "-x-", "...", "___"}  # fmt: skip
    for name in dice.sample(sorted(there.values()), 80):
        start = dice.randrange(len(name))
        pieces.add(name[start : start + dice.randint(3, 12)])
    found = 0
    with database.read() as session:
        for piece in pieces:
            wanted = {number for number, name in there.items() if means(piece, name)}
            assert set(names.matching(session, piece)) == wanted, piece
            found += bool(wanted)
    assert found > 60


@pytest.mark.parametrize(
    "needle",
    ["", " ", "\0", "\0\0\0\0", '"', '"""', 'a" OR "b', "*", "ber*", "%", "b%t", "%%%", "___",
     "\\", "\\\\\\", "NEAR(ber t)", "be rt", "a" * 10_000, "é", "베르트", "\ud800\ud800\ud800",
     "'; --", "/", "//", "///", "-ber", ":ber", "^ber", "{ber}", "(ber", "b\u0301rt"],
)  # fmt: skip
def test_strange_pieces_find_nothing(database: Database, needle: str):
    with database.write() as session:
        make_repo(session, make_user(session), "bert")
    with database.read() as session:
        assert names.matching(session, needle) == BitMap()
        assert names.suggest(session, TagSets(), ANONYMOUS, "model", needle) == []


def test_full_width_letters_are_letters(database: Database):
    with database.write() as session:
        bert = make_repo(session, make_user(session), "Bert")
    with database.read() as session:
        assert set(names.matching(session, "ＢＥＲＴ")) == {bert.id}


def suggested(
    database: Database, who: Caller, typed: str, kind: Kind = "model", limit: int = 8
) -> list[str]:
    with database.read() as session:
        found = names.suggest(session, TagSets(), who, kind, typed, limit)
    return [each.full_name for each in found]


def index(session: Session, *made: Repo) -> None:
    follow(session, [repo.id for repo in made])


def test_suggestions_come_by_trending_and_what_is_called_so_first(database: Database):
    with database.write() as session:
        ada = make_user(session)
        made = [make_repo(session, ada, f"bert-{n}", trending=n) for n in range(20)]
        made.append(make_repo(session, ada, "Bert", kind="dataset", trending=99))
        index(session, *made)
    top = [f"ada/bert-{n}" for n in range(19, 11, -1)]
    assert suggested(database, ANONYMOUS, "bert") == top
    assert suggested(database, ANONYMOUS, "ERT-") == top
    assert suggested(database, ANONYMOUS, "b") == suggested(database, ANONYMOUS, "ad") == top
    assert suggested(database, ANONYMOUS, "bert", limit=2) == top[:2]
    assert suggested(database, ANONYMOUS, "ada/bert-1")[:2] == ["ada/bert-1", "ada/bert-19"]
    assert suggested(database, ANONYMOUS, " bert   t-1 ", limit=20) == [
        f"ada/bert-{n}" for n in (*range(19, 9, -1), 1)
    ]
    assert suggested(database, ANONYMOUS, "bert", "dataset") == ["ada/Bert"]
    assert suggested(database, ANONYMOUS, "bert", "space") == []


def test_what_is_not_popular_is_suggested_too(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names, "POPULAR", 3)
    with database.write() as session:
        ada = make_user(session)
        made = [make_repo(session, ada, f"model-{n}", trending=n) for n in range(1, 9)]
        made.append(make_repo(session, ada, "rare-thing"))
        index(session, *made)
    assert suggested(database, ANONYMOUS, "are-th") == ["ada/rare-thing"]
    assert suggested(database, ANONYMOUS, "ra") == ["ada/rare-thing"]
    assert len(suggested(database, ANONYMOUS, "model")) == 8


@pytest.mark.parametrize("popular", [0, 3000])
def test_private_names_are_for_those_who_may_see_them(
    database: Database, monkeypatch: pytest.MonkeyPatch, popular: int
):
    monkeypatch.setattr(names, "POPULAR", popular)
    with database.write() as session:
        ada, bob, eve = (make_user(session, name) for name in ("ada", "bob", "eve"))
        lab = make_org(session, "lab", read=bob)
        made = [make_repo(session, owner, "secret-bert", private=True) for owner in (ada, lab)]
        gone = make_repo(session, lab, "gone-bert", deleted_at=now())
        index(session, *made, gone)
        make_user(session, "root", is_admin=True)
    for who in (ANONYMOUS, anonymous("none"), caller(database, "eve")):
        for typed in ("secret", "se", "s", "lab/secret-bert", "ada/", "bert"):
            assert suggested(database, who, typed) == [], (who, typed)
    assert suggested(database, caller(database, "ada"), "secret") == ["ada/secret-bert"]
    assert suggested(database, caller(database, "bob"), "se") == ["lab/secret-bert"]
    for who in (caller(database, "root"), OPERATOR):
        assert set(suggested(database, who, "bert")) == {"ada/secret-bert", "lab/secret-bert"}
    del eve


def test_a_closed_hub_suggests_nothing_to_strangers(database: Database):
    with database.write() as session:
        index(session, make_repo(session, make_user(session), "bert"))
    assert suggested(database, anonymous("none"), "bert") == []
    assert suggested(database, anonymous("read"), "bert") == ["ada/bert"]
    assert suggested(database, caller(database, "ada"), "bert") == ["ada/bert"]


def test_a_row_that_became_private_is_not_suggested_even_if_its_sets_lag(database: Database):
    with database.write() as session:
        repo = make_repo(session, make_user(session), "bert")
        index(session, repo)
    with database.write() as session:
        session.execute(update(Repo).values(private=True))
    assert suggested(database, ANONYMOUS, "bert") == []


def test_names_follow_renames_and_deletions_of_many(database: Database):
    with database.write() as session:
        ada = make_user(session)
        made = [make_repo(session, ada, f"bert-{n}") for n in range(3)]
    with database.write() as session:
        for repo in made:
            session.execute(
                update(Repo).where(Repo.id == repo.id).values(name_key=f"eve/gpt-{repo.id}")
            )
    with database.read() as session:
        assert not names.matching(session, "bert")
        assert len(names.matching(session, "eve/gpt")) == 3
    with database.write() as session:
        session.execute(delete(Repo).where(Repo.id == made[0].id))
    with database.read() as session:
        assert len(names.matching(session, "gpt")) == 2
