"""People whose large files go by Xet, in a load; and weeks that pass while their hub is down."""

import json
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import Select, select, update

from hub_server.chunks import chunk_hash
from hub_server.db import now
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.objects import LargeObject, ObjectForm
from hub_server.db.tables.xet import XetFile, Xorb, XorbRight
from hub_server.jobs import enqueue
from hub_server.objects.conversion import SLIM
from tests.support.ledger import Content
from tests.support.server import LiveHub
from tests.support.workers import KINDS, Committer, Uploader, Worker
from tests.support.xetclient import File, Term, XetClient, cut, shard
from tests.support.xetclient import Xorb as NewXorb

Place = tuple[NewXorb, int]
SETTLED = timedelta(seconds=20)
"""Rights that were given before are not needed for an upload that is under way."""


class ByXet(Worker):
    """Sends only chunks it has not sent before, and builds on those it has, as clients do."""

    def begin(self) -> None:
        super().begin()
        self.places: dict[bytes, Place] = {}
        self.latest = b""

    def large_bytes(self) -> bytes:
        """Now and then the same as before, with more at its end."""
        data = super().large_bytes()
        again = self.chance.random() < 0.4 and len(self.latest) < 600_000
        self.latest = self.latest + data if again else data
        return self.latest

    def _sent(self, data: bytes, content: Content) -> bool:
        """False if it has to begin anew: what it built on is not there any more."""
        token = self.client.ask("GET", f"/api/models/{self.scene.repo}/xet-write-token/main").json()
        chunks = {chunk_hash(chunk): chunk for chunk in cut(data)}
        new = NewXorb(tuple(data for name, data in chunks.items() if name not in self.places))
        places = self.places | {chunk_hash(c): (new, n) for n, c in enumerate(new.chunks)}
        if new.chunks:
            self._post_bytes(token, f"/v1/xorbs/default/{new.name}", new.body)
        if self.chance.random() < 0.1:  # one that no file is made of
            idle = NewXorb.of(self.some_bytes())
            self._post_bytes(token, f"/v1/xorbs/default/{idle.name}", idle.body)
        file = File.of(*_terms([places[chunk_hash(chunk)] for chunk in cut(data)]))
        version = self.chance.choice((1, 2))
        body = shard([file], [new] if new.chunks else [])
        answer = self._post_bytes(token, f"/v{version}/shards", body)
        said = json.loads(answer.text.splitlines()[-1])
        done = answer.status_code == 200 and said.get("type", "result") == "result"
        self.places = places if done else {}
        return done

    def _post_bytes(self, token: dict[str, Any], path: str, body: bytes) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token['accessToken']}"}
        fine = (200, 400) if "shards" in path else (200,)
        url = token["casUrl"] + path
        return self.client.ask("POST", url, content=body, headers=headers, ok=fine)


def _terms(places: list[Place]) -> list[Term]:
    terms: list[Term] = []
    for xorb, number in places:
        if terms and terms[-1].xorb is xorb and terms[-1].end == number:
            terms[-1] = Term(xorb, terms[-1].start, number + 1)
        else:
            terms.append(Term(xorb, number, number + 1))
    return terms


class XetCommitter(ByXet, Committer):
    """Commits, with large files among theirs."""


class XetUploader(ByXet, Uploader):
    """Files that no commit names as yet."""


KINDS.update({"xet": XetCommitter, "shard": XetUploader})


def weeks_later(hub: LiveHub) -> None:
    """While the hub is down: background work is due, what waits for time to pass has waited."""
    past = now() - timedelta(days=40)
    with hub.writing() as session:
        mine = Job.kind.startswith("objects.")
        for state, values in (("ready", {"run_at": past}), ("running", {"lease_ends_at": past})):
            changed = {**values, "attempts": 0}
            session.execute(update(Job).where(mine, Job.state == state).values(changed))
        first = update(Job).where(mine, Job.state == "ready", Job.key == "periodic")
        session.execute(first.values(run_at=past - timedelta(days=1)))
        session.execute(update(XetFile).values(created_at=past))
        for sha256 in session.scalars(_in_two_forms()).all():  # others wait until all are converted
            enqueue(session, SLIM, {"sha256": sha256}, key=sha256, delay=-1e7)
        idle = Xorb.idle_since.is_not(None)
        session.execute(update(Xorb).where(idle).values(idle_since=past))
        given = XorbRight.expires_at < now() + timedelta(days=30) - SETTLED
        unused = XorbRight.xorb_id.in_(select(Xorb.id).where(idle))
        session.execute(update(XorbRight).where(given, unused).values(expires_at=past))


def _in_two_forms() -> Select[str]:
    plain = LargeObject.id == ObjectForm.object_id
    found = select(LargeObject.sha256).join(ObjectForm, plain)
    return found.join(XetFile, XetFile.object_id == LargeObject.id).limit(5)


def failed_jobs(hub: LiveHub) -> list[str]:
    """What background work ended for good without success."""
    with hub.writing() as session:
        wrong = select(Job.kind, Job.key, Job.error).where(Job.state == "failed")
        return [f"{kind} {key}: {error}" for kind, key, error in session.execute(wrong)]


def read_by_xet(client: httpx.Client, repo: str) -> int:
    """Compare all large files of the main branch with what their terms give; bytes compared."""
    compared = 0
    mine = XetClient(client, f"models/{repo}")
    listed = client.get(f"/api/models/{repo}/tree/main", params={"recursive": "true"})
    for entry in listed.json():
        if "xetHash" in entry:
            data = mine.read(entry["xetHash"])
            assert Content.of(data).oid == entry["lfs"]["oid"], entry
            compared += len(data)
    return compared
