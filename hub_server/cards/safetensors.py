"""The header of a safetensors file to the numbers of its parameters.

Eight bytes give the length of the header, a JSON map of tensors; the values follow it.
"""

import json
import re
import struct
from typing import Any

from hub_server.cards.listing import Listing, Tensor

LENGTH = 8
MAX_HEADER = 8_000_000
MAX_INDEX = 16_000_000
_MAX_TYPES = 40
_MAX_DIMENSIONS = 32
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,15}")


def header_end(start: bytes, size: int) -> int | None:
    """Where the header ends in a file of `size` bytes, by its first eight; None if it cannot be."""
    if len(start) < LENGTH:
        return None
    end: int = struct.unpack_from("<Q", start)[0] + LENGTH
    return end if LENGTH + 2 <= end <= min(size, MAX_HEADER) else None


def parameters(header: bytes, size: int) -> dict[str, int] | None:
    """Numbers of values by type (`{"F32": 4386178}`), of the file's first bytes up to the header's
    end. None where the header is no such thing, or promises more than `size` bytes can hold.
    """
    tensors = _json_map(header[LENGTH:])
    if tensors is None:
        return None
    counts: dict[str, int] = {}
    room = size - len(header)
    for name, tensor in tensors.items():
        if name == "__metadata__":
            continue
        found = _tensor(tensor)
        if found is None:
            return None
        kind, values, length = found
        room -= length
        counts[kind] = counts.get(kind, 0) + values
    return counts if counts and room >= 0 and len(counts) <= _MAX_TYPES else None


def listing(header: bytes, size: int) -> Listing | None:
    """Every tensor in the order of the file, and the writer's words; None as for `parameters`."""
    tensors = _json_map(header[LENGTH:])
    if tensors is None or parameters(header, size) is None:
        return None
    words = tensors.pop("__metadata__", None)
    found = sorted(tensors.items(), key=lambda pair: pair[1]["data_offsets"][0])
    return Listing(
        "safetensors",
        tuple(
            Tensor(name, tensor["dtype"], tuple(tensor["shape"]), product(tensor["shape"]) or 0)
            for name, tensor in found
        ),
        tuple((key, str(value)) for key, value in words.items()) if isinstance(words, dict) else (),
    )


def headers(header: bytes, size: int) -> dict[str, Any] | None:
    """The header as it stands in the file; None as for `parameters`."""
    return _json_map(header[LENGTH:]) if parameters(header, size) is not None else None


def index_words(index: bytes) -> dict[str, Any]:
    """What an index says beside where its tensors are."""
    words = (_json_map(index) or {}).get("metadata")
    return {"metadata": words} if isinstance(words, dict) else {}


def shards(index: bytes) -> tuple[str, ...]:
    """Names of the files that an index (`model.safetensors.index.json`) spreads its tensors over;
    none where it cannot be read.
    """
    value = _json_map(index) if len(index) <= MAX_INDEX else None
    places = value.get("weight_map") if value else None
    if not isinstance(places, dict):
        return ()
    names = dict.fromkeys(name for name in places.values() if isinstance(name, str))
    return tuple(name for name in names if name.endswith(".safetensors") and "/" not in name)


def _json_map(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _tensor(tensor: Any) -> tuple[str, int, int] | None:
    """Type, number of values and of bytes; None for what no writer makes."""
    if not isinstance(tensor, dict):
        return None
    kind, offsets = tensor.get("dtype"), tensor.get("data_offsets")
    values = product(tensor.get("shape"))
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind) or values is None:
        return None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(map(_is_count, offsets))):  # noqa: PLR2004
        return None
    length = offsets[1] - offsets[0]
    # No type takes less than a bit; so the count cannot be more than a file can hold.
    return (kind, values, length) if length >= 0 and values <= length * 8 else None


def product(shape: Any) -> int | None:
    """Values in a tensor of this shape, None for what is no shape."""
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS:
        return None
    total = 1
    for length in shape:
        if not _is_count(length):
            return None
        total *= length
    return total if total < 2**63 else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
