"""Ten thousand repositories with tags as on real hubs: every total and facet, counted by hand."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import insert

from hub_server import catalog
from hub_server.accounts import ANONYMOUS, OPERATOR, Caller
from hub_server.catalog import Question, TagSets
from hub_server.db import Database
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from tests.support.many_repos import Made, Many, repositories

TYPES = ("pipeline_tag", "library", "language", "license", "dataset", "base_model", "other",
         "arxiv", "region")  # fmt: skip
OWNERS = [(number, f"owner{number}") for number in range(1, 400)]
A_TRANSACTION = 2_500


@pytest.fixture
def made(database: Database) -> list[Made]:
    found = list(itertools.chain(*repositories(Many(10_000, 500, OWNERS, texts=False))))
    with database.write() as session:
        accounts = [
            {"id": number, "public_id": f"{number:024x}", "kind": "user", "name": name,
             "name_key": name, "full_name": name}
            for number, name in OWNERS
        ]  # fmt: skip
        session.execute(insert(Account), accounts)
        session.execute(insert(Repo), [one.row for one in found])
    for begin in range(0, len(found), A_TRANSACTION):
        some = found[begin : begin + A_TRANSACTION]
        with database.write() as session:
            catalog.replace(session, {one.row["id"]: one.record for one in some})
    return found


def seen_by(caller: Caller, made: Sequence[Made]) -> list[Made]:
    spaces = {caller.user_id, *caller.roles}
    return [
        one
        for one in made
        if one.row["kind"] == "model"
        and (caller.is_admin or not one.row["private"] or one.row["namespace_id"] in spaces)
    ]


def test_totals_and_facets_are_exact(database: Database, made: list[Made]) -> None:
    chance, sets = random.Random(5), TagSets()
    callers = [ANONYMOUS, OPERATOR, Caller(3, via="token", roles={7: "read", 11: "write"})]
    for caller in callers:
        seen = seen_by(caller, made)
        for count in (0, 1, 1, 1, 2, 2, 3):
            wanted = tuple(chance.sample(_tags_of(chance, seen, count), count))
            having = [one for one in seen if set(wanted) <= set(one.record.tags)]
            _compare(database, sets, Question("model", wanted), caller, having)


def _tags_of(chance: random.Random, seen: Sequence[Made], count: int) -> tuple[str, ...]:
    while len(tags := chance.choice(seen).record.tags) < count:
        pass
    return tags


def _compare(
    database: Database, sets: TagSets, question: Question, caller: Caller, having: Sequence[Made]
) -> None:
    with database.read() as session:
        listing = catalog.listing(session, sets, question, caller, limit=30)
        facets = catalog.facets(session, sets, question, caller, TYPES)
    assert listing.total == len(having)
    best = sorted(having, key=lambda one: (-one.row["trending"], -one.row["id"]))[:30]
    assert [repo.id for repo in listing.repos] == [one.row["id"] for one in best]
    by_hand: dict[str, Counter[str]] = {kind: Counter() for kind in TYPES}
    for one in having:
        for tag in one.record.typed_tags:
            by_hand.setdefault(tag.type, Counter())[tag.name] += 1
    for kind in TYPES:
        found = [(facet.name, facet.n) for facet in facets[kind]]
        ranked = sorted(by_hand[kind].items(), key=lambda pair: (-pair[1], pair[0]))
        assert [n for _, n in found] == [n for _, n in ranked[: len(found)]]
        assert all(by_hand[kind][name] == n for name, n in found)
        assert len(found) >= min(30, len(ranked))
