"""Batches and the transfers they lead to, as the routes call them."""

import asyncio
import os
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete, update

from hub_server import lfs
from hub_server.accounts import ANONYMOUS, Caller
from hub_server.blobs import DigestMismatch, SizeMismatch
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.objects import ObjectLink
from hub_server.db.tables.repos import Repo
from hub_server.errors import HubError
from hub_server.lfs import BatchAnswer, BatchClient, BatchRequest, Wish
from hub_server.objects import Claim, TicketRefused, UploadFailed
from tests.support.large_files import MIB, STORES, LargeFileHub, sha256
from tests.support.people import caller, make_org, make_repo

BASE = "https://hub.example.org/hub"
DATA = b"some weights"
LARGE = os.urandom(11 * MIB)
EVERYWHERE = pytest.mark.parametrize("large_file_hub", STORES, indirect=True)
THROUGH = pytest.mark.parametrize("large_file_hub", ["file", "passing"], indirect=True)
DIRECT = pytest.mark.parametrize("large_file_hub", ["direct"], indirect=True)


def wish(data: bytes) -> Wish:
    return Wish(sha256(data), len(data))


@dataclass
class Scene:
    """A hub with ada's repository, and what a client does with the answers."""

    hub: LargeFileHub
    repo: Repo

    def caller(self, name: str | None) -> Caller:
        return caller(self.hub.database, name) if name else ANONYMOUS

    def batch(
        self, who: str | None, operation: Any, *wishes: Wish, repo: Repo | None = None, **more: Any
    ) -> BatchAnswer:
        options = {name: more.pop(name) for name in ("sends_headers",) if name in more}
        request = BatchRequest(operation, wishes, **more)
        return lfs.batch(
            self.hub, self.caller(who), repo or self.repo, request, BatchClient(BASE, **options)
        )

    def hrefs(self, answer: BatchAnswer) -> list[dict[str, str]]:
        return [
            {name: action.href for name, action in each.actions.items()} for each in answer.objects
        ]

    def put(self, href: str, body: bytes, headers: Mapping[str, str] | None = None) -> str:
        """PUT as a client would, to the hub or the store; returns the ETag."""
        if not href.startswith(BASE):
            sent = {"Content-Type": "application/octet-stream", **(headers or {})}
            request = urllib.request.Request(href, body, sent, method="PUT")
            with urllib.request.urlopen(request) as answer:
                return str(answer.headers["ETag"])
        kind, oid, ticket = parse(href)
        opening = {"upload": lfs.open_upload, "part": lfs.open_part}[kind]
        arrival = opening(self.hub, oid, ticket)
        received = asyncio.run(lfs.receive(self.hub, arrival, chunks(body)))
        return lfs.store(self.hub, arrival, received)

    def get(self, href: str) -> bytes:
        if not href.startswith(BASE):
            with urllib.request.urlopen(href) as answer:
                return bytes(answer.read())
        _, oid, ticket = parse(href)
        download = lfs.open_download(self.hub, oid, ticket)
        with lfs.read_download(self.hub, download) as reader:
            return reader.read()

    def upload(self, who: str, data: bytes, **more: Any) -> None:
        answer = self.batch(who, "upload", wish(data), **more)
        actions = answer.objects[0].actions
        self.put(actions["upload"].href, data, actions["upload"].header)
        if verify := actions.get("verify"):
            _, oid, ticket = parse(verify.href)
            assert lfs.verify_upload(self.hub, oid, ticket, wish(data))


def parse(href: str) -> tuple[str, str, str]:
    assert href.startswith(f"{BASE}/-/lfs/")
    url = urlsplit(href)
    kind, oid = url.path.split("/")[-2:]
    return kind, oid, parse_qs(url.query)["ticket"][0]


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 65536):
        yield body[at : at + 65536]
    yield b""


@pytest.fixture
def scene(large_file_hub: LargeFileHub) -> Scene:
    hub = large_file_hub
    ada = hub.user("ada")
    hub.user("bob")
    repo_id = hub.repo(ada)
    with hub.database.read() as session:
        return Scene(hub, session.get_one(Repo, repo_id))


@pytest.fixture
def shared(scene: Scene) -> Repo:
    """A private repository of an organization in which ada writes and bob reads."""
    with scene.hub.database.write() as session:
        ada, bob = (session.query(Account).filter_by(name=name).one() for name in ("ada", "bob"))
        org = make_org(session, "lab", write=ada, read=bob)
        return make_repo(session, org, "shared", private=True)


@EVERYWHERE
def test_up_and_down(scene: Scene) -> None:
    scene.upload("ada", DATA)
    answer = scene.batch("bob", "download", wish(DATA), wish(b"other"), Wish(sha256(DATA), 5))
    assert answer.transfer == "basic"
    assert scene.get(answer.objects[0].actions["download"].href) == DATA
    assert [each.error and each.error[0] for each in answer.objects] == [None, 404, 422]
    again = scene.batch("ada", "upload", wish(DATA), Wish(sha256(DATA), 5))
    assert again.objects[0].as_json() == {"oid": sha256(DATA), "size": len(DATA)}
    assert again.objects[1].error == (422, f"The object has {len(DATA)} bytes, not 5")


@EVERYWHERE
def test_an_empty_file(scene: Scene) -> None:
    scene.upload("ada", b"")
    answer = scene.batch("ada", "download", wish(b""))
    assert scene.get(answer.objects[0].actions["download"].href) == b""


@EVERYWHERE
def test_multipart(scene: Scene) -> None:
    scene.hub.settings = scene.hub.settings.model_copy(
        update={"lfs_multipart_threshold": 10 * MIB, "lfs_part_size": 5 * MIB}
    )
    answer = scene.batch("ada", "upload", wish(LARGE), wish(DATA), transfers=("basic", "multipart"))
    assert answer.transfer == "multipart"
    header = dict(answer.objects[0].actions["upload"].header)
    assert int(header.pop("chunk_size")) == 5 * MIB
    assert list(header) == ["00001", "00002", "00003"]
    assert "chunk_size" not in answer.objects[1].actions["upload"].header
    for number, href in enumerate(header.values()):
        assert scene.put(href, LARGE[number * 5 * MIB : (number + 1) * 5 * MIB])
    kind, oid, ticket = parse(answer.objects[0].actions["upload"].href)
    assert kind == "complete"
    assert lfs.complete(scene.hub, oid, ticket)
    assert lfs.complete(scene.hub, oid, ticket)
    down = scene.batch("ada", "download", wish(LARGE))
    assert scene.get(down.objects[0].actions["download"].href) == LARGE


def test_multipart_only_when_offered_and_large(scene: Scene) -> None:
    scene.hub.settings = scene.hub.settings.model_copy(
        update={"lfs_multipart_threshold": len(DATA), "lfs_part_size": 5}
    )
    offered = ("basic", "multipart")
    assert scene.batch("ada", "upload", wish(DATA), transfers=offered).transfer == "basic"
    assert scene.batch("ada", "upload", wish(DATA + b"!")).transfer == "basic"
    both = (wish(DATA + b"!"), wish(b"small"))
    answer = scene.batch("ada", "upload", *both, transfers=offered, sends_headers=True)
    assert answer.transfer == "multipart"
    headers = [each.actions["upload"].header for each in answer.objects]
    assert [len(header) - 1 for header in headers] == [3, 1], "git-lfs: all of them in parts"


def test_a_part_of_another_size(scene: Scene) -> None:
    scene.hub.settings = scene.hub.settings.model_copy(
        update={"lfs_multipart_threshold": 1, "lfs_part_size": 5}
    )
    answer = scene.batch("ada", "upload", wish(DATA), transfers=("multipart",))
    header = answer.objects[0].actions["upload"].header
    for body in (b"1234", b"123456"):
        with pytest.raises(SizeMismatch):
            scene.put(header["00001"], body)
    for number in (1, 2, 3):
        scene.put(header[f"{number:05}"], b"x" * (5 if number < 3 else 2))
    _, oid, ticket = parse(answer.objects[0].actions["upload"].href)
    with pytest.raises(UploadFailed):
        lfs.complete(scene.hub, oid, ticket)


def test_an_interrupted_upload_keeps_its_parts(scene: Scene) -> None:
    scene.hub.settings = scene.hub.settings.model_copy(
        update={"lfs_multipart_threshold": 1, "lfs_part_size": 5}
    )

    def begin() -> Any:
        answer = scene.batch("ada", "upload", wish(DATA), transfers=("multipart",))
        return answer.objects[0].actions["upload"]

    first = begin()
    scene.put(first.header["00001"], DATA[:5])
    second = begin()
    for number in (2, 3):
        scene.put(second.header[f"{number:05}"], DATA[(number - 1) * 5 : number * 5])
    _, oid, ticket = parse(second.href)
    assert lfs.complete(scene.hub, oid, ticket)


@THROUGH
def test_other_bytes_than_announced(scene: Scene) -> None:
    answer = scene.batch("ada", "upload", wish(DATA))
    href = answer.objects[0].actions["upload"].href
    with pytest.raises(DigestMismatch):
        scene.put(href, b"x" * len(DATA))
    with pytest.raises(SizeMismatch):
        scene.put(href, DATA[:-1])
    with pytest.raises(SizeMismatch):
        scene.put(href, DATA + b"x")
    assert list(scene.hub.blobs.list("lfs/")) == []
    scene.put(href, DATA)


@DIRECT
def test_other_bytes_sent_to_the_store(scene: Scene) -> None:
    """The store believes anything; the hub reads it back."""
    answer = scene.batch("ada", "upload", wish(DATA))
    actions = answer.objects[0].actions
    scene.put(actions["upload"].href, b"x" * len(DATA))
    _, oid, ticket = parse(actions["verify"].href)
    with pytest.raises(UploadFailed):
        lfs.verify_upload(scene.hub, oid, ticket, wish(DATA))
    with pytest.raises(HubError, match="another object"):
        lfs.verify_upload(scene.hub, oid, ticket, wish(b"x"))
    assert list(scene.hub.blobs.list("lfs/")) == []


@DIRECT
def test_headers_only_for_clients_that_send_them(scene: Scene) -> None:
    plain = scene.batch("ada", "upload", wish(DATA)).objects[0].actions["upload"]
    assert plain.header == {}
    bound = scene.batch("ada", "upload", wish(DATA), sends_headers=True).objects[0].actions
    assert bound["upload"].header == {"x-amz-content-sha256": sha256(DATA)}


class TestPermission:
    def test_an_oid_is_no_capability(self, scene: Scene, shared: Repo) -> None:
        scene.upload("ada", DATA, repo=shared)
        assert scene.batch("bob", "download", wish(DATA)).objects[0].error
        assert scene.batch(None, "download", wish(DATA)).objects[0].error
        with scene.hub.database.write() as session:
            eve = session.get_one(Account, scene.hub.user("eve"))
            mine = make_repo(session, eve, "mine")
        answer = scene.batch("eve", "upload", wish(DATA), repo=mine)
        assert "upload" in answer.objects[0].actions, "knowing the oid links nothing"
        with pytest.raises(HubError):
            scene.batch("eve", "download", wish(DATA), repo=shared)

    def test_what_can_be_read_elsewhere_is_not_sent_again(self, scene: Scene, shared: Repo) -> None:
        scene.upload("ada", DATA, repo=shared)
        answer = scene.batch("ada", "upload", wish(DATA))
        assert answer.objects[0].actions == {}
        assert scene.batch("bob", "download", wish(DATA)).objects[0].error is None

    @pytest.mark.parametrize(("who", "status"), [(None, 401), ("bob", 403), ("eve", 404)])
    def test_who_may_not_write(
        self, scene: Scene, shared: Repo, who: str | None, status: int
    ) -> None:
        scene.hub.user("eve")
        repo = scene.repo if who is None else shared
        with pytest.raises(HubError) as refusal:
            scene.batch(who, "upload", wish(DATA), repo=repo, ref="refs/heads/main")
        assert refusal.value.status == status

    def test_readers_upload_for_pull_requests(self, scene: Scene) -> None:
        for ref, data in ((None, DATA), ("refs/pr/3", b"more")):
            scene.upload("bob", data, ref=ref)
            assert scene.batch("bob", "download", wish(data)).objects[0].error is None
            assert scene.batch("ada", "download", wish(data)).objects[0].error

    def test_a_reader_has_so_many_pending(self, scene: Scene) -> None:
        scene.hub.settings = scene.hub.settings.model_copy(update={"pending_per_user": 2})
        bodies = [wish(b"%d" % number) for number in range(4)]
        answer = scene.batch("bob", "upload", *bodies)
        assert [bool(each.actions) for each in answer.objects] == [True, True, False, False]
        assert answer.objects[2].error == (403, answer.objects[2].error[1])  # type: ignore[index]

    def test_a_file_too_large(self, scene: Scene) -> None:
        scene.hub.settings = scene.hub.settings.model_copy(update={"max_lfs_file": 5})
        answer = scene.batch("ada", "upload", wish(DATA), wish(b"small"))
        assert answer.objects[0].error == (422, "The file has 12 bytes; this hub takes 5.")
        assert answer.objects[1].actions

    def test_tickets_are_looked_at_again(self, scene: Scene) -> None:
        hub = scene.hub
        up = scene.batch("ada", "upload", wish(DATA)).objects[0].actions["upload"].href
        scene.put(up, DATA)
        down = scene.batch("ada", "download", wish(DATA)).objects[0].actions["download"].href
        with hub.database.write() as session:
            session.execute(delete(ObjectLink))
        with pytest.raises(HubError, match="does not exist"):
            scene.get(down)
        scene.put(up, DATA)
        with hub.database.write() as session:
            session.execute(update(Repo).values(private=True))
        assert scene.get(down) == DATA
        with hub.database.write() as session:
            session.execute(update(Account).values(is_admin=False, disabled_at=Account.created_at))
        for attempt in (lambda: scene.get(down), lambda: scene.put(up, DATA)):
            with pytest.raises(HubError, match="no longer active"):
                attempt()

    def test_a_link_is_for_one_thing(self, scene: Scene) -> None:
        href = scene.batch("ada", "upload", wish(DATA)).objects[0].actions["upload"].href
        _, oid, ticket = parse(href)
        for attempt in (
            lambda: lfs.open_download(scene.hub, oid, ticket),
            lambda: lfs.open_part(scene.hub, oid, ticket),
            lambda: lfs.complete(scene.hub, oid, ticket),
            lambda: lfs.open_upload(scene.hub, sha256(b"other"), ticket),
            lambda: lfs.open_upload(scene.hub, oid, re.sub(r"^\d+", "77", ticket)),
        ):
            with pytest.raises(TicketRefused):
                attempt()


@EVERYWHERE
def test_verifying_by_hand(scene: Scene) -> None:
    hub, ada = scene.hub, scene.caller("ada")
    with pytest.raises(HubError) as refusal:
        lfs.verify(hub, ada, scene.repo, wish(DATA))
    assert refusal.value.status == 404
    answer = scene.batch("ada", "upload", wish(DATA))
    scene.put(answer.objects[0].actions["upload"].href, DATA)
    lfs.verify(hub, ada, scene.repo, wish(DATA))
    with pytest.raises(HubError) as refusal:
        lfs.verify(hub, ada, scene.repo, Wish(sha256(DATA), 3))
    assert refusal.value.status == 422


@EVERYWHERE
def test_many_at_once(scene: Scene) -> None:
    bodies = [b"body %d" % number for number in range(100)]
    answer = scene.batch("ada", "upload", *(wish(body) for body in bodies))
    assert len({each["upload"] for each in scene.hrefs(answer)}) == 100
    for body in bodies[:10]:
        scene.hub.objects.store_received(
            scene.hub.received(body), Claim(scene.repo.id, scene.caller("ada").user_id)
        )
    again = scene.batch("ada", "upload", *(wish(body) for body in bodies))
    assert [bool(each) for each in scene.hrefs(again)] == [False] * 10 + [True] * 90
