"""Files are cut as the clients cut them, in whatever pieces they come, in little memory."""

import hashlib
import random
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.chunks import Cutter, chunk_hash, file_hash, merkle_root, range_hash, to_text
from hub_server.chunks.gear import _TABLE, Gear
from tests.unit.chunks.samples import counted_bytes

GEAR = [int(word, 16) for word in _TABLE.split()]
LENGTHS = [
    *(15495, 82104, 50556, 55540, 34273, 28823, 97633, 30202, 26568, 86955),
    *(75209, 81714, 14339, 131013, 58655, 10126, 30276, 90519),
]


def cut(pieces: Iterable[bytes]) -> list[bytes]:
    cutter = Cutter()
    found = [chunk for piece in pieces for chunk in cutter.feed(piece)]
    return [*found, *cutter.finish()]


def slowly_cut(data: bytes) -> list[int]:
    """Lengths of chunks, byte by byte as the protocol says."""
    lengths, size, h = [], 0, 0
    for byte in data:
        h = (h << 1) + GEAR[byte] & 0xFFFFFFFFFFFFFFFF
        size += 1
        if size >= 8192 and (size >= 131072 or h >> 48 == 0):
            lengths.append(size)
            size = h = 0
    return [*lengths, size] if size else lengths


def test_the_table() -> None:
    packed = b"".join(struct.pack("<Q", value) for value in GEAR)
    assert len(GEAR) == 256
    assert (
        hashlib.sha256(packed).hexdigest()
        == "e1d3936666d7ae7a977c958e9afcc75f90aaca758ce5fbe4ece61dffefe1912c"
    )


def test_the_chunking_vector() -> None:
    data = counted_bytes()
    assert (
        hashlib.sha256(data).hexdigest()
        == "1248ea53851f6898fb1832987c650d9563270577c7f4e47ce67e32f27ee99887"
    )
    chunks = cut([data])
    hashes = [chunk_hash(chunk) for chunk in chunks]
    leaves = [(each, len(chunk)) for each, chunk in zip(hashes, chunks, strict=True)]
    assert [len(chunk) for chunk in chunks] == LENGTHS
    assert [to_text(hashes[at]) for at in (0, 1, 17)] == [
        "e28257ab3dd46c25b9d93e81f6826fd1a5d90b3dfdc511c3ca3686cb539d6d40",
        "34bc52f3693c398860d90c676315050ecbc6643df1e42cb464c684107db5a200",
        "7efacfb8bd5f3f2a1c31370410e68e3d19c1d805a5f9b21a13547e45266ce7ef",
    ]
    assert [to_text(each) for each in (merkle_root(leaves), file_hash(leaves))] == [
        "01e9ddefaa73d6201b697240073d4e690f3fee44949c65082a75a2b838914d1f",
        "821f3082696957442edc1152ff335f9107b9195661bbd39b7805e162c1284db9",
    ]
    assert [to_text(range_hash(b"".join(hashes[:end]))) for end in (18, 3)] == [
        "0ba722a80192f38b79a144f24be86264bfdcbfbd81f5556e82ac265ba994a2f6",
        "6f03524caca40dcaa533cb15918e117317688390833def8111d57cb5c3522d7b",
    ]


def test_zeros_are_cut_at_the_largest_size() -> None:
    chunks = cut([bytes(300_000)])
    assert [len(chunk) for chunk in chunks] == [131072, 131072, 37856]
    assert (
        to_text(file_hash([(chunk_hash(chunk), len(chunk)) for chunk in chunks]))
        == "3d7bd4178bc2851ba07d59c24c3a88ae0c7220e9920d6c5c6a06b01556d46404"
    )


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 8191, 8192, 8193, 131071, 131072, 131073])
def test_small_files(size: int) -> None:
    data = random.Random(size).randbytes(size)
    chunks = cut([data])
    assert b"".join(chunks) == data
    assert [len(chunk) for chunk in chunks] == slowly_cut(data)


def test_a_cut_is_allowed_after_exactly_8192_bytes() -> None:
    found = 0
    rng = random.Random(5)
    window = _window_that_cuts(rng)
    for size in (8191, 8192, 8193):
        data = bytes(size - 64) + window + rng.randbytes(20_000)
        lengths = slowly_cut(data)
        found += lengths[0] == size
        assert [len(chunk) for chunk in cut([data])] == lengths
    assert found == 2


@pytest.mark.parametrize("end", [32 * 1024, 32 * 1024 + 63, 64 * 1024, 1024**2 - 1])
def test_no_cut_is_missed_where_the_work_is_divided(end: int) -> None:
    window = _window_that_cuts(random.Random(5))
    gear = Gear()
    for size in range(end - 80, end + 80):
        assert gear.cuts(bytes(size) + window + bytes(10))[-1] == size + 63


def _window_that_cuts(rng: random.Random) -> bytes:
    data = rng.randbytes(2_000_000)
    h = 0
    for at, byte in enumerate(data):
        h = (h << 1) + GEAR[byte] & 0xFFFFFFFFFFFFFFFF
        if at >= 64 and h >> 48 == 0:
            return data[at - 63 : at + 1]
    raise AssertionError("no window found")


def test_long_files_are_cut_as_byte_by_byte() -> None:
    rng = random.Random(3)
    quiet = b"".join(rng.randbytes(30_000) + bytes(rng.randint(0, 300_000)) for _ in range(6))
    data = rng.randbytes(1_500_000) + quiet
    assert [len(chunk) for chunk in cut([data])] == slowly_cut(data)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3_000_000), st.integers(1, 1_500_000))
def test_pieces_make_no_difference(seed: int, size: int, most: int) -> None:
    rng = random.Random(seed)
    data = rng.randbytes(size)
    pieces, at = [], 0
    while at < size:
        step = rng.randint(0, most)
        pieces.append(data[at : at + step])
        at += step
    chunks = cut(pieces)
    assert chunks == cut([data])
    assert b"".join(chunks) == data
    assert all(8192 <= len(chunk) <= 131072 for chunk in chunks[:-1])


def test_numpy_is_loaded_by_those_who_cut_alone() -> None:
    script = """
import sys
from hub_server import chunks
assert "numpy" not in sys.modules
chunks.Cutter()
assert "numpy" in sys.modules
"""
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_memory_stays_the_same_for_a_long_file() -> None:
    piece = random.Random(1).randbytes(3 * 1024**2)
    cutter = Cutter()
    list(cutter.feed(piece))
    tracemalloc.start()
    try:
        for _ in range(4):
            for _ in cutter.feed(piece):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024**2
