"""Headers of weight files, made as their writers make them."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

WIDTHS = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I8": 1, "U8": 1, "F8_E4M3": 1}

_NUMBERS = {int: (4, "I"), float: (6, "f")}


def safetensors(
    tensors: Mapping[str, tuple[str, Sequence[int]]], metadata: Any = None
) -> tuple[bytes, int]:
    """The header of a file with such tensors (type and shape), and the size of the whole file."""
    described: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    at = 0
    for name, (kind, shape) in tensors.items():
        count = 1
        for length in shape:
            count *= length
        end = at + count * WIDTHS[kind]
        described[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, 8 + len(text) + at


def string(text: str, order: str = "<", length: str = "Q") -> bytes:
    data = text.encode()
    return struct.pack(order + length, len(data)) + data


def gguf(
    keys: Mapping[str, Any],
    tensors: Mapping[str, Sequence[int]],
    *,
    order: str = "<",
    version: int = 3,
) -> bytes:
    """A header; values are texts, whole numbers, floats, flags, or lists of texts or of numbers."""
    length = "I" if version == 1 else "Q"
    data = b"GGUF" + struct.pack(f"{order}I2{length}", version, len(tensors), len(keys))
    for name, value in keys.items():
        data += string(name, order, length) + _value(value, order, length)
    for name, shape in tensors.items():
        data += string(name, order, length) + struct.pack(order + "I", len(shape))
        data += b"".join(struct.pack(order + length, number) for number in shape)
        data += struct.pack(order + "IQ", 0, 0)
    return data


def _value(value: Any, order: str, length: str) -> bytes:
    if isinstance(value, list):
        texts = bool(value) and isinstance(value[0], str)
        head = struct.pack(f"{order}2I{length}", 9, 8 if texts else 4, len(value))
        if texts:
            return head + b"".join(string(text, order, length) for text in value)
        return head + b"".join(struct.pack(order + "I", number) for number in value)
    if isinstance(value, int | float):
        kind, letter = (7, "?") if isinstance(value, bool) else _NUMBERS[type(value)]
        return struct.pack(f"{order}I{letter}", kind, value)
    return struct.pack(order + "I", 8) + string(value, order, length)
