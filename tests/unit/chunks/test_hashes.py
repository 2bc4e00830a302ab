"""Hashes of the protocol's vectors, their text, and the tree against its own words."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.chunks import (
    NO_HASH,
    BadHash,
    FileHash,
    chunk_hash,
    file_hash,
    from_text,
    is_eligible,
    keyed_hash,
    merkle_root,
    range_hash,
    to_text,
)
from tests.unit.chunks.samples import H1, H2, H3, H4, slow_root, text

COUNTED = bytes(range(256)) * 32


@pytest.mark.parametrize(
    ("data", "chunk", "file"),
    [
        (
            b"a",
            "a4d4ed80fcb2fe5177fc59321d3e6f90faf23e35a48d58303114bf073f34178a",
            "49a7fffaf5f34109d4a191757f3e541e26437dcd1e0e83153454a503757856be",
        ),
        (
            b"hello world",
            "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1",
            "f15edd43b7e85cfd25e2758ffe13b99fdd09dfa817e8d9f6548722a7a126db7f",
        ),
        (
            b"Hello, Xet!",
            "6053f541632297dea56b8161d3cb7635f5393c3a57840255b4701005e4483e33",
            "15f6cdad768d5f0de4eec005283c50ba01ccf20417cf89fd7085658180b45f25",
        ),
        (
            bytes(1000),
            "145f5e1efbbf517ab84c6e7f90b3185011cfac8aa88587f0208ba2e45cc22de1",
            "a39c6fe1decd63530c1bff931aabe03d70144bb5cff2bdf61e840a57951b10c5",
        ),
        (
            COUNTED,
            "bec0bee71029304111e1c68d14a9bf37fc7f214416317dca57fa97de3893ff51",
            "d521d23e86aebc142d62136f5a202c5ff51faf4e6ff8d628493f252cd45c82dd",
        ),
    ],
)
def test_a_chunk_and_the_file_it_makes_alone(data: bytes, chunk: str, file: str) -> None:
    for form in (data, bytearray(data), memoryview(data)):
        assert to_text(chunk_hash(form)) == chunk
    leaves = [(from_text(chunk), len(data))]
    assert to_text(merkle_root(leaves)) == chunk
    assert to_text(file_hash(leaves)) == file


def test_an_empty_file() -> None:
    assert merkle_root([]) == file_hash([]) == FileHash().digest() == NO_HASH
    assert to_text(NO_HASH) == "0" * 64


def test_raw_bytes_ranges_and_keys() -> None:
    hello = chunk_hash(b"hello world")
    assert hello.hex() == "119f359d8b37394e0213441f7a559081d97ba0cf5f4ea519b151e66f460bf56c"
    assert (
        to_text(range_hash(hello))
        == "22ef2fdcff5cea306e42ad7e15ed8a0c5e789e7d2ec34658c10d2758946847da"
    )
    assert (
        to_text(keyed_hash(hello, bytes(range(32))))
        == "01d774a58eab4d28ea31a959ebdd1adbfb6940544b51a316db7acd593dfdd0b4"
    )


@pytest.mark.parametrize(
    ("leaves", "xorb", "file"),
    [
        (
            [(H1, 100)],
            H1,
            "8e16257caa3fe079d484d872a8975264b2ff683b0d6db9028cc7c0f968a45661",
        ),
        (
            [(H1, 100), (H2, 200), (H3, 300)],
            "71ec1275fca074724e2dd666921b3277c7cee603e4d025bcab2d4050015be2bc",
            "54e55dccc6653c612bdb5576c5d3cb34bb31bc4e100248abccf4c908b3ef7715",
        ),
        (
            [(H1, 100)] * 4,
            "89f2ada89ff8c96763c6b25010e6dd76a4c05b1466207633ea559acf2093211b",
            "2cdba690d0e09563596e0cda626d43eb4c96ef1e994fe72d9b2f5a83cfcd36dd",
        ),
        (
            [(H1, 100), (H2, 200), (H1, 100), (H2, 200), (H3, 300), (H4, 400)],
            "52c826f99507aa05d0b45e9837fa1709e0485425cfbcb1e80db3905cf98b3ee9",
            "91d21684db364c8883ab8209fa5eb2e781cf07f37e1fa43e731c30839afe422f",
        ),
        (
            [("0" * 64, 0)],
            "0" * 64,
            "638a6bc391964a85939d48f008e8bdbae6a7975e7ca2d87a3ce2492f4e4d8a4c",
        ),
    ],
)
def test_merkle_vectors(leaves: list[tuple[str, int]], xorb: str, file: str) -> None:
    raw = [(from_text(each), length) for each, length in leaves]
    assert to_text(merkle_root(raw)) == xorb
    assert to_text(file_hash(raw)) == file


def leaves_of(seed: int, count: int) -> list[tuple[bytes, int]]:
    rng = random.Random(seed)
    return [(rng.randbytes(32), rng.randint(1, 131072)) for _ in range(count)]


@pytest.mark.parametrize("count", [*range(1, 40), 100, 1000, 4096, 4097, 8192, 9001])
def test_the_tree_is_what_the_protocol_says(count: int) -> None:
    leaves = leaves_of(count, count)
    assert merkle_root(leaves) == slow_root(leaves)


@pytest.mark.parametrize("last", [0, 4, 1, 2, 3])
def test_the_tree_of_hashes_that_all_or_never_end_a_group(last: int) -> None:
    ends = bytes(24) + last.to_bytes(8, "little")
    for count in (2, 3, 4, 9, 10, 11, 27, 82, 5000):
        assert merkle_root([(ends, 7)] * count) == slow_root([(ends, 7)] * count)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 3000), max_size=6))
def test_a_file_hash_is_the_same_in_whatever_pieces_it_is_fed(seed: int, sizes: list[int]) -> None:
    leaves = leaves_of(seed, sum(sizes))
    whole, at = FileHash(), 0
    for size in sizes:
        piece = leaves[at : at + size]
        whole.add(b"".join(raw for raw, _ in piece), [length for _, length in piece])
        at += size
    assert whole.digest() == file_hash(leaves)


def test_long_files_take_little_memory() -> None:
    whole = FileHash()
    leaves = leaves_of(1, 20_000)
    for raw, length in leaves:
        whole.add(raw, [length])
        assert sum(level.count for level in whole._tree._levels) < 10_000
    assert whole.digest() == file_hash(leaves)


def test_each_leaf_has_a_length() -> None:
    with pytest.raises(ValueError, match="hash and a length"):
        FileHash().add(bytes(64), [1])


def test_text_turns_each_group_of_eight_around() -> None:
    raw = bytes(range(32))
    written = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
    assert to_text(raw) == written
    assert from_text(written) == raw
    assert raw.hex() != written


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32))
def test_text_and_back(raw: bytes) -> None:
    assert to_text(raw) == text(raw)
    assert from_text(to_text(raw)) == raw


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", " " + "0" * 63),
        *("0x" + "0" * 62, "-" + "0" * 63, "_".join(["0" * 31, "0" * 32]), "٠" * 64, "{text}"),
        *("../" * 20 + "0000", "\0" * 64, "é" * 64, "\ud800"),
    ],
)
def test_what_is_no_hash(wrong: str) -> None:
    with pytest.raises(BadHash) as refusal:
        from_text(wrong)
    assert refusal.value.status == 400
    assert str(refusal.value).encode()


def test_eligible_chunks_are_one_in_1024() -> None:
    for last in (0, 1024, 2048, 1 << 40, 1 << 63):
        assert is_eligible(bytes(24) + last.to_bytes(8, "little"))
    for last in (1, 512, 1023, 1025, (1 << 40) + 512):
        assert not is_eligible(b"\0" * 24 + last.to_bytes(8, "little"))
