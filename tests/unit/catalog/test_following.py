"""The index follows whatever happens to repositories, in the same transaction or not at all."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from hub_server import catalog, repos
from hub_server.accounts import ANONYMOUS, OPERATOR, Caller, users
from hub_server.catalog import Question, TagSets, bits
from hub_server.db import Database, now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.catalog import CardText, CatalogClock, NameWord, RepoTag, TagBits, TagRow
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.repos import Repo
from hub_server.errors import BadRequest
from hub_server.events import RefsUpdated
from hub_server.repos import RepoSettings
from tests.support.people import make_org, make_repo, make_user
from tests.unit.catalog.shelves import Book, callers, contradictions, fill, listening, record


@pytest.fixture
def hub(database: Database) -> Database:
    return listening(database)


def ids(database: Database, sets: TagSets, caller: Caller = ANONYMOUS, *filters: str) -> set[int]:
    with database.read() as session:
        found = catalog.listing(session, sets, Question("model", filters), caller, limit=1000)
        assert found.total == len(found.repos)
        return {repo.id for repo in found.repos}


def change(database: Database, what: Callable[[Session, Repo], object], repo_id: int) -> None:
    with database.write() as session:
        repo = session.get(Repo, repo_id)
        assert repo is not None
        what(session, repo)


def consistent(database: Database) -> None:
    with database.read() as session:
        assert list(contradictions(session)) == []
        assert list(catalog.differences(session)) == []


def test_every_change_of_a_repository(hub: Database) -> None:
    """Settings, names, owners, deletion: what listings show, and to whom."""
    one, other = fill(hub, [Book(("license:mit",)), Book(("license:mit",), owner="bob")])
    sets = TagSets()
    with hub.read() as session:
        who = callers(session)
    assert ids(hub, sets, ANONYMOUS, "license:mit") == {one, other}
    change(hub, lambda s, repo: repos.change_settings(s, repo, RepoSettings(private=True)), one)
    assert ids(hub, sets, ANONYMOUS, "license:mit") == {other}
    assert ids(hub, sets, who["ada"], "license:mit") == {one, other}
    assert ids(hub, sets, who["bob"], "license:mit") == {other}
    consistent(hub)
    change(hub, lambda s, repo: repos.move(s, OPERATOR, repo, "lab/moved"), one)
    assert ids(hub, sets, who["bob"], "license:mit") == {one, other}
    consistent(hub)
    change(hub, lambda s, repo: repos.change_settings(s, repo, RepoSettings(gated="auto")), one)
    with hub.read() as session:
        gated = Question("model", gated=True)
        assert catalog.total(session, sets, gated, who["bob"]) == 1
        assert catalog.total(session, sets, gated, ANONYMOUS) == 0
    change(hub, repos.delete, one)
    assert ids(hub, sets, OPERATOR) == {other}
    consistent(hub)
    change(hub, lambda s, repo: repos.restore(s, repo, to="ada/back"), one)
    assert ids(hub, sets, who["ada"], "license:mit") == {one, other}
    assert ids(hub, sets, who["bob"], "license:mit") == {other}
    change(hub, repos.delete, one)
    with hub.write() as session:
        repos.purge_deleted(session, before=now())
    consistent(hub)
    assert ids(hub, sets, OPERATOR) == {other}


def test_what_rooms_make_is_found_at_once(hub: Database) -> None:
    with hub.write() as session:
        ada = make_user(session)
        make_org(session, "lab", admin=ada)
        made = repos.create(session, OPERATOR, "model", "ada/words")
        catalog.replace(session, {made.id: record("model", "language:fr", text="bonjour monde")})
        copy = repos.duplicate(session, OPERATOR, made, "lab/copy", private=True)
    sets = TagSets()
    assert ids(hub, sets) == {made.id}
    assert ids(hub, sets, OPERATOR) == {made.id, copy.id}
    with hub.read() as session:
        for question, wanted in (
            (Question("model", text="Monde bonjour"), 1),
            (Question("model", text="ada"), 1),
            (Question("model", search=("ords",)), 1),
            (Question("model", search=("ords", "lab")), 0),
            (Question("model", text="bonsoir"), 0),
        ):
            assert catalog.total(session, sets, question, ANONYMOUS) == wanted, question


def test_a_namespace_is_renamed_and_goes(hub: Database) -> None:
    fill(hub, [Book(("other:x",), owner="lab", private=at % 2 == 0) for at in range(6)])
    sets = TagSets()
    with hub.write() as session:
        repos.rename_namespace(session, users.moved_account(session, "x") or lab(session), "labor")
    consistent(hub)
    with hub.read() as session:
        assert catalog.total(session, sets, Question("model", author="LABOR"), ANONYMOUS) == 3
        assert catalog.total(session, sets, Question("model", search=("labor/",)), ANONYMOUS) == 3
        words = dict(session.execute(select(NameWord.word, NameWord.n)).all())
        assert words["labor"] == 3
        assert "lab" not in words
    with hub.write() as session:
        repos.delete_namespace(session, lab(session, "labor"), with_repositories=True)
    assert ids(hub, sets, OPERATOR) == set()
    consistent(hub)


def lab(session: Session, name: str = "lab") -> Account:
    return session.scalars(select(Account).where(Account.name == name)).one()


def test_a_failed_transaction_leaves_nothing_in_any_cache(hub: Database) -> None:
    """A question inside of it sees what it wrote; nobody else ever does."""
    (one,) = fill(hub, [Book(("other:x",))])
    sets = TagSets()
    assert ids(hub, sets, ANONYMOUS, "other:x") == {one}

    def fail() -> None:
        with hub.write() as session:
            catalog.replace(session, {one: record("model", "other:y")})
            question = Question("model", ("other:y",))
            assert catalog.listing(session, sets, question, ANONYMOUS).total == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ids(hub, sets, ANONYMOUS, "other:x") == {one}
    assert ids(hub, sets, ANONYMOUS, "other:y") == set()
    consistent(hub)


def test_a_transaction_sees_its_own_moment(hub: Database) -> None:
    """While another thread's questions have moved the cache on."""
    one, other = fill(hub, [Book(("other:x",)), Book(("other:x",))])
    sets = TagSets()
    question = Question("model", ("other:x",))
    with hub.read() as early:
        assert catalog.total(early, sets, question, ANONYMOUS) == 2
        change(hub, lambda s, _: catalog.replace(s, {one: record("model", "other:y")}), one)
        assert ids(hub, sets, ANONYMOUS, "other:x") == {other}
        assert catalog.total(early, sets, question, ANONYMOUS) == 2
        assert catalog.total(early, sets, Question("model", ("other:y",)), ANONYMOUS) == 0
    assert ids(hub, sets, ANONYMOUS, "other:y") == {one}


def test_large_sets_are_kept_in_parts(hub: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag outgrows its one row, and shrinks again; ids lie in several chunks."""
    monkeypatch.setattr(bits, "SMALL", 6)
    with hub.write() as session:
        ada = make_user(session)
        numbers = [1, 2, 65_535, 65_536, 65_537, 200_000, 200_001, 300_000]
        for number in numbers:
            make_repo(session, ada, f"r{number}", id=number)
    sets, dice = TagSets(), random.Random(3)
    tagged: set[int] = set()
    for _ in range(25):
        some = dice.sample(numbers, dice.randint(1, 4))
        with hub.write() as session:
            records = {n: record("model", *(["other:x"] * (n not in tagged))) for n in some}
            catalog.replace(session, records)
        tagged ^= set(some)
        assert ids(hub, sets, ANONYMOUS, "other:x") == tagged
        assert ids(hub, TagSets(), ANONYMOUS, "other:x") == tagged
    consistent(hub)
    with hub.read() as session:
        chunks = set(session.scalars(select(TagBits.chunk)))
    assert chunks >= {0, 1, 3}


def test_two_caches_beside_writers(hub: Database) -> None:
    """Totals are those of the rows of the same moment: each transaction moves a pair at once."""
    numbers = fill(hub, [Book(("other:left",)) for _ in range(12)])
    stop, wrong = threading.Event(), []

    def write(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(25):
            with hub.write() as session:
                side = dice.choice(("left", "right"))
                pair = numbers[dice.randrange(0, 12, 2) :][:2]
                catalog.replace(session, {n: record("model", f"other:{side}") for n in pair})

    def look() -> None:
        sets = TagSets(limit=2_000)  # room for a few sets: entries come and go
        while not stop.is_set():
            with hub.read() as session:
                totals, counts = by_sets(session, sets), by_rows(session)
            if totals != counts:
                wrong.append((totals, counts))

    lookers = [threading.Thread(target=look) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(seed,)) for seed in (1, 2)]
    run(writers, lookers, stop)
    assert wrong == []
    consistent(hub)


def run(
    writers: list[threading.Thread], lookers: list[threading.Thread], stop: threading.Event
) -> None:
    """Until the writers have ended."""
    for thread in (*lookers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in lookers:
        thread.join()


def by_sets(session: Session, sets: TagSets) -> dict[str, int]:
    questions = {side: Question("model", (f"other:{side}",)) for side in ("left", "right")}
    totals = {side: catalog.total(session, sets, q, ANONYMOUS) for side, q in questions.items()}
    return {side: total for side, total in totals.items() if total}


def by_rows(session: Session) -> dict[str, int]:
    rows = (
        select(TagRow.name, func.count())
        .join(RepoTag, RepoTag.tag_id == TagRow.id)
        .where(TagRow.type == "other")
        .group_by(TagRow.name)
    )
    return dict(session.execute(rows).all())


def test_a_cache_of_another_epoch_is_forgotten(hub: Database) -> None:
    (one,) = fill(hub, [Book(("other:x",))])
    sets = TagSets()
    assert ids(hub, sets, ANONYMOUS, "other:x") == {one}
    with hub.write() as session:  # as if another history had been restored
        session.execute(text("UPDATE catalog_clock SET epoch = 'other', version = 0"))
        session.execute(text("DELETE FROM tag_bits"))
    assert ids(hub, sets, ANONYMOUS, "other:x") == set()


def test_sets_are_made_anew_from_rows(hub: Database) -> None:
    fill(hub, [Book(("other:x", "license:mit"), private=at % 2 == 0) for at in range(9)])
    sets = TagSets()
    before = ids(hub, sets, OPERATOR, "other:x")
    with hub.write() as session:
        session.execute(text("UPDATE tag SET n = 77, n_public = 1"))
        session.execute(text("DELETE FROM tag_bits WHERE tag_id IN (SELECT max(id) FROM tag)"))
    with hub.read() as session:
        assert {each.by_sets for each in catalog.differences(session)} == {True}
    catalog.rebuild_sets(hub)
    assert ids(hub, sets, OPERATOR, "other:x") == before
    consistent(hub)


def test_rows_that_nobody_announced_are_told_and_mended(hub: Database) -> None:
    fill(hub, [Book(("other:x",)), Book(("other:x",), deleted=True)])
    with hub.write() as session:
        session.execute(text("UPDATE repo SET private = true WHERE full_name = 'ada/r0'"))
    with hub.read() as session:
        (found, *_) = catalog.differences(session)
    assert found.subject == "model/ada/r0"
    assert "It lacks hidden:model" in found.message
    catalog.follow_all(hub)
    catalog.finish(hub)
    consistent(hub)
    assert ids(hub, TagSets()) == set()


def test_a_card_that_no_column_takes_fails_no_push(hub: Database) -> None:
    (one,) = fill(hub, [Book()])
    strange = record("model", "other:a\0b", f"other:{'x' * 900}", "other:\ud800", text="a b")
    with hub.write() as session:
        catalog.refs_updated(session, pushed(one, replace(strange, tags=("a",))))
        waits = session.scalar(select(Job.id)) is not None
    consistent(hub)
    assert (ids(hub, TagSets(), ANONYMOUS, "x" * 300) == {one}) is not waits


def pushed(repo_id: int, record_: object) -> RefsUpdated:
    return RefsUpdated(repo_id, (), None, moves_head=True, head="1" * 40, record=record_)


def test_statements_do_not_grow_with_what_is_asked(hub: Database) -> None:
    """Nor with what is there; filters, callers and pages cost the same."""
    asked: list[str] = []
    event.listen(hub.engine, "before_cursor_execute", lambda *told: asked.append(str(told[2])))

    def cost(question: Question, caller: Caller, sets: TagSets) -> int:
        with hub.read() as session:
            asked.clear()
            catalog.listing(session, sets, question, caller, limit=2)
        return len([each for each in asked if not each.startswith(("BEGIN", "PRAGMA"))])

    fill(hub, [Book(("other:x", "license:mit"), private=at % 3 == 0) for at in range(30)])
    with hub.read() as session:
        who = callers(session)
    for sets in (TagSets(), TagSets()):
        for name in ("nobody", "ada", "operator", "spaces"):
            few = cost(Question("model"), who[name], sets)
            many = cost(Question("model", ("x", "license:mit", *"abcdefgh")), who[name], sets)
            assert max(few, many) <= 6, (name, few, many)
    with pytest.raises(BadRequest):
        Question("model", tuple(map(str, range(1001))))
    assert cost(Question("model", tuple(map(str, range(1000)))), ANONYMOUS, TagSets()) <= 6


def test_forged_places_are_refused(hub: Database) -> None:
    fill(hub, [Book() for _ in range(4)])
    sets = TagSets()
    question = Question("model", sort="created")
    with hub.read() as session:
        after = catalog.listing(session, sets, question, ANONYMOUS, limit=2).after
        assert after is not None
        value, number, digest = after
        for forged in (
            1, [], {}, "x", [value, number], [1, number, digest], [value, "1", digest],
            [value, number, "x"], ["", number, digest], [value, -1, digest], [value, True, digest],
            [value, 2**80, digest], ["2026-01-01", number, digest], [None, number, digest],
        ):  # fmt: skip
            with pytest.raises(BadRequest):
                catalog.listing(session, sets, question, ANONYMOUS, after=forged)
        other = replace(question, sort="likes")
        with pytest.raises(BadRequest):
            catalog.listing(session, sets, other, ANONYMOUS, after=after)


def test_pages_stay_while_rows_change(hub: Database) -> None:
    """What was not touched is shown once, whatever is added, changed and taken away meanwhile."""
    numbers = fill(hub, [Book(columns={"likes": at // 4}) for at in range(20)])
    sets, seen, after, turn = TagSets(), [], None, 0
    question = Question("model", sort="likes")
    moved = {numbers[3], numbers[17]}
    while True:
        with hub.read() as session:
            page = catalog.listing(session, sets, question, ANONYMOUS, after=after, limit=3)
        seen += [repo.id for repo in page.repos]
        after, turn = page.after, turn + 1
        if after is None:
            break
        if turn == 2:
            with hub.write() as session:
                session.execute(text("UPDATE repo SET likes = 99 WHERE name_key = 'ada/r3'"))
                made = repos.create(session, OPERATOR, "model", "bob/new")
            change(hub, repos.delete, numbers[17])
    assert len(seen) == len(set(seen))
    assert set(numbers) - moved <= set(seen) <= {*numbers, made.id}


def test_an_empty_hub(hub: Database) -> None:
    sets = TagSets()
    with hub.read() as session:
        assert not catalog.is_built(session)
        assert catalog.listing(session, sets, Question("model"), OPERATOR).total == 0
        assert catalog.facets(session, sets, Question("model"), OPERATOR, ["other"]) == {
            "other": []
        }
        assert session.scalar(select(func.count()).select_from(CatalogClock)) == 0
        assert session.scalar(select(func.count()).select_from(CardText)) == 0
