"""Models by their results on a dataset, as their authors report them in `.eval_results/`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, names, visible_clause
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.catalog import RepoTag, TagRow
from hub_server.db.tables.repos import Repo

MOST_MODELS = 5000
MARK = ("other", "eval-results")
"""The tag of every model that has such files."""


@dataclass(frozen=True)
class Entry:
    """`data` is the result as it stands in the file `filename`."""

    rank: int
    model: Repo
    author: Account
    value: float
    filename: str
    data: dict[str, Any]


def leaderboard(
    session: Session, caller: Caller, dataset: Repo, *, derived: bool = False
) -> list[Entry]:
    """The best first, equal values on equal ranks; models that were made from another one only
    with `derived`. One statement."""
    rows = session.execute(
        select(Repo, Account)
        .join(RepoTag, RepoTag.repo_id == Repo.id)
        .join(TagRow, TagRow.id == RepoTag.tag_id)
        .join(Account, Account.id == Repo.namespace_id)
        .where(TagRow.type == MARK[0], TagRow.name == MARK[1])
        .where(Repo.kind == "model", visible_clause(caller))
        .order_by(Repo.trending.desc(), Repo.id.desc())
        .limit(MOST_MODELS)
    )
    found = [
        (value, repo, account, result)
        for repo, account in rows
        if derived or not (repo.facts or {}).get("base_models")
        for value, result in _results(repo, dataset.name_key)
    ]
    found.sort(key=lambda each: (-each[0], each[1].full_name))
    values = [value for value, *_ in found]
    return [
        Entry(values.index(value) + 1, repo, account, value, result["filename"], result["data"])
        for value, repo, account, result in found
    ]


def _results(repo: Repo, name_key: str) -> Iterator[tuple[float, dict[str, Any]]]:
    for result in (repo.facts or {}).get("eval_results") or ():
        data = result.get("data") or {}
        value = data.get("value")
        if names.key(str((data.get("dataset") or {}).get("id"))) != name_key:
            continue
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield float(value), result
