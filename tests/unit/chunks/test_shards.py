"""Shards of both clients are read; what is none is refused; answers are what clients parse."""

import random
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.chunks import (
    MOST_SHARD,
    BadShard,
    Offer,
    ShardChunk,
    ShardTerm,
    check_xorb,
    chunk_hash,
    dedup_shard,
    file_hash,
    keyed_hash,
    range_hash,
    read_shard,
)
from tests.unit.chunks.samples import (
    BOOKEND,
    HELLO_CHUNK,
    HELLO_SHARD,
    footer,
    mixed_xorb,
    record,
    shard,
    some_shard,
)

HELLO = chunk_hash(b"hello world")
KEY = bytes(range(32))


def test_the_shard_of_the_real_client() -> None:
    found = read_shard(HELLO_SHARD)
    (file,) = found.files
    (xorb,) = found.xorbs
    assert file.hash == file_hash([(HELLO, 11)])
    assert list(file.terms) == [ShardTerm(HELLO, 11, 0, 1)]
    assert list(file.range_hashes) == [range_hash(HELLO)]
    assert file.sha256 == "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
    assert xorb.hash == HELLO
    assert list(xorb.chunks) == [ShardChunk(HELLO, 0, 11, eligible=False)]
    assert xorb.agrees(check_xorb(HELLO_CHUNK))


def test_the_other_client_sends_a_footer() -> None:
    with_footer = HELLO_SHARD[:40] + struct.pack("<Q", 200) + HELLO_SHARD[48:] + footer()
    assert [each.hash for each in read_shard(with_footer).files] == [file_hash([(HELLO, 11)])]
    tables = HELLO_SHARD[:40] + struct.pack("<Q", 200) + HELLO_SHARD[48:] + bytes(333) + footer()
    assert len(read_shard(tables).xorbs) == 1


def test_known_content_brings_no_xorbs_and_buckets_no_sha256() -> None:
    terms = [(b"x" * 32, 100, 0, 4), (b"y" * 32, 7, 2, 3), (b"x" * 32, 9, 8191, 8192)]
    ranges = [b"1" * 32, b"2" * 32, b"3" * 32]
    found = read_shard(shard([(b"f" * 32, terms, ranges, None), (b"g" * 32, [], [], None)], []))
    assert not found.xorbs
    first, second = found.files
    assert [tuple(term) for term in first.terms] == terms
    assert list(first.range_hashes) == ranges
    assert first.sha256 is None
    assert (len(second.terms), len(second.range_hashes)) == (0, 0)


def test_records_are_made_when_they_are_asked_for() -> None:
    terms = [(bytes([number] * 32), 1 + number, 0, 1) for number in range(9)]
    file = read_shard(shard([(b"f" * 32, terms, [], None)], [])).files[0]
    assert file.terms == terms
    assert file.terms[-1] == terms[-1]
    assert file.terms[2:4] == tuple(ShardTerm(*term) for term in terms[2:4])
    assert file.terms != terms[:-1]
    assert file.terms.index(ShardTerm(*terms[3])) == 3
    assert repr(file.terms) == "<9 records>"
    with pytest.raises(IndexError):
        file.terms[9]


def test_a_xorb_agrees_with_its_own_index_alone() -> None:
    index = check_xorb(mixed_xorb(1, 20)[0])
    chunks = [
        (raw, index.offset_of(at), length, 1 << 31 if at % 3 else 0)
        for at, (raw, length) in enumerate(index.leaves())
    ]
    (xorb,) = read_shard(shard([], [(index.xorb_hash(), chunks)])).xorbs
    assert xorb.agrees(index)
    assert [each.eligible for each in xorb.chunks] == [bool(at % 3) for at in range(20)]
    other_hash = [*chunks[:7], (bytes(32), *chunks[7][1:]), *chunks[8:]]
    one_less = chunks[:-1]
    longer = [*chunks[:-1], (chunks[-1][0], chunks[-1][1], chunks[-1][2] + 1, 0)]
    for wrong in (other_hash, one_less, longer):
        (xorb,) = read_shard(shard([], [(index.xorb_hash(), wrong)])).xorbs
        assert not xorb.agrees(index)


def changed(at: int, *numbers: int, form: str = "<I", sample: bytes = HELLO_SHARD) -> bytes:
    """The real shard with other numbers in a place."""
    packed = b"".join(struct.pack(form, number) for number in numbers)
    return sample[:at] + packed + sample[at + len(packed) :]


FILE, TERM, XORB, CHUNK = 48, 96, 288, 336
ONE_TERM = [(b"x" * 32, 1, 0, 1)]

REFUSED = {
    "nothing": b"",
    "a header alone": HELLO_SHARD[:48],
    "another tag": b"X" + HELLO_SHARD[1:],
    "another version": changed(32, 3, form="<Q"),
    "another footer": changed(40, 100, form="<Q"),
    "a footer beyond counting": changed(40, 2**64 - 1, form="<Q"),
    "a footer that is not there": changed(40, 200, form="<Q"),
    "sections and no footer": changed(40, 200, form="<Q", sample=shard([], [])),
    "no end of files": HELLO_SHARD[:240],
    "no end of xorbs": HELLO_SHARD[:-48],
    "an end cut off": HELLO_SHARD[:-1],
    "a byte too many": HELLO_SHARD + b"\0",
    "a record too many": HELLO_SHARD + BOOKEND,
    "a keyed footer": shard([], [], footer(KEY)),
    "a footer of another version": shard([], [], footer(version=2)),
    "a footer cut off": shard([], [], footer())[:-1],
    "unknown flags of a file": changed(FILE + 32, 0xE0000000),
    "too many terms": changed(FILE + 36, 7),
    "terms beyond counting": changed(FILE + 36, 0xFFFFFFFF),
    "flags of a term": changed(TERM + 32, 1),
    "a term of nothing": changed(TERM + 36, 0),
    "an empty range": changed(TERM + 40, 1, 1),
    "a range backwards": changed(TERM + 40, 5, 1),
    "a range too far": changed(TERM + 40, 0, 8193),
    "a range beyond counting": changed(TERM + 40, 0, 0xFFFFFFFF),
    "flags of a xorb": changed(XORB + 32, 1),
    "no chunks": shard([], [(b"x" * 32, [])]),
    "chunks beyond counting": changed(XORB + 36, 0xFFFFFFFF),
    "another total": changed(XORB + 40, 12),
    "a chunk elsewhere": changed(CHUNK + 32, 1),
    "an empty chunk": changed(CHUNK + 36, 0, sample=changed(XORB + 40, 0)),
    "a chunk too long": changed(CHUNK + 36, 131073, sample=changed(XORB + 40, 131073)),
    "flags of a chunk": changed(CHUNK + 40, 1),
    "too many chunks": shard([], [(b"x" * 32, [(bytes(32), at, 1, 0) for at in range(8193)])]),
    "too many bytes": bytes(MOST_SHARD + 1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    with pytest.raises(BadShard) as refusal:
        read_shard(REFUSED[name])
    assert refusal.value.status == 400
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("end", range(0, len(HELLO_SHARD), 7))
def test_no_beginning_of_a_shard_is_one(end: int) -> None:
    with pytest.raises(BadShard):
        read_shard(HELLO_SHARD[:end])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_what_other_writers_write_is_read(seed: int) -> None:
    data = some_shard(seed)
    found = read_shard(memoryview(data))
    for file in found.files:
        assert len(file.range_hashes) in {0, len(file.terms)}
        assert all(0 <= term.start < term.end for term in file.terms)
    for xorb in found.xorbs:
        assert all(chunk.length > 0 for chunk in xorb.chunks)


@pytest.mark.parametrize("kind", ["terms", "files", "chunks"])
def test_large_shards_stay_bytes(kind: str) -> None:
    many = MOST_SHARD // 48 // 16
    if kind == "terms":
        body = record(b"f" * 32, 0, many, 0, 0) + record(b"x" * 32, 0, 1, 0, 1) * many + BOOKEND
    elif kind == "files":
        body = record(b"f" * 32, 0, 0, 0, 0) * many + BOOKEND
    else:
        chunks = b"".join(record(b"c" * 32, at, 1, 0, 0) for at in range(8192))
        body = BOOKEND + (record(b"x" * 32, 0, 8192, 8192, 0) + chunks) * (many // 8193)
    data = HELLO_SHARD[:48] + body + BOOKEND
    tracemalloc.start()
    try:
        found = read_shard(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.files) + len(found.xorbs) > 0
    assert peak < len(data) // 3


def test_an_answer_to_a_question_for_a_chunk() -> None:
    rng = random.Random(1)
    offers = [
        Offer(
            rng.randbytes(32),
            [(rng.randbytes(32), rng.randint(1, 131072)) for _ in range(count)],
            99,
        )
        for count in (1, 5)
    ]
    answer = dedup_shard(offers, key=KEY, created=1_700_000_000, expires=1_700_604_800)
    end = 48 * (1 + 1 + 2 + 6 + 1)
    total = sum(length for offer in offers for _, length in offer.chunks)
    assert len(answer) == end + 200
    assert answer[:32] == HELLO_SHARD[:32]
    assert struct.unpack_from("<2Q", answer, 32) == (2, 200)
    assert answer[48:96] == answer[end - 48 : end] == BOOKEND
    assert struct.unpack("<9Q32s2Q48x4Q", answer[end:]) == (
        *(1, 48, 96, end, 0, end, 0, end, 0, KEY, 1_700_000_000, 1_700_604_800),
        *(198, 0, total, end),
    )
    assert struct.unpack_from("<32s4I", answer, 96) == (
        *(offers[0].xorb, 0, 1, offers[0].chunks[0][1], 99),
    )
    plain = answer[: end + 72] + bytes(32) + answer[end + 104 :]
    found = read_shard(plain)
    assert not found.files
    assert [each.hash for each in found.xorbs] == [offer.xorb for offer in offers]
    for xorb, offer in zip(found.xorbs, offers, strict=True):
        assert [(each.hash, each.length) for each in xorb.chunks] == offer.chunks


def test_an_answer_is_never_made_without_a_key() -> None:
    offer = Offer(bytes(32), [(keyed_hash(HELLO, KEY), 11)], 19)
    for key in (bytes(32), b"", KEY[:-1]):
        with pytest.raises(ValueError, match="keyed"):
            dedup_shard([offer], key=key, created=1, expires=2)
