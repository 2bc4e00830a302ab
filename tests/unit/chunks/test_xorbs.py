"""Xorbs of every shape that clients send are read; what is none of them is refused."""

import mmap
import random
import struct
import tracemalloc
from pathlib import Path

import lz4.frame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.chunks import (
    MOST_XORB,
    BadXorb,
    XorbIndex,
    check_xorb,
    chunk_hash,
    file_hash,
    merkle_root,
    pack_chunk,
    range_hash,
    to_text,
    unpack,
)
from tests.unit.chunks.samples import (
    HELLO_CHUNK,
    LETTERS_CHUNK,
    chunk,
    footer_v0,
    footer_v1,
    header,
    mixed_parts,
    mixed_xorb,
    slow_root,
)

HELLO = "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1"


def unpacked(packed: bytes | memoryview) -> bytes:
    return b"".join(unpack(packed))


def test_the_examples_of_the_real_client() -> None:
    assert to_text(check_xorb(HELLO_CHUNK).xorb_hash()) == HELLO
    assert pack_chunk(b"hello world") == HELLO_CHUNK
    assert unpacked(LETTERS_CHUNK) == b"abcdefgh" * 100
    assert len(pack_chunk(b"abcdefgh" * 100)) <= len(LETTERS_CHUNK)
    numbers = struct.pack("<1000f", *map(float, range(1000)))
    packed = pack_chunk(numbers)
    assert packed[4] == 2
    assert packed[5:8] == b"\xa0\x0f\0"
    assert len(packed) <= 8 + 1083
    assert unpacked(packed) == numbers


def test_an_index_tells_where_everything_is() -> None:
    packed, parts = mixed_xorb(1, 40)
    index = check_xorb(packed)
    leaves = [(chunk_hash(part), len(part)) for part in parts]
    assert index.count == 40
    assert index.size == len(packed)
    assert index.hashes == b"".join(raw for raw, _ in leaves)
    assert index.leaves() == leaves
    assert index.leaves(3, 7) == leaves[3:7]
    assert index.lengths(3, 7) == [len(part) for part in parts[3:7]]
    assert index.unpacked_size() == len(b"".join(parts))
    assert index.xorb_hash() == merkle_root(leaves) == slow_root(leaves)
    for start, end in ((0, 40), (0, 1), (5, 5), (0, 0), (39, 40), (7, 31), (40, 40)):
        first, length = index.packed_span(start, end)
        assert unpacked(packed[first : first + length]) == b"".join(parts[start:end])
        assert index.unpacked_size(start, end) == len(b"".join(parts[start:end]))
        assert index.hashes_of(start, end) == b"".join(raw for raw, _ in leaves[start:end])
        assert index.range_hash(start, end) == range_hash(index.hashes_of(start, end))
    for number, part in enumerate(parts):
        assert index.hash_at(number) == leaves[number][0]
        offset = index.offset_of(number)
        assert index.chunk_at(offset) == number
        assert index.chunk_at(offset + len(part) - 1) == number
    assert index.offset_of(40) == index.unpacked_size()


def test_an_index_as_bytes() -> None:
    index = check_xorb(mixed_xorb(2, 30)[0])
    stored = index.to_bytes()
    assert len(stored) == 40 * 30
    assert XorbIndex.from_bytes(stored) == index
    assert hash(XorbIndex.from_bytes(stored)) == hash(index)
    assert XorbIndex.from_bytes(memoryview(stored)).leaves() == index.leaves()
    assert XorbIndex.from_bytes(b"").size == XorbIndex.from_bytes(b"").count == 0
    for wrong in (stored[:-1], stored + b"\0", bytes(40 * 8193)):
        with pytest.raises(BadXorb):
            XorbIndex.from_bytes(wrong)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4), (4, 4), (4, None), (-2, -1)])
def test_no_index_answers_for_chunks_that_are_not_there(start: int, end: int | None) -> None:
    index = check_xorb(mixed_xorb(3, 3)[0])
    for ask in (index.unpacked_size, index.packed_span, index.leaves, index.hashes_of):
        with pytest.raises(IndexError):
            ask(start, end)
    for number in (-1, 3):
        with pytest.raises(IndexError):
            index.hash_at(number)
    for offset in (-1, index.unpacked_size()):
        with pytest.raises(IndexError):
            index.chunk_at(offset)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 131072), st.sampled_from([0, 1, 2]))
def test_whatever_is_packed_comes_out(seed: int, size: int, kind: int) -> None:
    data = mixed_parts(seed, 3, size)[kind]
    packed = pack_chunk(data)
    assert len(packed) <= 8 + len(data)
    assert unpacked(packed) == data
    assert check_xorb(packed).xorb_hash() == chunk_hash(data)
    for scheme in (0, 1, 2):
        assert unpacked(chunk(data, scheme)) == data


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 4095, 131069, 131070, 131071, 131072])
def test_grouped_bytes_of_every_remainder(size: int) -> None:
    data = random.Random(size).randbytes(size)
    packed = chunk(data, 2)
    assert unpacked(packed) == data
    assert check_xorb(packed).hash_at(0) == chunk_hash(data)


def test_what_other_writers_of_lz4_frames_do() -> None:
    data = mixed_parts(4, 2, 130_000)[1]
    for options in (
        {"block_size": 7, "store_size": True, "content_checksum": True, "block_checksum": True},
        {"block_size": 5, "block_linked": True, "compression_level": 9},
    ):
        payload = lz4.frame.compress(data, **options)
        packed = header(1, len(payload), len(data)) + payload
        assert check_xorb(packed + HELLO_CHUNK).hash_at(0) == chunk_hash(data)
        assert unpacked(packed) == data


def test_stored_chunks_are_not_copied() -> None:
    packed = bytearray(chunk(b"one") + chunk(b"two"))
    first, second = unpack(memoryview(packed))
    assert isinstance(first, memoryview)
    packed[8:11] = b"ONE"
    assert (bytes(first), bytes(second)) == (b"ONE", b"two")


def test_a_file_in_memory_is_let_go_whatever_comes_of_it(tmp_path: Path) -> None:
    for number, tail in enumerate((b"", b"garbage!", chunk(b"x" * 900, 1, length=901))):
        path = tmp_path / f"{number}"
        path.write_bytes(mixed_xorb(5, 9)[0] + tail)
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if tail:
            with pytest.raises(BadXorb) as refusal:
                check_xorb(mapped)
            assert refusal.tb
        else:
            assert check_xorb(mapped).count == 9
        mapped.close()


@pytest.mark.parametrize("footer", [footer_v0, footer_v1])
@pytest.mark.parametrize("count", [1, 2, 100])
def test_footers_of_older_clients_are_left_out(footer, count: int) -> None:
    packed, parts = mixed_xorb(count, count)
    index = check_xorb(packed)
    ends = [sum(index.packed_span(0, each)) for each in range(1, count + 1)]
    whole = packed + footer(parts, ends, index.xorb_hash())
    assert check_xorb(whole) == index
    assert check_xorb(whole).size == len(packed)
    for wrong in (
        whole + b"\0",
        whole[:-1],
        whole[:-4] + struct.pack("<I", 0xFFFFFFFF),
        packed + b"XETBLOB",
        packed + b"XETBLOB\1",
        packed + b"XETBLOB\2" + whole[len(packed) + 8 :],
        packed + footer(parts, ends, bytes(32)),
        whole + HELLO_CHUNK,
        whole[len(packed) :],
    ):
        with pytest.raises(BadXorb):
            check_xorb(wrong)


def test_a_footer_cannot_be_a_place_to_keep_things() -> None:
    footer = b"XETBLOB\1" + check_xorb(HELLO_CHUNK).xorb_hash() + bytes(2_000_000)
    with pytest.raises(BadXorb):
        check_xorb(HELLO_CHUNK + footer + struct.pack("<I", len(footer)))


BOMB = lz4.frame.compress(bytes(40_000_000), compression_level=12, block_size=7)
LETTERS = LETTERS_CHUNK[8:]

WASTE = LETTERS[:7] + b"\1\0\0\x80x" * 60_000 + bytes(4)
"""A sound frame of sixty thousand blocks, each of one byte."""

REFUSED = {
    "nothing": b"",
    "one byte": b"\0",
    "half a header": HELLO_CHUNK[:5],
    "a header alone": HELLO_CHUNK[:8],
    "a chunk cut off": HELLO_CHUNK[:-1],
    "a byte too many": HELLO_CHUNK + b"\0",
    "zeros behind": HELLO_CHUNK + bytes(8),
    "text behind": HELLO_CHUNK + b"garbage and more",
    "another version": chunk(b"hello", version=1),
    "an unknown scheme": header(3, 5, 5) + b"hello",
    "a scheme of 255": header(255, 5, 5) + b"hello",
    "an empty chunk": header(0, 0, 0),
    "an empty frame": chunk(b"", 1),
    "stored, shorter than it says": header(0, 5, 6) + b"hello" + HELLO_CHUNK,
    "stored, longer than it says": header(0, 5, 4) + b"hello",
    "longer than a chunk may be": chunk(bytes(131073), 1),
    "stored and longer than a chunk may be": chunk(bytes(131073)),
    "more than can be meant": header(1, 0xFFFFFF, 0xFFFFFF) + bytes(100),
    "packed larger than twice a chunk": header(1, len(WASTE), 60_000) + WASTE,
    "not a frame": header(1, 5, 5) + b"hello",
    "a frame of less": header(1, len(LETTERS), 801) + LETTERS,
    "a frame of more": header(1, len(LETTERS), 799) + LETTERS,
    "a frame cut off": header(1, len(LETTERS) - 1, 800) + LETTERS[:-1],
    "a frame without its end": header(1, len(LETTERS) - 4, 800) + LETTERS[:-4],
    "a frame and more": header(1, len(LETTERS) + 4, 800) + LETTERS + bytes(4),
    "two frames": header(1, 2 * len(LETTERS), 1600) + LETTERS * 2,
    "a frame to skip": header(1, 12, 4) + b"\x50\x2a\x4d\x18\x04\0\0\0meta",
    "a bomb": header(1, len(BOMB), 131072) + BOMB,
    "a bomb of groups": header(2, len(BOMB), 131072) + BOMB,
    "a chunk too many": chunk(b"x") * 8193,
    "only a footer": b"XETBLOB\1" + bytes(100),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("before", [b"", LETTERS_CHUNK])
def test_what_is_refused(name: str, before: bytes) -> None:
    if not REFUSED[name] and before:
        return
    with pytest.raises(BadXorb) as refusal:
        check_xorb(before + REFUSED[name])
    assert refusal.value.status == 400
    assert str(refusal.value).endswith(".")


def test_frames_that_other_decoders_cannot_read_are_refused() -> None:
    """Whoever sends first decides the bytes that everybody fetches; clients know no dictionary."""
    frame = LETTERS_CHUNK[8:]
    for check in range(256):
        other = frame[:4] + b"\x61\x40\1\0\0\0" + bytes([check]) + frame[7:]
        with pytest.raises(BadXorb):
            check_xorb(header(1, len(other), 800) + other)


def test_bombs_are_not_unpacked() -> None:
    for scheme in (1, 2):
        packed = header(scheme, len(BOMB), 131072) + BOMB
        for read in (check_xorb, unpacked):
            tracemalloc.start()
            try:
                with pytest.raises(BadXorb):
                    read(packed)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 1_000_000


def test_the_most_chunks_and_no_more() -> None:
    index = check_xorb(chunk(b"x") * 8192)
    assert index.count == 8192
    assert len(index.to_bytes()) == 40 * 8192
    assert index.xorb_hash() == merkle_root([(chunk_hash(b"x"), 1)] * 8192)
    assert file_hash(index.leaves()) != index.xorb_hash()


def test_a_full_xorb_of_incompressible_chunks_fits() -> None:
    part = random.Random(1).randbytes(65536)
    index = check_xorb(chunk(part) * 1024)
    assert index.size == 64 * 1024**2 + 8 * 1024
    with pytest.raises(BadXorb, match="at most"):
        check_xorb(chunk(part) * 1026)
    with pytest.raises(BadXorb, match="at most"):
        check_xorb(bytes(MOST_XORB + 1))


@pytest.mark.parametrize(
    "name",
    ["half a header", "a chunk cut off", "not a frame", "a frame of more", "an unknown scheme"],
)
def test_damage_of_what_was_stored_is_told_not_served(name: str) -> None:
    chunks = unpack(HELLO_CHUNK + REFUSED[name])
    assert bytes(next(chunks)) == b"hello world"
    with pytest.raises(BadXorb):
        next(chunks)
