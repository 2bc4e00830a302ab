"""Mutated xorbs, shards, addresses and ranges from a client with a good token: refused or true."""

import os
import random
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest

from hub_server.chunks import read_shard, to_text
from hub_server.errors import HubError
from tests.support.server import LiveHub, LiveUser
from tests.support.xetclient import Sent, XetClient

SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROUNDS = int(os.environ.get("FUZZ_XET_ROUNDS", "60"))
ODD = [
    "", "..", "%2e%2e", "%2F", "%00", "%ff", "%ED%A0%80", "%0a", "é", "{}", "0" * 63, "0" * 65,
    "G" * 64, "A" * 64, "0" * 64, "f" * 64, "x" * 4000, "default", "null",
]  # fmt: skip
RANGES = ["bytes=0-0", "bytes=9-1", "bytes=-", "bytes=-5", "bytes=99999999-", "x", "bytes=0-1,2-3",
          "bytes=" + "9" * 18 + "-", "bytes=" + "9" * 40 + "-", "bytes=٠-٩"]  # fmt: skip
PATHS = [
    "GET /v1/reconstructions/{}", "GET /v2/reconstructions/{}",
    "GET /v1/reconstructions?file_id={}", "HEAD /v1/files/{}", "HEAD /v1/xorbs/default/{}",
    "GET /v1/chunks/default/{}",
    "GET /v1/chunks/{}/0", "POST /v1/xorbs/default/{}", "POST /v1/{}", "GET /{}",
]  # fmt: skip


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Bytes changed, taken out, doubled, or cut off, in the way of 48-byte records or not."""
    made = bytearray(data)
    step = chance.choice((1, 4, 48))
    at = chance.randrange(-(-len(made) // step)) * step
    kinds: list[Callable[[], None]] = [
        lambda: made.__setitem__(at, made[at] ^ (1 << chance.randrange(8))),
        lambda: made.__setitem__(slice(at, at + step), chance.randbytes(step)),
        lambda: made.__delitem__(slice(at, at + step)),
        lambda: made.__setitem__(slice(at, at), made[at : at + step]),
        lambda: made.__delitem__(slice(at, None)),
        lambda: made.__setitem__(slice(at, at + 4), b"\xff\xff\xff\xff"),
        lambda: made.extend(chance.randbytes(step)),
    ]
    chance.choice(kinds)()
    return bytes(made)


@pytest.fixture
def mine(ada: LiveUser) -> Iterator[XetClient]:
    with ada.client() as client:
        yield XetClient(client, f"models/{ada.make_repo(private=True)}")


@pytest.mark.timeout(300)
def test_what_is_refused_and_what_is_true(hub: LiveHub, mine: XetClient) -> None:
    chance = random.Random(SEED)
    mine.put(Sent.of(chance.randbytes(300_000)), "honest.bin")
    for number in range(ROUNDS):
        sent = Sent.of(chance.randbytes(chance.choice((1, 500, 60_000))))
        answer = mine.put_xorb(sent.xorb, body=mutated(chance, sent.xorb.body))
        assert answer.status_code in (200, 400, 413), (SEED, number, answer.text)
        mine.put_xorb(sent.xorb)
        for version in (1, 2):
            _send_shard(mine, mutated(chance, sent.shard()), version, (SEED, number))
    hub.command("fsck")  # which fails where something stored is not what it should be


def _send_shard(mine: XetClient, body: bytes, version: int, where: object) -> None:
    answer = mine.put_shard(body, version=version)
    assert answer.status_code in (200, 400, 413), (where, answer.text)
    if answer.status_code == 200:  # then all that it says holds
        for file in read_shard(body).files:
            if file.terms:
                data = mine.read(to_text(file.hash))
                assert sha256(data).hexdigest() == file.sha256, where
        return
    error = answer.json()["error"]
    assert error.endswith("."), (where, error)


def test_odd_addresses_and_ranges(mine: XetClient) -> None:
    sent = Sent.fresh(50_000)
    mine.put(sent)
    for path in PATHS:
        method, _, address = path.partition(" ")
        for odd in (*ODD, sent.file.name, sent.xorb.name):
            answer = mine.call(method, address.format(odd))
            assert answer.status_code in (200, 400, 404), (path, odd, answer.text)
    for asked in RANGES:
        headers = {"range": asked.encode()}
        for version in ("v1", "v2"):
            path = f"/{version}/reconstructions/{sent.file.name}"
            answer = mine.call("GET", path, headers=headers)
            assert answer.status_code in (200, 400, 416), (asked, answer.text)


def test_shards_that_no_reader_takes_are_named_so(mine: XetClient) -> None:
    for body in (b"", b"\0" * 96, b"HFRepoMetaData" * 20):
        with pytest.raises(HubError) as failure:
            read_shard(body)
        assert mine.put_shard(body).json()["error"] == str(failure.value)
