"""Two nodes whose catalog is written and read all the time, killed a hundred times; then every
total and facet equals what is counted by hand."""

import base64
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import select

from hub_server.db.tables.repos import Repo
from tests.soak.state import State, scaled
from tests.support.faulting import unexpected
from tests.support.nginx import StartNginx
from tests.support.nodes import Nodes, running_nodes
from tests.support.postgres import Cluster
from tests.support.s3 import make_bucket
from tests.support.server import LiveHub, LiveUser

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

A_ROUND = 20
WRITERS, REPOSITORIES = 3, 12
TAGS = [f"tag{number}" for number in range(8)]
LICENSES = ["mit", "apache-2.0", "cc-by-4.0"]
LANGUAGES = ["fr", "ko", "en", "de"]


class Row(NamedTuple):
    private: bool
    tags: frozenset[str]


class Writer(threading.Thread):
    """Changes repositories of its own by every way there is, at either node; fears no outage."""

    def __init__(self, nodes: Nodes, user: LiveUser, number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.nodes, self.user, self.number = nodes, user, number
        self.chance = random.Random(seed * 100 + number)
        self.done: Counter[int] = Counter()
        self.stopped = threading.Event()
        self.names = [f"{user.name}/w{number}-{each}" for each in range(REPOSITORIES)]
        self.renames = itertools.count()

    def run(self) -> None:
        while not self.stopped.is_set():
            node = self.chance.choice(self.nodes.each)
            try:
                with node.client(self.user.token, timeout=20) as client:
                    self.done[self._step(client)] += 1
            except httpx.TransportError:
                self.done[0] += 1
                time.sleep(0.05)

    def _step(self, client: httpx.Client) -> int:
        place = self.chance.randrange(len(self.names))
        name = self.names[place]
        what = self.chance.choice(["card", "card", "card", "hide", "move", "delete", "list"])
        if what == "card":
            answer = client.post(f"/api/models/{name}/commit/main", **self._commit())
            if answer.status_code == 404:
                answer = client.post("/api/repos/create", json={"name": name.split("/")[1]})
            return answer.status_code
        if what == "hide":
            private = {"private": self.chance.random() < 0.5}
            return client.put(f"/api/models/{name}/settings", json=private).status_code
        if what == "move":
            new = f"{self.user.name}/w{self.number}-m{next(self.renames)}"
            move = {"fromRepo": name, "toRepo": new, "type": "model"}
            answer = client.post("/api/repos/move", json=move)
            self.names[place] = new if answer.status_code == 200 else name
            return answer.status_code
        if what == "delete":
            body = {"name": name.split("/")[1], "type": "model"}
            return client.request("DELETE", "/api/repos/delete", json=body).status_code
        return client.get("/api/models", params={"filter": self.chance.choice(TAGS)}).status_code

    def _commit(self) -> dict[str, Any]:
        tags = self.chance.sample(TAGS, self.chance.randint(0, 4))
        license_name = self.chance.choice(LICENSES)
        languages = self.chance.sample(LANGUAGES, 2)
        card = json.dumps({"tags": tags, "license": license_name, "language": languages})
        text = f"---\n{card}\n---\n# {self.chance.random()}\n"
        content = base64.b64encode(text.encode()).decode()
        lines = [
            {"key": "header", "value": {"summary": "card"}},
            {"key": "file",
             "value": {"path": "README.md", "content": content, "encoding": "base64"}},
        ]  # fmt: skip
        return {
            "content": "\n".join(map(json.dumps, lines)),
            "headers": {"Content-Type": "application/x-ndjson"},
        }


@pytest.mark.s3
@pytest.mark.postgres
@pytest.mark.nginx
@pytest.mark.xdist_group("ceph")
def test_kills_of_nodes_that_write_the_catalog(
    tmp_path: Path, postgres_cluster: Cluster, ceph_endpoint: str, start_nginx: StartNginx
) -> None:
    state = State("kills-catalog", tmp_path)
    while state.total("kills") < scaled(100):
        number, count = len(state.rounds), min(A_ROUND, scaled(100) - state.total("kills"))
        folder, name = tmp_path / f"round{number}", postgres_cluster.create()
        folder.mkdir()
        url, place = postgres_cluster.url(name), make_bucket(ceph_endpoint)
        begun = time.monotonic()
        with running_nodes(folder, start_nginx, url, place) as nodes:
            figures = one_round(nodes, number, count)
        postgres_cluster.drop(name)
        state.add({**figures, "seconds": round(time.monotonic() - begun)})
        print(f"\nround {number}: {state.rounds[-1]}", flush=True)


def one_round(nodes: Nodes, number: int, count: int) -> dict[str, Any]:
    chance = random.Random(number)
    user, compared = nodes.user(), 0
    for _ in range(count // 5 or 1):
        with writing(nodes, user, number) as writers:
            for _ in range(min(5, count)):
                time.sleep(chance.uniform(0.3, 1.5))
                victim = chance.choice(nodes.each)
                victim.kill()
                victim.start()
            time.sleep(0.5)
        compared += compare(nodes, user, chance)
    for node in nodes.each:
        assert not (problems := unexpected(node.log)), problems[0]
    nodes.each[0].command("fsck")
    statuses = sum((writer.done for writer in writers), Counter[int]())
    return {"kills": count, "compared": compared,
            "statuses": {str(status): times for status, times in statuses.items()}}  # fmt: skip


@contextmanager
def writing(nodes: Nodes, user: LiveUser, seed: int) -> Iterator[list[Writer]]:
    writers = [Writer(nodes, user, number, seed) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    yield writers
    for writer in writers:
        writer.stopped.set()
    for writer in writers:
        writer.join()


def compare(nodes: Nodes, user: LiveUser, chance: random.Random) -> int:
    """Totals and facets of each node, for the owner and for strangers, against the rows."""
    rows = rows_of(nodes.each[0])
    assert rows, "nothing was written"
    compared = 0
    for node, token in itertools.product(nodes.each, (None, user.token)):
        seen = [row for row in rows if token or not row.private]
        with node.client(token) as client:
            for _ in range(15):
                wanted = chance.sample([*TAGS, *LANGUAGES, *(f"license:{n}" for n in LICENSES)], 2)
                compared += compare_one(client, wanted[: chance.randint(0, 2)], seen)
    return compared


def compare_one(client: httpx.Client, wanted: list[str], seen: list[Row]) -> int:
    having = [row for row in seen if row.tags.issuperset(wanted)]
    answer = client.get("/api/models", params={"filter": wanted, "limit": 1000})
    assert len(answer.json()) == len(having)
    assert answer.headers["X-Total-Count"] == str(len(having))
    found = client.get("/api/models/facets", params={"filter": wanted}).json()
    counted = Counter(itertools.chain.from_iterable(row.tags for row in having))
    facets = {entry["id"]: entry["count"] for kind in ("other", "language", "license")
              for entry in found.get(kind, [])}  # fmt: skip
    known = [*TAGS, *LANGUAGES, *(f"license:{name}" for name in LICENSES)]
    assert {tag: facets.get(tag, 0) for tag in known} == {tag: counted[tag] for tag in known}
    return 1 + len(known)


def rows_of(hub: LiveHub) -> list[Row]:
    statement = select(Repo.private, Repo.tags).where(Repo.deleted_at.is_(None))
    with hub.writing() as session:
        return [Row(private, frozenset(tags)) for private, tags in session.execute(statement)]
