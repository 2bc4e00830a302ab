"""The header of a GGUF file to what it says about its model.

A magic word and counts, then keys with typed values (the whole vocabulary of the tokenizer is one
of them), then a line for each tensor. All lengths are the writer's word: each is checked against
the bytes that are there before anything is made of it.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

from hub_server.cards.listing import Listing, Tensor

MAX_HEADER = 24_000_000
MAX_KEYS = 10_000
MAX_TENSORS = 500_000
MAX_TEXT = 65_536
MAX_TOKEN = 200
_MAX_DEPTH = 4
_MAX_DIMENSIONS = 8
_MAGIC = b"GGUF"
_VERSIONS = (1, 2, 3)
_STRING, _ARRAY = 8, 9
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_FORMATS[12] = "d"
_WIDTHS = {kind: struct.calcsize("<" + letter) for kind, letter in _FORMATS.items()}


_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1"}
_TYPES |= {10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS"}
_TYPES |= {17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S"}
_TYPES |= {23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M"}
_TYPES |= {30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4"}


class HeaderCut(Exception):
    """The header goes on behind the bytes that were given."""


class _NotGguf(Exception):
    pass


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`total`: the values of all tensors of this file (a model may be split over several)."""

    total: int
    architecture: str | None = None
    context_length: int | None = None
    chat_template: str | None = None
    bos_token: str | None = None
    eos_token: str | None = None

    def facts(self) -> dict[str, Any]:
        """As the API shows them, without what is not told."""
        words = {
            "total": self.total,
            "architecture": self.architecture,
            "context_length": self.context_length,
            "chat_template": self.chat_template,
            "bos_token": self.bos_token,
            "eos_token": self.eos_token,
        }
        return {name: value for name, value in words.items() if value is not None}


def read_gguf(data: bytes, size: int) -> GgufHeader | None:
    """`data` are the first bytes of a file of `size` bytes. None where it is no GGUF file.

    Raises HeaderCut if more bytes are needed.
    """
    if data[:4] != _MAGIC[: len(data)]:
        return None
    try:
        return _Reader(data).header(size)
    except _NotGguf:
        return None


def read_listing(data: bytes, size: int) -> Listing | None:
    """Every tensor with its type and shape, and all keys; as `read_gguf` otherwise."""
    if data[:4] != _MAGIC[: len(data)]:
        return None
    try:
        return _Lister(data).listing(size)
    except _NotGguf:
        return None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(_MAGIC)
        self._order = "<"
        self._length = "Q"
        self._vocabulary = (0, 0)

    def _counts(self) -> tuple[int, int]:
        """Numbers of tensors and of keys."""
        version = self._number("I")
        if version not in _VERSIONS:
            self._order, version = ">", int.from_bytes(version.to_bytes(4, "little"), "big")
        if version not in _VERSIONS:
            raise _NotGguf
        self._length = "I" if version == 1 else "Q"
        tensors, keys = self._number(self._length), self._number(self._length)
        if tensors > MAX_TENSORS or keys > MAX_KEYS:
            raise _NotGguf
        return tensors, keys

    def header(self, size: int) -> GgufHeader:
        tensors, keys = self._counts()
        values = dict(self._pair() for _ in range(keys))
        total = sum(self._tensor().values for _ in range(tensors))
        if total > size * 8:  # no type takes less than a bit
            raise _NotGguf
        architecture = _text(values.get("general.architecture"), 100)
        length = values.get(f"{architecture}.context_length")
        return GgufHeader(
            total,
            architecture,
            length if isinstance(length, int) and 0 < length < 2**53 else None,
            _text(values.get("tokenizer.chat_template"), MAX_TEXT),
            *(_text(token, MAX_TOKEN) for token in self._named_tokens(values)),
        )

    def _named_tokens(self, values: dict[str, Any]) -> tuple[bytes | None, bytes | None]:
        """Those that begin and end a text, which are told by their places in the vocabulary."""
        begins, ends = (values.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos"))
        known = self._tokens([place for place in (begins, ends) if isinstance(place, int)])
        return known.get(begins), known.get(ends)

    def _tokens(self, places: list[int]) -> dict[Any, bytes]:
        """Of the vocabulary, which has been passed over: so all of it is there."""
        length = struct.Struct(self._order + self._length)
        at, count = self._vocabulary
        wanted = {place for place in places if 0 <= place < count}
        found: dict[Any, bytes] = {}
        for number in range(max(wanted, default=-1) + 1):
            start = at + length.size
            at = start + length.unpack_from(self._data, at)[0]
            if number in wanted:
                found[number] = self._data[start:at]
        return found

    def _number(self, letter: str) -> Any:
        pattern = self._order + letter
        at = self._skip(struct.calcsize(pattern))
        return struct.unpack_from(pattern, self._data, at)[0]

    def _skip(self, count: int) -> int:
        """Where the next `count` bytes begin."""
        at = self._at
        if at + count > MAX_HEADER:
            raise _NotGguf
        if at + count > len(self._data):
            raise HeaderCut
        self._at = at + count
        return at

    def _string(self) -> bytes:
        at = self._skip(self._number(self._length))
        return self._data[at : self._at]

    def _pair(self) -> tuple[str, Any]:
        key = self._string().decode("utf-8", "replace")
        kind = self._number("I")
        at = self._at + struct.calcsize(f"<I{self._length}")  # where the items of a list begin
        value = self._value(kind)
        if key == "tokenizer.ggml.tokens" and isinstance(value, range) and self._holds_texts(at):
            self._vocabulary = at, len(value)
        return key, value

    def _holds_texts(self, at: int) -> bool:
        """Whether the items of the list, which begin there, are texts."""
        start = at - struct.calcsize(f"<I{self._length}")
        kind: int = struct.unpack_from(self._order + "I", self._data, start)[0]
        return kind == _STRING

    def _value(self, kind: int, depth: int = 0) -> Any:
        """A plain value; lists are passed over and told by their length."""
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(depth + 1)
        if kind not in _FORMATS:
            raise _NotGguf
        return self._number(_FORMATS[kind])

    def _array(self, depth: int) -> range:
        kind, count = self._number("I"), self._number(self._length)
        if depth > _MAX_DEPTH:
            raise _NotGguf
        if kind in _WIDTHS:
            self._skip(count * _WIDTHS[kind])
        elif kind == _STRING:
            self._strings(count)
        else:
            self._least(count, 1)
            for _ in range(count):
                self._value(kind, depth)
        return range(count)

    def _strings(self, count: int) -> None:
        """Pass over as many strings; a vocabulary has hundreds of thousands."""
        length = struct.Struct(self._order + self._length)
        self._least(count, length.size)
        unpack, data, at = length.unpack_from, self._data, self._at
        end = len(data) - length.size
        for _ in range(count):
            if at > end:
                self._at = at
                self._skip(length.size)
            at += length.size + unpack(data, at)[0]
        self._at = at
        self._skip(0)

    def _least(self, count: int, width: int) -> None:
        """Refuse a count of things that could not all be in a header."""
        if count * width > MAX_HEADER:
            raise _NotGguf

    def _tensor(self) -> Tensor:
        name = self._string()
        dimensions = self._number("I")
        if dimensions > _MAX_DIMENSIONS:
            raise _NotGguf
        shape = tuple(self._number(self._length) for _ in range(dimensions))
        kind = self._number("I")
        self._number("Q")  # where it stands
        return Tensor(
            name.decode("utf-8", "replace"),
            _TYPES.get(kind) or f"type {kind}",
            shape,
            math.prod(shape),
        )


class _Lister(_Reader):
    def listing(self, size: int) -> Listing:
        tensors, keys = self._counts()
        values = [self._pair() for _ in range(keys)]
        found = tuple(self._tensor() for _ in range(tensors))
        if sum(tensor.values for tensor in found) > size * 8:
            raise _NotGguf
        return Listing("GGUF", found, tuple((key, _shown(value)) for key, value in values))


def _shown(value: Any) -> str:
    """A value as text; of a list, which may be a vocabulary, how long it is."""
    if isinstance(value, bytes):
        return value[:MAX_TEXT].decode("utf-8", "replace").replace("\x00", "�")
    if isinstance(value, range):
        return f"[{len(value):,}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(value: Any, limit: int) -> str | None:
    if not isinstance(value, bytes):
        return None
    return value[:limit].decode("utf-8", "replace").replace("\x00", "�") or None
