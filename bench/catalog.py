"""The catalog at two sizes, on both databases: questions, searches, pushes, and building it.

BENCH_DATABASE=sqlite or postgresql measures one of them; BENCH_SCALE=10 goes to a million.
"""

import gc
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import httpx
from sqlalchemy import insert, text

from bench.served import EMPTY
from bench.servers import BenchHub, hub, memory, proportional
from bench.table import SCALE, Table, timed
from hub_server import catalog
from hub_server.accounts import ANONYMOUS, Caller
from hub_server.cards import IndexRecord
from hub_server.catalog import Question, Sort, TagSets, names
from hub_server.db import Database
from hub_server.db.schema import Schema
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from hub_server.settings import data_path
from tests.support.many_repos import Made, Many, repositories
from tests.support.postgres import cluster

SIZES = (10_000, 100_000)
NAMESPACES = 4
"""Repositories of a namespace, on average."""
A_TRANSACTION = 2_000
SAMPLE = 4_000
"""Repositories that questions are made from."""
SORTS: tuple[Sort, ...] = ("trending", "downloads", "likes", "created", "modified", "parameters")
SIDE_BAR = ("pipeline_tag", "library", "language", "license", "dataset", "other", "region")
POSTGRES = ("shared_buffers=512MB", "max_wal_size=4GB", "synchronous_commit=on", "timezone=UTC",
            "maintenance_work_mem=256MB")  # fmt: skip
WORDS = {"French": "reconnaît la parole", "Korean": "감성 분석", "Chinese": "情感分析",
         "Japanese": "音声認識"}  # fmt: skip
Measured = dict[str, float]


@dataclass
class Filled:
    """A catalog, and some of what is in it to ask for."""

    database: Database
    sets: TagSets
    size: int
    seconds: float
    sample: list[Made] = field(default_factory=list)


def main(table: Table, folder: Path) -> None:
    chosen = os.environ.get("BENCH_DATABASE", "sqlite postgresql").split()
    if "sqlite" in chosen:
        _compare(table, "SQLite", lambda size: f"sqlite:///{folder}/{size}/hub.db")
    if "postgresql" in chosen:
        with cluster(POSTGRES) as server:
            _compare(table, "PostgreSQL", lambda _: server.url(server.create()))


def _compare(table: Table, name: str, url: Callable[[int], str]) -> None:
    results = []
    for size in (int(size * SCALE) for size in SIZES):
        place = url(size)
        with _filled(place, size) as filled:
            table.head(f"the catalog: {size:,} models and {size // 5:,} datasets on {name}")
            measured = _measure(table, filled)
        with hub(HUB_DATABASE_URL=place) as live:
            results.append(measured | _served(table, filled, live))
    small, large = results
    table.head(f"growth of p95 with ten times as many, on {name}")
    for what, figure in large.items():
        table.figure(what, figure / small[what], "times")


@contextmanager
def _filled(url: str, size: int) -> Iterator[Filled]:
    database = Database(url, pool_size=4)
    Schema(database, data_path("migrations")).prepare("auto")
    owners = [(number, f"owner{number}") for number in range(1, max(2, size // NAMESPACES))]
    with database.write() as session:
        for begin in range(0, len(owners), 10_000):
            session.execute(
                insert(Account), [_account(*one) for one in owners[begin : begin + 10_000]]
            )
    filled = Filled(database, TagSets(), size, 0.0)
    for made in repositories(Many(size, size // 5, owners)):
        with database.write() as session:
            session.execute(insert(Repo), [one.row for one in made])
        filled.sample += made[:: max(1, size // SAMPLE)]
        filled.seconds += timed(partial(_index, database, made)) / 1000
    filled.seconds += timed(lambda: catalog.finish(database)) / 1000
    if not database.is_sqlite:
        with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as direct:
            direct.execute(text("VACUUM ANALYZE"))
    try:
        yield filled
    finally:
        database.dispose()


def _account(number: int, name: str) -> dict[str, object]:
    return {"id": number, "public_id": f"{number:024x}", "kind": "user", "name": name,
            "name_key": name, "full_name": name}  # fmt: skip


def _index(database: Database, made: Sequence[Made]) -> None:
    for begin in range(0, len(made), A_TRANSACTION):
        some = {one.row["id"]: one.record for one in made[begin : begin + A_TRANSACTION]}
        with database.write() as session:
            catalog.replace(session, some)


def _measure(table: Table, filled: Filled) -> Measured:
    whole = filled.size * 6 // 5
    table.figure("built from prepared records", whole / filled.seconds, "repos/s")
    if filled.size >= 1_000_000:
        table.figure("the same, whole", filled.seconds / 60, "min", target="≤ 15")
    chance = random.Random(3)
    found: Measured = {}
    for what, target, works in _questions(filled, chance):
        found[what] = _percentiles(table, what, target, works)
    _cursor(table, filled)
    found["push: index, name and text"] = _percentiles(
        table, "push: index, name and text", "≤ 25", _pushes(filled, chance)
    )
    gc.collect()
    table.figure("memory of this process", memory(os.getpid()) / 1e6, "MB")
    return found


def _percentiles(
    table: Table, what: str, target: str, works: Iterator[Callable[[], object]]
) -> float:
    took = sorted(timed(work) for work in works)
    middle, high = took[len(took) // 2], took[int(len(took) * 0.95)]
    table.figure(f"{what}, p50", middle, "ms")
    table.figure(f"{what}, p95", high, "ms", target=target)
    return high


def _questions(
    filled: Filled, chance: random.Random
) -> Iterator[tuple[str, str, Iterator[Callable[[], object]]]]:
    million = filled.size >= 1_000_000
    yield (
        "first page, no filter, total",
        "≤ 5",
        (_listing(filled, Question("model"), ANONYMOUS) for _ in range(50)),
    )
    yield (
        "two filters, visibility, total, page of 30",
        "≤ 25",
        (
            _listing(filled, _question(filled, chance, 2), _caller(filled, chance))
            for _ in range(300)
        ),
    )
    yield (
        "three filters",
        "",
        (
            _listing(filled, _question(filled, chance, 3), _caller(filled, chance))
            for _ in range(200)
        ),
    )
    yield (
        "side bar under one filter",
        "≤ 100" if million else "≤ 20",
        (
            _side_bar(filled, _question(filled, chance, 1), _caller(filled, chance))
            for _ in range(200)
        ),
    )
    yield (
        "search by name, total, page",
        "≤ 50",
        (_listing(filled, _named(filled, chance), _caller(filled, chance)) for _ in range(100)),
    )
    yield (
        "suggestions",
        "≤ 50",
        (_suggestions(filled, chance, _caller(filled, chance)) for _ in range(200)),
    )
    yield "a misspelt word", "≤ 50", (_misspelt(filled, chance) for _ in range(100))
    yield (
        "full text, total, page",
        "≤ 100",
        (_listing(filled, _text(filled, chance), _caller(filled, chance)) for _ in range(100)),
    )
    for language, words in WORDS.items():
        yield (
            f"text in {language}",
            "≤ 100",
            (_found(filled, Question("model", text=words)) for _ in range(5)),
        )


def _listing(filled: Filled, question: Question, caller: Caller) -> Callable[[], object]:
    def work() -> None:
        with filled.database.read() as session:
            catalog.listing(session, filled.sets, question, caller, limit=30)

    return work


def _found(filled: Filled, question: Question) -> Callable[[], object]:
    def work() -> None:
        with filled.database.read() as session:
            assert catalog.listing(session, filled.sets, question, ANONYMOUS, limit=30).total

    return work


def _side_bar(filled: Filled, question: Question, caller: Caller) -> Callable[[], object]:
    def work() -> None:
        with filled.database.read() as session:
            catalog.facets(session, filled.sets, question, caller, SIDE_BAR)

    return work


def _suggestions(filled: Filled, chance: random.Random, caller: Caller) -> Callable[[], object]:
    name = chance.choice(filled.sample).row["full_name"].split("/")[1]
    typed = name[: chance.randint(1, 8)]

    def work() -> None:
        with filled.database.read() as session:
            names.suggest(session, filled.sets, caller, "model", typed)

    return work


def _misspelt(filled: Filled, chance: random.Random) -> Callable[[], object]:
    word = chance.choice(filled.sample).row["full_name"].split("/")[1].split("-")[1]
    place = chance.randrange(len(word))
    wrong = word[:place] + word[place + 1 :]

    def work() -> None:
        with filled.database.read() as session:
            names.nearest(session, wrong)

    return work


def _question(filled: Filled, chance: random.Random, count: int) -> Question:
    """The tags of some model, as people come from one; sometimes the most frequent ones."""
    tags = chance.choice(filled.sample).record.tags
    while len(tags) < count:
        tags = chance.choice(filled.sample).record.tags
    if chance.random() < 0.2:
        tags = ("transformers", "text-generation", "license:apache-2.0", "region:us")
    chosen = tuple(chance.sample(tags, count))
    return Question("model", chosen, sort=chance.choice(SORTS))


def _named(filled: Filled, chance: random.Random) -> Question:
    name = chance.choice(filled.sample).row["full_name"].split("/")[1]
    begin = chance.randrange(len(name) - 4)
    needle = name[begin : begin + chance.randint(3, 8)]
    base = _question(filled, chance, 1) if chance.random() < 0.5 else Question("model")
    return replace(base, search=(needle,))


def _text(filled: Filled, chance: random.Random) -> Question:
    words: list[str] = []
    while len(words) < 2:
        words = chance.choice(filled.sample).record.text.split()
    return Question("model", text=" ".join(chance.sample(words, chance.randint(1, 2))))


def _caller(filled: Filled, chance: random.Random) -> Caller:
    """Half of them see what is private in three namespaces."""
    if chance.random() < 0.5:
        return ANONYMOUS
    spaces = [chance.choice(filled.sample).row["namespace_id"] for _ in range(3)]
    return Caller(spaces[0], via="token", roles=dict.fromkeys(spaces[1:], "read"))


def _served(table: Table, filled: Filled, live: BenchHub) -> Measured:
    """Over HTTP, beside a route that does nothing."""
    chance, found = random.Random(4), {}
    asked = [_question(filled, chance, 2) for _ in range(100)]
    words = [urlencode([("filter", tag) for tag in one.filters]) for one in asked]
    pairs = [_pairs(chance.choice(filled.sample).record) for _ in range(100)]
    with live.client() as client:
        empty = _paths(client, [EMPTY] * 100)
        for what, paths in (
            ("/api/models with two filters", [f"/api/models?{one}&limit=30" for one in words]),
            ("/models, the page, with a filter", [f"/models?{one}" for one in pairs]),
        ):
            _paths(client, paths[::5])  # a new process has read no sets yet
            found[what] = _paths(client, paths)
            table.compare(f"{what}, p95", found[what], empty, "ms")
        table.figure("the slower of both, p95", max(found.values()), "ms", target="≤ 60")
    table.figure("memory of the server", proportional(live.pid) / 1e6, "MB", target="≤ 300")
    return found


def _pairs(record: IndexRecord) -> str:
    shown = [tag for tag in record.typed_tags if tag.type in SIDE_BAR]
    return urlencode([(tag.type, tag.name) for tag in shown[:1]])


def _paths(client: httpx.Client, paths: Sequence[str]) -> float:
    """Milliseconds, p95."""
    took = sorted(timed(lambda path=path: client.get(path).raise_for_status()) for path in paths)
    return took[int(len(took) * 0.95)]


def _cursor(table: Table, filled: Filled) -> None:
    """A long way down a list: the thousandth page beside the second."""
    question, after, took = Question("model", ("region:us",)), None, []
    for _ in range(min(1000, filled.size * 9 // 10 // 30 - 1)):
        begin = time.perf_counter()
        with filled.database.read() as session:
            found = catalog.listing(
                session, filled.sets, question, ANONYMOUS, after=after, limit=30
            )
        after = found.after
        took.append((time.perf_counter() - begin) * 1000)
    first, last = sorted(took[1:11])[5], sorted(took[-10:])[5]
    table.compare(f"cursor: page {len(took)} / page 2", last, first, "ms", target="≤ 1.3")


def _pushes(filled: Filled, chance: random.Random) -> Iterator[Callable[[], object]]:
    """Another card for a repository: some of its tags, all of its words."""
    for number in range(100):
        one, other = chance.choice(filled.sample), chance.choice(filled.sample)
        if one.record.kind != other.record.kind:
            other = one
        typed = tuple(dict.fromkeys(one.record.typed_tags[:5] + other.record.typed_tags[-5:]))
        record = replace(
            one.record,
            typed_tags=typed,
            tags=tuple(tag.text(one.record.kind) for tag in typed),
            text=f"{other.record.text} pushed{number}",
        )

        def work(repo_id: int = one.row["id"], record: IndexRecord = record) -> None:
            with filled.database.write() as session:
                catalog.replace(session, {repo_id: record})

        yield work
