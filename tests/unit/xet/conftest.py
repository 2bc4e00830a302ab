"""A hub with ada's repository, and grants to work there."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hub_server import xet
from hub_server.accounts import Caller
from hub_server.db.tables.repos import Repo
from hub_server.objects import upload_claim
from hub_server.xet import Grant, Place, Registration
from tests.support.large_files import LargeFileHub
from tests.support.people import caller
from tests.support.xetclient import File, Sent, Term, Xorb, shard


@dataclass
class Scene:
    """What a client does, without HTTP."""

    hub: LargeFileHub
    repo: Repo

    def caller(self, name: str) -> Caller:
        return caller(self.hub.database, name)

    def grant(self, name: str, repo: Repo | None = None, *, ref: str | None = "main") -> Grant:
        """To write, as a token of this user gives it."""
        who, where = self.caller(name), repo or self.repo
        token = xet.issue_for(self.hub, who, upload_claim(who, where, ref))
        return xet.open_grant(self.hub, place_of(token.path), token.text, "write")

    def registration(self, grant: Grant, body: bytes) -> Registration:
        return Registration(self.hub, grant, self.hub.received(body))

    def keep(self, grant: Grant, xorb: Xorb) -> bool:
        return xet.keep_xorb(self.hub, grant, xorb.name, self.hub.received(xorb.body))

    def put(self, grant: Grant, *sents: Sent) -> bool:
        for sent in sents:
            self.keep(grant, sent.xorb)
        body = shard([each.file for each in sents], [each.xorb for each in sents])
        return self.registration(grant, body).run()

    def put_pieces(self, grant: Grant, *xorbs: Xorb) -> File:
        """One file of several whole xorbs."""
        for xorb in xorbs:
            self.keep(grant, xorb)
        file = File.of(*(Term(xorb, 0, len(xorb.chunks)) for xorb in xorbs))
        assert self.registration(grant, shard([file], xorbs)).run()
        return file


def place_of(path: str) -> Place:
    return Place(*path.split("/")[-2:])


MakeRepo = Callable[..., Repo]


@pytest.fixture
def make(large_file_hub: LargeFileHub) -> MakeRepo:
    """`make("bob", "name", private=True)`: a repository of a user, who is made with the first."""
    users: dict[str, int] = {}

    def made(owner: str, name: str = "tiny", **fields: object) -> Repo:
        if owner not in users:
            users[owner] = large_file_hub.user(owner)
        number = large_file_hub.repo(users[owner], name, **fields)
        with large_file_hub.database.read() as session:
            return session.get_one(Repo, number)

    return made


@pytest.fixture
def scene(large_file_hub: LargeFileHub, make: MakeRepo) -> Scene:
    return Scene(large_file_hub, make("ada", private=True))
