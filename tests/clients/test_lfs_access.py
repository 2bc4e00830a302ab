"""Knowing the sha256 of a file opens nothing: what an attacker tries, and what honest people may.

The victim's repository is private; the attacker knows the pointer, from a leak or from a pull
request of old, and has an account and repositories of their own.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub_server.keys import Keys
from hub_server.objects import Claim, Ticket, Tickets
from tests.support.gitclient import GitClient
from tests.support.lfsclient import LfsDoor, OpenDoor, new_data, oid_of, pointer
from tests.support.scripts import Computer, ScriptFailed
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.client

SIZE = 5000


@pytest.fixture
def secret(open_door: OpenDoor, ada: LiveUser) -> tuple[LfsDoor, bytes, str]:
    """A private repository with a large file: its owner's door, the bytes, the oid."""
    door = open_door(ada, ada.make_repo(private=True))
    data = new_data(SIZE)
    return door, data, door.keep("model.bin", data)


@pytest.fixture
def attacker(open_door: OpenDoor, bob: LiveUser) -> LfsDoor:
    return open_door(bob, bob.make_repo())


def refused(answer: httpx.Response, *statuses: int) -> str:
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    return answer.text


def test_an_oid_is_no_proof(secret: tuple[LfsDoor, bytes, str], attacker: LfsDoor) -> None:
    _, data, oid = secret
    assert not attacker.has(oid, SIZE)
    asked = attacker.one("upload", oid, SIZE)
    unknown = attacker.one("upload", oid_of(b"unknown"), SIZE)
    assert asked.keys() == unknown.keys()  # not even whether the hub has it
    assert attacker.post("verify", {"oid": oid, "size": SIZE}).status_code == 404
    assert "model.bin" in refused(attacker.name("model.bin", oid, SIZE), 422)
    value = {"path": "model.bin", "content": pointer(data), "encoding": "utf-8"}
    assert "model.bin" in refused(attacker.commit([("file", value)]), 422)
    refused(attacker.put(asked["actions"]["upload"]["href"], bytes(SIZE)), 400, 422)
    assert not attacker.has(oid, SIZE)
    assert "actions" in attacker.one("upload", oid, SIZE, transfers=("basic", "multipart"))
    answer = attacker.client.get(f"/{attacker.repo}/resolve/main/model.bin")
    assert answer.status_code == 404
    assert attacker.client.get(f"/-/lfs/download/{oid}").status_code == 403


def test_a_pushed_pointer_is_no_proof(
    secret: tuple[LfsDoor, bytes, str], attacker: LfsDoor, bob: LiveUser, git: GitClient
) -> None:
    """With git-lfs off, so that the pointer goes up as it is."""
    _, data, _ = secret
    clone = git.clone(bob.git_url(attacker.repo), "clone")
    git.commit(clone, {"theirs.bin": pointer(data)})
    said = git.refused("push", "origin", "main", cwd=clone)
    assert "theirs.bin" in said
    git.commit(clone, {"never.bin": pointer(b"was never sent"), "theirs.bin": "text"})
    said = git.refused("push", "origin", "main:other", cwd=clone)
    assert "never.bin" in said
    assert "theirs.bin" in said  # in the middle of the history is no better
    assert list(git.remote_refs(bob.git_url(attacker.repo), "refs/heads/*")) == ["refs/heads/main"]


def test_copies_need_the_right_to_read(
    secret: tuple[LfsDoor, bytes, str], attacker: LfsDoor, ada: LiveUser, open_door: OpenDoor
) -> None:
    door, _, oid = secret
    gated = open_door(ada, ada.make_repo())
    other = gated.keep("gated.bin", new_data(SIZE))
    path = f"/api/models/{gated.repo}/settings"
    assert gated.client.put(path, json={"gated": "manual"}).status_code == 200
    target = {"target": {"type": "model", "name": attacker.repo}}
    for source, digest, status in ((door, oid, 404), (gated, other, 403)):
        body = {**target, "files": [{"sha256": digest, "filename": "x"}]}
        place = f"/api/models/{source.repo}"
        refused(attacker.client.post(f"{place}/lfs-files/duplicate", json=body), status)
        refused(attacker.client.post(f"{place}/duplicate", json={"repository": "x"}), status)
        assert not attacker.has(digest, SIZE)
        refused(attacker.name("model.bin", digest), 422)
        there = LfsDoor(attacker.hub, attacker.user, source.repo)
        refused(there.ask("download", [(digest, SIZE)]), status)
        refused(there.ask("upload", [(digest, SIZE)]), status)
        refused(there.client.get(f"/{source.repo}/resolve/main/model.bin"), status)
        there.close()
    # The other way: their repository as the source, which has nothing.
    body = {**target, "files": [{"sha256": oid, "filename": "x"}]}
    place = f"/api/models/{attacker.repo}/lfs-files/duplicate"
    assert attacker.client.post(place, json=body).json()["failed"] == [
        {"sha256": oid, "error": "not found"}
    ]


def test_nobody_uploads_without_the_right_to_write(
    secret: tuple[LfsDoor, bytes, str], open_door: OpenDoor, ada: LiveUser, bob: LiveUser
) -> None:
    wish = (oid_of(b"x"), 1)
    private, public = secret[0].repo, ada.make_repo()
    nobody = open_door(None, public)
    answer = nobody.ask("upload", [wish])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert answer.json()["message"]
    refused(open_door(None, private).ask("download", [wish]), 401)
    refused(open_door(bob, private).ask("upload", [wish]), 404)
    refused(open_door(bob, public).ask("upload", [wish]), 403)
    assert open_door(bob, public).ask("upload", [wish], ref=None).status_code == 200  # for a PR
    reader = ada.hub.command("token", "create", ada.name, "--role", "read")
    weak = LiveUser(ada.hub, ada.name, reader, "")
    refused(open_door(weak, public).ask("upload", [wish]), 403)


def _split(href: str) -> tuple[str, list[str]]:
    place, _, ticket = href.partition("?ticket=")
    return place, ticket.split(".")


def test_links_that_were_altered(
    secret: tuple[LfsDoor, bytes, str], attacker: LfsDoor, hub: LiveHub
) -> None:
    door, _, oid = secret
    own = new_data(SIZE)
    mine = attacker.keep("mine.bin", own)
    href = attacker.one("download", mine, SIZE)["actions"]["download"]["href"]
    up = attacker.upload_link(new_data(SIZE))
    place, fields = _split(href)
    theirs = _split(door.one("download", oid, SIZE)["actions"]["download"]["href"])[1]
    get, path = attacker.plain.get, place.removeprefix(hub.url)
    assert get(f"{path}?ticket={'.'.join(fields)}").content == own
    changed = [
        [theirs[0], *fields[1:]],  # another repository
        [fields[0], theirs[1], *fields[2:]],  # another user
        [*fields[:6], str(int(fields[6]) + 10**6), *fields[7:]],  # a longer life
        [*fields[:3], "1", *fields[4:]],
        [*fields[:2], str(SIZE - 1), *fields[3:]],
        [*fields[:7], "A" * 43],
        ["", *fields[1:]],
        fields[:-1],
        [*fields, "x"],
    ]
    for each in changed:
        refused(get(f"{path}?ticket={'.'.join(each)}"), 403)
    good = ".".join(fields)
    refused(get(f"/-/lfs/download/{oid}?ticket={good}"), 403)  # another object
    refused(get(path), 403)
    refused(get(f"/-/lfs/download/{oid}?ticket=%00%ff"), 403)
    refused(attacker.plain.put(f"/-/lfs/upload/{mine}?ticket={good}", content=own), 403)
    refused(attacker.plain.put(f"/-/lfs/part/{mine}?ticket={good}", content=own), 403)
    for purpose in ("complete", "verify"):
        place = f"/-/lfs/{purpose}/{mine}?ticket={good}"
        refused(attacker.plain.post(place, json={"oid": mine, "size": SIZE}), 403)
    upload_path, upload_fields = _split(up)
    refused(get(f"/-/lfs/download/{mine}?ticket={'.'.join(upload_fields)}"), 403)
    refused(attacker.plain.put(f"/-/lfs/upload/{oid}?ticket={'.'.join(upload_fields)}"), 403)
    assert upload_path


def _expired(hub: LiveHub, ticket: Ticket, *, ago: int) -> str:
    """A link as the hub itself issued it, some time ago."""
    keys = Keys.of((hub.data_dir / "secret.key").read_text())
    return Tickets(keys, clock=lambda: time.time() - ago).path(ticket, seconds=900)


def test_links_end(attacker: LfsDoor, hub: LiveHub) -> None:
    data = new_data(SIZE)
    oid = attacker.keep("mine.bin", data)
    fields = _split(attacker.one("download", oid, SIZE)["actions"]["download"]["href"])[1]
    ticket = Ticket("download", oid, SIZE, Claim(int(fields[0]), int(fields[1])))
    assert attacker.plain.get(_expired(hub, ticket, ago=890)).content == data
    said = refused(attacker.plain.get(_expired(hub, ticket, ago=910)), 403)
    assert "expired" in said


@pytest.mark.parametrize("how", ["leaves", "disabled", "deleted"])
def test_links_of_those_who_lost_their_right(
    hub: LiveHub, ada: LiveUser, open_door: OpenDoor, how: str
) -> None:
    guest = hub.make_user()
    team = hub.make_org(None, f"{ada.name}:admin", f"{guest.name}:write")
    with ada.client() as client:
        body = {"organization": team, "name": "shared", "private": True}
        assert client.post("/api/repos/create", json=body).status_code == 200
    repo = f"{team}/shared"
    door = open_door(guest, repo)
    data, more = new_data(SIZE), new_data(SIZE)
    oid = door.keep("a.bin", data)
    down = door.one("download", oid, SIZE)["actions"]["download"]["href"]
    up = door.upload_link(more)
    assert door.plain.get(down).content == data
    if how == "leaves":
        hub.command("org", "member", team, "--remove", guest.name)
    elif how == "disabled":
        hub.command("user", "disable", guest.name)
    else:
        with ada.client() as client:
            body = {"organization": team, "name": "shared", "type": "model"}
            gone = client.request("DELETE", "/api/repos/delete", json=body)
            assert gone.status_code == 200, gone.text
    refused(door.plain.get(down), 401, 403, 404)
    refused(door.put(up, more), 401, 403, 404)
    if how != "deleted":
        assert not open_door(ada, repo).has(oid_of(more), SIZE)


def test_a_narrow_token_fetches_nothing_from_elsewhere(
    secret: tuple[LfsDoor, bytes, str], open_door: OpenDoor, ada: LiveUser
) -> None:
    """A token for one repository leaks: the other large files of its user stay where they are."""
    _, data, oid = secret
    repo = ada.make_repo()
    scope = f"repo.write:models/{repo}"
    token = ada.hub.command("token", "create", ada.name, "--scope", scope)
    door = open_door(LiveUser(ada.hub, ada.name, token, ""), repo)
    assert "actions" in door.one("upload", oid, SIZE)
    refused(door.name("model.bin", oid, SIZE), 422)
    assert not door.has(oid, SIZE)
    mine = door.keep("mine.bin", new_data(SIZE))  # what it is for works
    assert door.has(mine, SIZE)
    assert door.send(data) == oid
    assert door.name("model.bin", oid, SIZE).status_code == 200


def test_what_readers_send_waits(
    open_door: OpenDoor, hub: LiveHub, ada: LiveUser, bob: LiveUser
) -> None:
    """For a pull request: nobody but they can use it until a commit names it."""
    repo, data = ada.make_repo(), new_data(SIZE)
    reader, owner = open_door(bob, repo), open_door(ada, repo)
    oid = reader.send(data, ref=None)
    assert reader.has(oid, SIZE)
    for other in (owner, open_door(hub.make_user(), repo), open_door(None, repo)):
        assert not other.has(oid, SIZE)
    refused(owner.name("a.bin", oid, SIZE), 422)
    refused(reader.name("a.bin", oid, SIZE), 403)
    asked = owner.one("upload", oid, SIZE)
    assert asked["actions"]["upload"]
    assert owner.put(asked["actions"]["upload"]["href"], data).status_code == 200
    assert open_door(None, repo).has(oid, SIZE)


def test_readers_cannot_fill_the_disk(make_hub: Callable[..., LiveHub]) -> None:
    hub = make_hub(HUB_PENDING_PER_USER="2")
    ada, bob = hub.make_user(), hub.make_user()
    door = LfsDoor(hub, bob, ada.make_repo())
    wishes = [(oid_of(bytes([n])), 1) for n in range(4)]
    answer = door.ask("upload", wishes, ref=None).json()["objects"]
    assert ["error" in each for each in answer] == [False, False, True, True]
    for number in range(2):
        door.send(bytes([number]), ref=None)
    assert door.one("upload", wishes[3][0], 1, ref=None)["error"]["code"] == 403
    door.close()


def test_who_can_read_a_file_may_use_it_elsewhere(
    open_door: OpenDoor, ada: LiveUser, bob: LiveUser
) -> None:
    """One upload, many repositories; each keeps it when the others go."""
    data = new_data(SIZE)
    first = open_door(ada, ada.make_repo())
    oid = first.keep("a.bin", data)
    private = open_door(ada, ada.make_repo(private=True))
    assert "actions" not in private.one("upload", oid, SIZE)
    assert private.name("b.bin", oid, SIZE).status_code == 200
    other = open_door(bob, bob.make_repo())
    assert other.name("c.bin", oid).status_code == 200  # he reads the public one
    gone = first.client.request(
        "DELETE", "/api/repos/delete", json={"name": first.repo.split("/")[1], "type": "model"}
    )
    assert gone.status_code == 200
    for door, path in ((private, "b.bin"), (other, "c.bin")):
        answer = door.client.get(f"/{door.repo}/resolve/main/{path}", follow_redirects=True)
        assert answer.content == data


def test_the_python_client_copies_within_and_not_without_proof(
    secret: tuple[LfsDoor, bytes, str], attacker: LfsDoor, bob: LiveUser, tmp_path: Path
) -> None:
    door, data, _ = secret
    script = """
import sys
from huggingface_hub import CommitOperationCopy, HfApi
source, target = sys.argv[1:]
HfApi().create_commit(target, [CommitOperationCopy("model.bin", "stolen.bin",
    src_repo_id=source, src_repo_type="model")], commit_message="copy")
"""
    mine = Computer(attacker.hub.url, tmp_path, bob.token)
    with pytest.raises(ScriptFailed, match="RepositoryNotFoundError"):
        mine.run(script, door.repo, attacker.repo)
    answer = attacker.client.get(f"/{attacker.repo}/resolve/main/stolen.bin")
    assert answer.status_code == 404
    assert data not in answer.content


BAD: list[tuple[Any, tuple[int, ...]]] = [
    (None, (400,)),
    ([], (400,)),
    ({"operation": "steal", "objects": []}, (422,)),
    ({"operation": "download", "objects": "x"}, (422,)),
    ({"operation": "download", "objects": [{"oid": "../../secret.key", "size": 1}]}, (422,)),
    ({"operation": "download", "objects": [{"oid": "A" * 64, "size": 1}]}, (422,)),
    ({"operation": "upload", "objects": [{"oid": "a" * 64, "size": -1}]}, (422,)),
    ({"operation": "upload", "objects": [{"oid": "a" * 64, "size": 1e300}]}, (422,)),
    ({"operation": "upload", "objects": [{"oid": "a" * 64, "size": True}]}, (422,)),
    ({"operation": "upload", "objects": [{"oid": "a" * 64}]}, (422,)),
    ({"operation": "upload", "objects": [{}] * 1001}, (413, 422)),
    ({"operation": "upload", "objects": [], "hash_algo": "md5"}, (409,)),
    ({"operation": "upload", "objects": [], "transfers": {"a": 1}}, (422,)),
]


@pytest.mark.parametrize(("body", "statuses"), BAD)
def test_malformed_batches(attacker: LfsDoor, body: object, statuses: tuple[int, ...]) -> None:
    answer = attacker.post("objects/batch", body)
    assert answer.status_code in statuses, answer.text
    assert re.search(r"\w+", answer.json()["message"])


def test_odd_wishes_are_answered_one_by_one(attacker: LfsDoor) -> None:
    huge = attacker.one("upload", "a" * 64, 10**15)
    assert huge["error"]["code"] == 422
    assert attacker.put(attacker.upload_link(b""), b"").status_code == 200
    assert attacker.fetch(oid_of(b""), 0) == b""
    empty = attacker.ask("download", [])
    assert (empty.status_code, empty.json()["objects"]) == (200, [])
    twice = attacker.ask("upload", [("b" * 64, 5)] * 2).json()["objects"]
    assert len(twice) == 2
