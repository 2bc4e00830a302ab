"""The one way in which the index changes: it is made to follow rows of `repo`, as they are now.

Everything that the index has of a repository follows from its row, and `repo_tag` tells what the
index has of it: so a difference is found, and written, whatever made it. The order of locks is:
rows of `repo`, the clock, then the rest.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from hub_server.catalog import batches, bits, clock, names, texts
from hub_server.catalog.bits import Delta
from hub_server.catalog.rows import among, tag_ids
from hub_server.catalog.tagging import Pair, State, public, tags_of
from hub_server.catalog.texts import Text
from hub_server.db.tables.catalog import RepoTag, TagRow
from hub_server.db.tables.repos import Repo

_TAG: Any = TagRow.__table__
_COLUMNS = (
    Repo.id,
    Repo.kind,
    Repo.namespace_id,
    Repo.full_name,
    Repo.private,
    Repo.deleted_at.is_not(None),
    Repo.gated.is_not(None),
    Repo.pipeline_tag,
    Repo.parameters,
    Repo.facts,
)


@dataclass(frozen=True, slots=True)
class News:
    """What rows do not tell: the words of cards that were read, and names of before."""

    words: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A repository, its tags by what the index has, and by what it is to have."""

    state: State
    before: frozenset[Pair]
    after: frozenset[Pair]

    @property
    def was_public(self) -> bool:
        return public(self.state.kind) in self.before

    @property
    def gained(self) -> frozenset[Pair]:
        return self.after - self.before

    @property
    def lost(self) -> frozenset[Pair]:
        return self.before - self.after


def follow(session: Session, repo_ids: Collection[int], news: News | None = None) -> None:
    """Write what the rows of these repositories say into the index, in this transaction.

    A repository that is deleted, or has no row, is in no set afterwards.
    """
    news = news or News()
    session.flush()
    steps = steps_of(session, repo_ids, hold=True)
    changed = [step for step in steps if _is_new(step, news)]
    if changed:
        _write(session, clock.tick(session), changed, news)


def _is_new(step: Step, news: News) -> bool:
    number = step.state.id
    return step.before != step.after or number in news.words or number in news.names


def steps_of(session: Session, repo_ids: Collection[int], *, hold: bool = False) -> list[Step]:
    """By id. `hold` keeps the rows from being changed by others until the transaction ends."""
    connection = session.connection()
    wanted = select(*_COLUMNS).where(among(session, Repo.id, repo_ids)).order_by(Repo.id)
    rows = connection.execute(wanted.with_for_update(key_share=True) if hold else wanted)
    states = [State(*row) for row in rows]
    tags = connection.execute(
        select(RepoTag.repo_id, TagRow.type, TagRow.name)
        .join(TagRow, TagRow.id == RepoTag.tag_id)
        .where(among(session, RepoTag.repo_id, repo_ids))
    )
    before: dict[int, set[Pair]] = defaultdict(set)
    for number, kind, name in tags:
        before[number].add((kind, name))
    return [Step(state, frozenset(before[state.id]), tags_of(state)) for state in states]


def _write(session: Session, version: int, steps: Sequence[Step], news: News) -> None:
    pairs = set(chain.from_iterable(step.before | step.after for step in steps))
    ids = _ids(session, pairs)
    _write_pairs(session, steps, ids)
    deltas: dict[int, Delta] = defaultdict(Delta)
    for step in steps:
        for pair in step.gained:
            deltas[ids[pair]].gained.append(step.state.id)
        for pair in step.lost:
            deltas[ids[pair]].lost.append(step.state.id)
    total, shown = _counts(steps, ids)
    names.changed(session, [_name_change(step, news) for step in steps])
    common = texts.replace(session, _texts(steps, news))
    more, in_words = _of_words(session, common)
    count(session, {**total, **more}, shown)
    bits.change(session, version, deltas | in_words)


def forget(session: Session, repo_ids: Collection[int]) -> None:
    """Before rows of deleted repositories go for good, what is left of them goes."""
    follow(session, repo_ids)
    common = texts.forget(session, repo_ids)
    if common:
        more, in_words = _of_words(session, common)
        version = clock.tick(session)
        count(session, more, {})
        bits.change(session, version, in_words)


def _of_words(
    session: Session, common: Mapping[str, Delta]
) -> tuple[dict[int, int], dict[int, Delta]]:
    """Changes of common words, by their tags: how many more, and which."""
    ids = tag_ids(session, [(texts.TYPE, word) for word in common])
    deltas = {ids[texts.TYPE, word]: delta for word, delta in common.items()}
    more = {tag: len(delta.gained) - len(delta.lost) for tag, delta in deltas.items()}
    return more, deltas


def _name_change(step: Step, news: News) -> tuple[str | None, str | None]:
    """The full names by which it was public and by which it is."""
    state = step.state
    old = news.names.get(state.id, state.full_name) if step.was_public else None
    return old, state.full_name if state.is_public else None


def _texts(steps: Iterable[Step], news: News) -> dict[int, Text]:
    """Of those that have another name or card, or are new."""
    found: dict[int, Text] = {}
    for state, is_new in ((step.state, not step.before) for step in steps):
        told = state.id in news.words or state.id in news.names
        if state.id in news.names or (not state.deleted and (is_new or told)):
            words, former = news.words.get(state.id), news.names.get(state.id)
            found[state.id] = Text(state.full_name, words, former)
    return found


def _ids(session: Session, pairs: Collection[Pair]) -> dict[Pair, int]:
    """Of all these tags, which are made where they are new."""
    found = tag_ids(session, pairs)
    new = sorted(set(pairs) - found.keys())
    if new:
        rows = [{"type": kind, "name": name, "n": 0, "n_public": 0} for kind, name in new]
        session.connection().execute(insert(_TAG), rows)
        found |= tag_ids(session, new)
    return found


def _write_pairs(session: Session, steps: Iterable[Step], ids: Mapping[Pair, int]) -> None:
    gained = [(ids[pair], step.state.id) for step in steps for pair in step.gained]
    lost = [(ids[pair], step.state.id) for step in steps for pair in step.lost]
    batches.insert_pairs(session, sorted(gained))
    batches.delete_pairs(session, sorted(lost))


def _counts(steps: Iterable[Step], ids: Mapping[Pair, int]) -> tuple[Counter[int], Counter[int]]:
    """How many more have each tag, and how many more public ones."""
    total: Counter[int] = Counter()
    shown: Counter[int] = Counter()
    for step in steps:
        total.update(ids[pair] for pair in step.gained)
        total.subtract(ids[pair] for pair in step.lost)
        if step.was_public:
            shown.subtract(ids[pair] for pair in step.before)
        if step.state.is_public:
            shown.update(ids[pair] for pair in step.after)
    return total, shown


def count(session: Session, total: Mapping[int, int], shown: Mapping[int, int]) -> None:
    """Add to the counts of tags."""
    rows = [
        (number, total.get(number, 0), shown.get(number, 0))
        for number in sorted(total.keys() | shown.keys())
        if total.get(number) or shown.get(number)
    ]
    batches.add_counts(session, rows)
