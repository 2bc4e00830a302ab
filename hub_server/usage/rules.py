"""What counts as a download of which repository, as each process remembers it for a while."""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from hub_server.cards import is_query_file
from hub_server.db import Database
from hub_server.db.tables.repos import Kind, Repo

MOST_RULES = 20_000
RULE_SECONDS = 20.0
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """Of a model its library's query files, or `largest` where it has none; else every file."""

    kind: Kind
    library: str | None = None
    largest: str | None = None

    def holds(self, path: str) -> bool:
        if self.kind == "model":
            return is_query_file(self.library, path) or path == self.largest
        return self.kind == "dataset"


class RuleBook:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: OrderedDict[int, tuple[Rule, float]] = OrderedDict()

    def get(self, repo_id: int) -> Rule | None:
        """As it was `RULE_SECONDS` ago at most; None when it has to be looked up."""
        with self._lock:
            rule, until = self._known.get(repo_id, (None, 0.0))
        return rule if time.monotonic() < until else None

    def look_up(self, ids: Collection[int]) -> dict[int, Rule]:
        """Those that still exist, from the database; remembered."""
        wanted = sorted(ids)
        found: dict[int, Rule] = {}
        for start in range(0, len(wanted), AT_ONCE):
            found |= self._read(wanted[start : start + AT_ONCE])
        until = time.monotonic() + RULE_SECONDS
        with self._lock:
            for repo_id, rule in found.items():
                self._known[repo_id] = rule, until
                self._known.move_to_end(repo_id)
            while len(self._known) > MOST_RULES:
                self._known.popitem(last=False)
        return found

    def _read(self, ids: Collection[int]) -> dict[int, Rule]:
        largest = Repo.facts["counted_file"].as_string().label("largest")
        columns = select(Repo.id, Repo.kind, Repo.library_name, largest)
        with self._database.read() as session:
            rows = session.execute(columns.where(Repo.id.in_(ids))).all()
        return {row.id: Rule(row.kind, row.library_name, row.largest) for row in rows}
