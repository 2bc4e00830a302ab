"""Every question is answered as looking at each repository would answer it, on both databases."""

from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub_server import catalog
from hub_server.catalog import SORTS, Question, TagSets
from hub_server.db.tables.repos import Repo
from tests.unit.catalog.shelves import (
    START,
    Book,
    answer,
    callers,
    contradictions,
    empty,
    fill,
    listening,
)

TAGS = (
    *("language:en", "language:fr", "license:mit", "library:transformers", "other:en", "other:art"),
    *("pipeline_tag:fill-mask", "dataset:squad", "base_model:finetune:ada/r1", "region:us"),
)
WORDS = (
    *TAGS, "en", "fr", "mit", "squad", "transformers", "finetune:ada/r1", "us", "never", "a:b:c",
    "language:", ":", "", "x\0y", "public:model", "model",
)  # fmt: skip
SIZES = (0, 1, 999_999, 10**6, 7 * 10**9, 9 * 10**9, 128 * 10**9, 10**12)


@st.composite
def books(draw: st.DrawFn) -> Book:
    number = draw(st.integers(0, 3))
    return Book(
        tags=tuple(draw(st.sets(st.sampled_from(TAGS), max_size=5))),
        kind=draw(st.sampled_from(("model", "model", "model", "dataset", "space"))),
        owner=draw(st.sampled_from(("ada", "bob", "lab"))),
        private=draw(st.booleans()),
        gated=draw(st.booleans()),
        deleted=draw(st.integers(0, 6)) == 0,
        parameters=draw(st.sampled_from(SIZES)),
        columns={
            "trending": number / 3,
            "downloads": number,
            "likes": number // 2,
            "created_at": START + timedelta(hours=number),
            "updated_at": START + timedelta(microseconds=number),
        },
    )


questions = st.builds(
    Question,
    kind=st.sampled_from(("model", "model", "dataset", "space")),
    filters=st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
    author=st.sampled_from((None, None, "ADA", "lab", "nobody", "x\0")),
    search=st.lists(st.sampled_from(("r1", "ADA/", "%", "2")), max_size=1).map(tuple),
    pipeline_tag=st.sampled_from((None, None, "fill-mask", "none")),
    gated=st.sampled_from((None, None, True, False)),
    parameters=st.sampled_from(
        (None, None, (None, None), (10**6, None), (2, 10**9), (None, 8 * 10**9), (10**30, None))
    ),
    sort=st.sampled_from(SORTS),
)


@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(shelf=st.lists(books(), max_size=40), data=st.data())
def test_any_question(database, shelf, data):
    empty(listening(database))
    fill(database, shelf)
    sets = TagSets()
    with database.read() as session:
        assert list(contradictions(session)) == []
        for _ in range(12):
            question = data.draw(questions)
            name, caller = data.draw(st.sampled_from(sorted(callers(session).items())))
            wanted = answer(session, question, caller)
            limit = data.draw(st.integers(1, 5))
            found, after = [], None
            while True:
                page = catalog.listing(session, sets, question, caller, after=after, limit=limit)
                assert page.total == len(wanted), (name, question)
                found += [repo.id for repo in page.repos]
                after = page.after
                if after is None:
                    break
            assert found == wanted, (name, question)
            counted = catalog.facets(session, sets, question, caller, catalog.SHOWN)
            assert counted == tags_of(session, wanted)


def tags_of(session, ids):
    """Counts by type of tag, of these repositories."""
    found = {kind: Counter() for kind in catalog.SHOWN}
    for facts in session.scalars(select(Repo.facts).where(Repo.id.in_(ids))):
        for tag in facts.get("typed_tags", ()):
            found[tag["type"]][tag["name"]] += 1
    return {
        kind: sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        for kind, counts in found.items()
    }
