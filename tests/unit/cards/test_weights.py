"""Parameter counts from the headers of weight files, honest ones and others."""

import contextlib
import json
import random
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.cards import HeaderCut, gguf, safetensors, weights
from tests.unit.cards import headers

TENSORS = {"a": ("F32", [3, 5]), "b": ("F32", []), "c": ("BF16", [7]), "d": ("I8", [0, 4])}
KEYS = {
    "general.architecture": "llama",
    "llama.context_length": 8192,
    "tokenizer.ggml.tokens": [f"t{number}" for number in range(500)],
    "tokenizer.ggml.types": list(range(500)),
    "tokenizer.chat_template": "{{ x }}\0",
    "flag": True,
    "scale": 0.5,
}


def counted(header: bytes, size: int) -> dict[str, int] | None:
    assert safetensors.header_end(header[:8], size) in (len(header), None)
    return safetensors.parameters(header, size)


def test_safetensors_are_counted_by_type():
    header, size = headers.safetensors(TENSORS, {"format": "pt"})
    assert counted(header, size) == {"F32": 16, "BF16": 7, "I8": 0}


def test_the_library_that_people_use_writes_what_is_read(tmp_path):
    np = pytest.importorskip("numpy")
    library = pytest.importorskip("safetensors.numpy")
    library.save_file({"x": np.zeros((3, 4), "float16"), "y": np.zeros(5)}, tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    end = safetensors.header_end(data[:8], len(data))
    assert end is not None
    assert safetensors.parameters(data[:end], len(data)) == {"F16": 12, "F64": 5}


def tensor(**changes: object) -> bytes:
    told = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes
    text = json.dumps({"x": told}).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": 5},
        {"dtype": "x" * 100},
        {"dtype": "<b>"},
        {"shape": None},
        {"shape": [-1]},
        {"shape": [2.0]},
        {"shape": [True]},
        {"shape": ["2"]},
        {"shape": [2**62, 2**62]},
        {"shape": [1] * 1000},
        {"shape": [65]},
        {"data_offsets": [8, 0]},
        {"data_offsets": [0]},
        {"data_offsets": "08"},
        {"data_offsets": [0, 10**6]},
        {"data_offsets": [0, 10**400]},
    ],
)
def test_a_header_that_lies_counts_nothing(changes):
    header = tensor(**changes)
    assert safetensors.parameters(header, len(header) + 8) is None


NO_HEADERS = [b"", b"{", b"[]", b"{}", b"null", b'{"x": 5}', b"[" * 100_000, b"\xff", b"9" * 10_000]
NO_HEADERS += [
    b'{"__metadata__": {}}',
    b'{"x": {"dtype": "F32", "shape": [' + b"9" * 9_000 + b"]}}",
]


@pytest.mark.parametrize("text", NO_HEADERS)
def test_what_is_no_header(text):
    assert safetensors.parameters(struct.pack("<Q", len(text)) + text, 10**9) is None


@pytest.mark.parametrize("start", [b"", b"\0" * 7, b"\0" * 8, b"\xff" * 8, b"\1" + b"\0" * 7])
def test_lengths_that_cannot_be(start):
    assert safetensors.header_end(start, 10**12) is None


def test_a_length_beyond_the_file():
    assert safetensors.header_end(struct.pack("<Q", 1000), 1008) == 1008
    assert safetensors.header_end(struct.pack("<Q", 1000), 1007) is None
    assert safetensors.header_end(struct.pack("<Q", safetensors.MAX_HEADER), 10**12) is None


def test_the_files_of_an_index():
    index = {"metadata": {}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}
    index["weight_map"] |= {"c": "m-1.safetensors", "d": "../x.safetensors", "e": 5, "f": "x.bin"}
    found = safetensors.shards(json.dumps(index).encode())
    assert found == ("m-1.safetensors", "m-2.safetensors")
    for data in (b"", b"[]", b"{}", b'{"weight_map": []}', b"{" * 50_000):
        assert safetensors.shards(data) == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_gguf(order, version):
    data = headers.gguf(KEYS, {"a": [3, 5], "b": [7], "c": []}, order=order, version=version)
    found = gguf.read_gguf(data + b"x" * 50, 10**6)
    assert found is not None
    assert found.facts() == {
        "total": 23,
        "architecture": "llama",
        "context_length": 8192,
        "chat_template": "{{ x }}\ufffd",
    }


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_tokens_that_begin_and_end_a_text(order):
    words = {"tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "déjà"]}
    ids = {"tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 3}
    for keys in (words | ids, ids | words):  # in any order
        found = gguf.read_gguf(headers.gguf(keys, {"a": [1]}, order=order), 10**6)
        assert found.facts()["bos_token"] == "<s>"
        assert found.facts()["eos_token"] == "déjà"
    for odd in ({"tokenizer.ggml.tokens": [1, 2]}, {"tokenizer.ggml.tokens": ["only"]}, {}):
        found = gguf.read_gguf(headers.gguf(odd | ids, {"a": [1]}, order=order), 10**6)
        assert found.bos_token is found.eos_token is None


def test_a_cut_gguf_header_says_so():
    data = headers.gguf(KEYS, {"a": [3, 5]})
    for end in (0, 3, 4, 11, 30, 60, 100, 3000, len(data) - 1):
        with pytest.raises(HeaderCut):
            gguf.read_gguf(data[:end], 10**6)


def test_what_is_no_gguf():
    assert gguf.read_gguf(b"GGML" + b"\0" * 100, 10**6) is None
    assert gguf.read_gguf(b"GGUF" + struct.pack("<I2Q", 9, 0, 0), 10**6) is None
    assert gguf.read_gguf(b"GGUF" + struct.pack("<I2Q", 3, 2**60, 0), 10**6) is None
    assert gguf.read_gguf(b"GGUF" + struct.pack("<I2Q", 3, 0, 2**60), 10**6) is None
    assert gguf.read_gguf(headers.gguf({}, {"a": [10**6, 10**6]}), 10**6) is None
    assert gguf.read_gguf(headers.gguf({}, {"a": [1] * 9}), 10**6) is None
    unknown = b"GGUF" + struct.pack("<I2Q", 3, 0, 1) + headers.string("k") + struct.pack("<I", 77)
    assert gguf.read_gguf(unknown, 10**6) is None


def nested(depth: int) -> bytes:
    head = b"GGUF" + struct.pack("<I2Q", 3, 0, 1) + headers.string("k") + struct.pack("<I", 9)
    return head + struct.pack("<IQ", 9, 1) * depth + struct.pack("<IQ", 4, 0)


def test_hostile_gguf_headers_end_soon():
    first = b"GGUF" + struct.pack("<I2Q", 3, 0, 1) + headers.string("k") + struct.pack("<I", 9)
    start = time.thread_time()
    assert gguf.read_gguf(nested(3), 10**6) is not None
    assert gguf.read_gguf(nested(50_000), 10**6) is None
    for kind, count in ((8, 2**40), (9, 2**40), (4, 2**63), (0, 2**64 - 1)):
        assert gguf.read_gguf(first + struct.pack("<IQ", kind, count), 10**6) is None
    empty = first + struct.pack("<IQ", 8, 2_900_000) + b"\0" * 23_200_000
    assert gguf.read_gguf(empty, 10**8) is not None
    far = first + struct.pack("<IQQ", 8, 2, 2**60) + b"\0" * 100
    assert gguf.read_gguf(far, 10**6) is None
    assert time.thread_time() - start < 3


def test_which_files_are_read():
    chosen = weights.safetensors_file
    assert chosen(["model.safetensors", "model.safetensors.index.json"]) == "model.safetensors"
    index = "model.safetensors.index.json"
    assert chosen(["a.safetensors.index.json", index, "model-1.safetensors"]) == index
    assert chosen(["adapter_model.safetensors", "unet/x.safetensors"]) == (
        "adapter_model.safetensors"
    )
    assert chosen(["a.safetensors", "b.safetensors"]) is None
    assert chosen([]) is None
    split = ["q/m-00001-of-00002.gguf", "q/m-00002-of-00002.gguf", "z/m.gguf"]
    assert weights.gguf_files(split) == tuple(split[:2])
    assert weights.gguf_files(split[:1]) == ()
    assert weights.gguf_files(["mmproj-x.gguf", "b.gguf", "a.GGUF"]) == ("a.GGUF",)
    assert weights.gguf_files(["m-00001-of-00000.gguf"]) == ()
    assert weights.gguf_files(["m-00001-of-99999.gguf"]) == ()
    assert weights.gguf_files(["README.md"]) == ()


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_exception(data):
    for name in (data, b"GGUF" + data, b"GGUF\3\0\0\0" + data):
        try:
            found = gguf.read_gguf(name, 10**6)
        except HeaderCut:
            continue
        assert found is None or found.total <= 8 * 10**6
    safetensors.parameters(data, 10**6)
    safetensors.shards(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_TENSOR = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "?"]) | _JSON,
        "shape": st.lists(st.integers(-1, 2**40), max_size=4) | _JSON,
        "data_offsets": st.lists(st.integers(-1, 2**40), max_size=3) | _JSON,
    }
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=5), _TENSOR | _JSON, max_size=4), st.integers(0, 2**42))
def test_counts_never_exceed_what_the_file_can_hold(tensors, size):
    text = json.dumps(tensors).encode()
    found = safetensors.parameters(struct.pack("<Q", len(text)) + text, size)
    assert found is None or sum(found.values()) <= 8 * size


def test_a_changed_byte_is_no_exception():
    chance = random.Random(7)
    data = headers.gguf(KEYS, {"a": [3, 5]})
    header, size = headers.safetensors(TENSORS)
    for _ in range(150):
        at = chance.randrange(4, len(data))
        changed = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        with contextlib.suppress(HeaderCut):
            gguf.read_gguf(changed, 10**6)
        at = chance.randrange(len(header))
        changed = header[:at] + bytes([chance.randrange(256)]) + header[at + 1 :]
        safetensors.parameters(changed, size)
