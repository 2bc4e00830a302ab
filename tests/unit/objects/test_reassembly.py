"""Files that are stored as chunks alone: every range, whatever the packing; damage is named."""

import os
import random
import time

import pytest
from sqlalchemy import delete

from hub_server.db.tables.objects import ObjectForm
from hub_server.errors import Lost
from hub_server.objects import Claim, Term, reassembly
from tests.support.large_files import MIB, LargeFileHub, sha256
from tests.support.xorbs import CHUNK, Made, kept, make_file, noise, packed, pieces, record

STORES = pytest.mark.parametrize("large_file_hub", ["file", "direct"], indirect=True)
MIXED = b"".join(
    noise(90_000, number) if number % 3 else bytes([number]) * 90_000 for number in range(30)
)


@pytest.fixture
def hub(large_file_hub: LargeFileHub) -> LargeFileHub:
    return large_file_hub


@pytest.fixture
def claim(hub: LargeFileHub) -> Claim:
    ada = hub.user("ada")
    return Claim(hub.repo(ada), ada)


def read(hub: LargeFileHub, made: Made, start: int = 0, length: int | None = None) -> bytes:
    with hub.objects.open(made.oid, start, length, size=len(made.data)) as reader:
        data = reader.read()
        assert len(data) == reader.length
        return data


@STORES
def test_any_range_of_a_file(hub: LargeFileHub, claim: Claim) -> None:
    made = make_file(hub, claim, MIXED, per_xorb=7)
    size = len(MIXED)
    assert read(hub, made) == MIXED
    edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 7 * CHUNK, 7 * CHUNK - 1, size - 1, size, size + 9]
    for start in edges:
        for length in (0, 1, CHUNK, 3 * CHUNK + 5, size, None):
            end = size if length is None else start + length
            assert read(hub, made, start, length) == MIXED[start:end], (start, length)
    assert hub.objects.local_path(made.oid, size=size) is None
    assert hub.objects.url(made.oid) is None
    assert hub.objects.checked_url(made.oid, size=size) is None
    with hub.objects.open(made.oid, -5) as reader:
        assert reader.read() == MIXED[-5:]


def test_small_and_odd_reads(hub: LargeFileHub, claim: Claim) -> None:
    made = make_file(hub, claim, MIXED, per_xorb=3)
    chance, found = random.Random(3), b""
    with hub.objects.open(made.oid) as reader:
        while piece := reader.read(chance.choice([1, 17, 4096, CHUNK, 3 * MIB])):
            found += piece
    assert found == MIXED


def test_terms_share_chunks_and_repeat_them(hub: LargeFileHub, claim: Claim) -> None:
    chunks = pieces(noise(10 * CHUNK))
    xorb = kept(hub, chunks, claim.user_id)
    spans = [(2, 5), (2, 5), (0, 1), *[(9, 10)] * 40, (4, 8)]
    data = b"".join(b"".join(chunks[first:end]) for first, end in spans)
    info = record(hub, claim, [Term(xorb, *span) for span in spans], data)
    assert (info.size, info.plain) == (len(data), False)
    assert hub.read(sha256(data)) == data
    with hub.objects.open(sha256(data), 7 * CHUNK - 3, 5) as reader:
        assert reader.read() == data[7 * CHUNK - 3 : 7 * CHUNK + 2]


def test_many_terms_are_asked_for_a_few_at_a_time(
    hub: LargeFileHub, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub_server.objects.xet_files.WINDOW", 3)
    made = make_file(hub, claim, noise(40 * 1000), per_xorb=2, size=1000)
    assert len(made.terms) == 20
    assert read(hub, made) == made.data
    assert read(hub, made, 11_111, 22_222) == made.data[11_111:33_333]


@STORES
@pytest.mark.parametrize("harm", ["missing", "truncated", "longer"])
def test_a_lost_xorb_is_told_at_once_or_when_it_is_reached(
    hub: LargeFileHub, claim: Claim, harm: str
) -> None:
    made = make_file(hub, claim, noise(40 * CHUNK), per_xorb=20)
    first, second = (term.xorb for term in made.terms)
    _harm(hub, second.key, harm)
    with hub.database.read() as session:
        infos = hub.objects.is_linked(session, claim.repo_id, [made.oid])
    assert hub.objects.whole(infos.values()) == set()
    with hub.objects.open(made.oid) as reader:
        assert reader.read(20 * CHUNK) == made.data[: 20 * CHUNK]
        if harm != "longer":  # what follows the chunks is never read
            with pytest.raises(Lost, match=second.sha256):
                reader.read()
    _harm(hub, first.key, "missing")
    with pytest.raises(Lost, match=first.sha256):
        hub.objects.open(made.oid)


def _harm(hub: LargeFileHub, key: str, harm: str) -> None:
    with hub.blobs.open(key) as reader:
        data = reader.read()
    hub.blobs.delete(key)
    path = hub.settings.data_dir / "harmed"
    path.write_bytes(data[:-200_000] if harm == "truncated" else data + b"more")
    if harm != "missing":
        hub.blobs.put(key, path)


@pytest.mark.parametrize("at", [0, 1, 4, 5, 8 + 30])
def test_a_damaged_chunk_is_never_taken_for_another_length(
    hub: LargeFileHub, claim: Claim, at: int
) -> None:
    """Its header says something else than the index, or its payload cannot be decoded."""
    data = b"squeezable " * 40_000
    made = make_file(hub, claim, data)
    path = hub.blobs.local_path(made.terms[0].xorb.key)
    assert path
    body = bytearray(path.read_bytes())
    body[at] ^= 0x55
    path.write_bytes(body)
    with pytest.raises(Lost):
        read(hub, made)


def test_plain_first_where_there_is_one(hub: LargeFileHub, claim: Claim) -> None:
    made = make_file(hub, claim, noise(3 * CHUNK))
    hub.objects.store_received(hub.received(made.data), claim)
    path = hub.objects.local_path(made.oid, size=len(made.data))
    assert path
    for term in made.terms:
        hub.blobs.delete(term.xorb.key)
    assert read(hub, made) == made.data
    path.write_bytes(b"short")
    with pytest.raises(Lost, match="xorb/"):
        read(hub, made)


def test_a_plain_form_that_is_lost_harms_nobody(hub: LargeFileHub, claim: Claim) -> None:
    made = make_file(hub, claim, noise(3 * CHUNK))
    hub.objects.store_received(hub.received(made.data), claim)
    hub.blobs.delete(f"lfs/{made.oid}")
    assert read(hub, made) == made.data
    with hub.database.write() as session:
        session.execute(delete(ObjectForm))
    with hub.database.read() as session:
        info = hub.objects.is_linked(session, claim.repo_id, [made.oid])[made.oid]
    assert (info.plain, info.xet) == (False, made.info.xet)
    assert hub.objects.whole([info]) == {made.oid}


@pytest.mark.soak
def test_speed_of_stored_chunks(hub: LargeFileHub, claim: Claim) -> None:
    data = os.urandom(64 * MIB - 8192)
    made = make_file(hub, claim, data, per_xorb=1020)
    best = 0.0
    for _ in range(5):
        begun = time.monotonic()
        with hub.objects.open(made.oid) as reader:
            while reader.read(MIB):
                pass
        best = max(best, len(data) / (time.monotonic() - begun))
    print(f"\n{best / 1e9:.2f} GB/s")
    assert best > 1e9


def test_memory_stays_small_whatever_the_packing(hub: LargeFileHub, claim: Claim) -> None:
    """A megabyte of packed zeros is hundreds of unpacked ones, which nobody holds at a time."""
    import tracemalloc

    received, index = packed(hub, [bytes(131072)] * 500)
    xorb = hub.objects.xorbs.keep(received, index, claim.user_id)
    data = bytes(131072 * 500)
    assert xorb.size < reassembly.READ
    record(hub, claim, [Term(xorb, 0, 500)], data)
    tracemalloc.start()
    with hub.objects.open(sha256(data)) as reader:
        while reader.read(MIB):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * MIB
