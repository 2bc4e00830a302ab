"""How repositories refer to each other: what a card names, and who names this repository.

Cards name others by any name that leads to them: the present one, a former one, an alias. What the
caller may not see is in no list and no count; what is not here is a name and nothing more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Integer,
    Subquery,
    and_,
    column,
    func,
    literal,
    select,
    union_all,
    values,
)
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, names, visible_clause
from hub_server.catalog import tagging
from hub_server.catalog.rows import among, tag_ids
from hub_server.catalog.tagging import Pair
from hub_server.db.tables.catalog import RepoTag
from hub_server.db.tables.repos import Alias, Kind, Repo, RepoRedirect
from hub_server.repos import named

RELATIONS = ("finetune", "adapter", "merge", "quantized")
MOST_NAMES = 50
"""Names of a card that are looked for."""
MOST_PAPERS = 5
MOST_SPACES = 100
_LINKS: Mapping[Kind, str] = {"model": "models", "dataset": "datasets"}


@dataclass(frozen=True)
class Named:
    """An id as a card has it; `repo` is None where there is none that the caller may see."""

    id: str
    kind: Kind
    repo: Repo | None = None


@dataclass(frozen=True)
class Group:
    """Those that are used most, of `total`."""

    repos: tuple[Repo, ...] = ()
    total: int = 0


@dataclass(frozen=True)
class Related:
    """What a card names, then who names the repository; `children` by relation, `papers` by the
    arXiv id that others cite as well. Groups without anybody are left out."""

    bases: tuple[Named, ...] = ()
    datasets: tuple[Named, ...] = ()
    models: tuple[Named, ...] = ()
    children: Mapping[str, Group] = field(default_factory=dict)
    trained: Group = field(default_factory=Group)
    spaces: Group = field(default_factory=Group)
    papers: Mapping[str, Group] = field(default_factory=dict)


def related(session: Session, caller: Caller, repo: Repo, *, top: int = 5) -> Related:
    """At most six statements, whatever there is."""
    facts = repo.facts or {}
    wanted = {name: _texts(facts.get(name)) for name in ("base_models", "datasets", "models")}
    kinds: dict[str, Kind] = {"base_models": "model", "datasets": "dataset", "models": "model"}
    found = named(session, caller, [(kinds[f], name) for f, ids in wanted.items() for name in ids])
    mentions = {
        f: tuple(Named(id_, kinds[f], found.get((kinds[f], names.key(id_)))) for id_ in ids)
        for f, ids in wanted.items()
    }
    papers = _texts(facts.get("arxiv"))[:MOST_PAPERS]
    groups = _groups(session, caller, repo, papers, top)
    return Related(
        mentions["base_models"],
        mentions["datasets"],
        mentions["models"],
        {name: groups[name] for name in RELATIONS if name in groups},
        groups.get("trained", Group()),
        groups.get("spaces", Group()),
        {paper: groups[f"arxiv:{paper}"] for paper in papers if f"arxiv:{paper}" in groups},
    )


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list | tuple) else ()
    return list(dict.fromkeys(item for item in items if isinstance(item, str)))[:MOST_NAMES]


def children_counts(
    session: Session, caller: Caller, repos: Sequence[Repo]
) -> dict[int, dict[str, int]]:
    """How many models were made from each of these, by relation; three statements."""
    models = [repo for repo in repos if repo.kind == "model"]
    counts = {repo.id: dict.fromkeys(RELATIONS, 0) for repo in models}
    wanted = [
        (repo.id, relation, _base(relation, spellings))
        for repo, spellings in _spelled(session, models)
        for relation in RELATIONS
    ]
    members = _members(session, caller, [(own, pairs) for own, _, pairs in wanted])
    if members is not None:
        rows = select(members.c.number, func.count()).group_by(members.c.number)
        for number, count in session.execute(rows):
            own, relation, _ = wanted[number]
            counts[own][relation] = count
    return counts


def spaces_using(session: Session, caller: Caller, repos: Sequence[Repo]) -> dict[int, list[str]]:
    """Names of Spaces that use each of these, the most used first; three statements."""
    found: dict[int, list[str]] = {repo.id: [] for repo in repos}
    used = [repo for repo in repos if repo.kind in _LINKS]
    wanted = [(repo.id, _links(repo, spellings)) for repo, spellings in _spelled(session, used)]
    for number, space, _ in _ranked(session, _members(session, caller, wanted), MOST_SPACES):
        found[wanted[number][0]].append(space.full_name)
    return found


def _groups(
    session: Session, caller: Caller, repo: Repo, papers: Sequence[str], top: int
) -> dict[str, Group]:
    spellings = next(iter(_spelled(session, [repo])))[1]
    wanted = dict(_pairs(repo, spellings))
    wanted |= {f"arxiv:{paper}": [("arxiv", tagging.clean(paper))] for paper in papers}
    labels = list(wanted)
    members = _members(session, caller, [(repo.id, wanted[label]) for label in labels])
    lists: dict[str, list[Repo]] = defaultdict(list)
    totals: dict[str, int] = {}
    for number, other, total in _ranked(session, members, top):
        lists[labels[number]].append(other)
        totals[labels[number]] = total
    return {label: Group(tuple(repos), totals[label]) for label, repos in lists.items()}


def _pairs(repo: Repo, spellings: Collection[str]) -> Iterator[tuple[str, list[Pair]]]:
    """Tags of those who name it."""
    if repo.kind == "model":
        for relation in RELATIONS:
            yield relation, _base(relation, spellings)
    if repo.kind == "dataset":
        yield "trained", [("dataset", name) for name in spellings]
    if repo.kind in _LINKS:
        yield "spaces", _links(repo, spellings)


def _base(relation: str, spellings: Collection[str]) -> list[Pair]:
    return [("base_model", tagging.clean(f"{relation}:{name}")) for name in spellings]


def _links(repo: Repo, spellings: Collection[str]) -> list[Pair]:
    return [tagging.link(_LINKS[repo.kind], name) for name in spellings]


def _spelled(session: Session, repos: Sequence[Repo]) -> Iterator[tuple[Repo, list[str]]]:
    """Each with the names by which cards may mean it."""
    known: dict[int, dict[str, None]] = {
        repo.id: {repo.full_name: None, repo.name_key: None} for repo in repos
    }
    if not known:
        return
    moved = select(RepoRedirect.repo_id, RepoRedirect.name_key)
    called = select(Repo.id, Alias.name_key).join(
        Alias, and_(Repo.kind == Alias.kind, Repo.name_key == func.lower(Alias.target))
    )
    both = union_all(
        moved.where(among(session, RepoRedirect.repo_id, known)),
        called.where(among(session, Repo.id, known)),
    )
    for repo_id, name in session.execute(both):
        known[repo_id][name] = None
    yield from ((repo, list(known[repo.id])) for repo in repos)


def _members(
    session: Session, caller: Caller, wanted: Sequence[tuple[int, Collection[Pair]]]
) -> Subquery | None:
    """Who has a tag of each group, once: (number of the group, id of the repository).

    The repository whose id comes with a group is not in it: some cards name themselves.
    """
    ids = tag_ids(session, [pair for _, pairs in wanted for pair in pairs])
    rows = [
        (number, own, ids[pair])
        for number, (own, pairs) in enumerate(wanted)
        for pair in dict.fromkeys(pairs)
        if pair in ids
    ]
    if not rows:
        return None
    columns = [column(name, Integer) for name in ("number", "own", "tag_id")]
    groups = values(*columns, name="wanted").data(rows).cte("wanted")
    found = (
        select(groups.c.number, Repo.id, Repo.trending, Repo.downloads)
        .select_from(groups)
        .join(RepoTag, RepoTag.tag_id == groups.c.tag_id)
        .join(Repo, Repo.id == RepoTag.repo_id)
        .where(visible_clause(caller), Repo.id != groups.c.own)
    )
    by_one_tag = len({number for number, _, _ in rows}) == len(rows)
    return (found if by_one_tag else found.distinct()).subquery()  # which sorts them all


def _ranked(
    session: Session, members: Subquery | None, top: int
) -> Iterator[tuple[int, Repo, int]]:
    """The first few of each group, and how many there are in it."""
    if members is None:
        return
    order = (members.c.trending.desc(), members.c.downloads.desc(), members.c.id.desc())
    group = members.c.number
    ranked = select(
        members,
        func.row_number().over(partition_by=group, order_by=order).label("place"),
        func.count(literal(1)).over(partition_by=group).label("total"),
    ).subquery()
    rows = (
        select(ranked.c.number, Repo, ranked.c.total)
        .join(Repo, Repo.id == ranked.c.id)
        .where(ranked.c.place <= top)
        .order_by(ranked.c.number, ranked.c.place)
    )
    yield from ((row[0], row[1], row[2]) for row in session.execute(rows))
