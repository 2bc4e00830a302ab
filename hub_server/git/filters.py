"""Object filters of partial clones: which blobs and trees a fetch leaves out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from hub_server.git.errors import BadProtocol
from hub_server.git.types import Kind

_PARTS = 16
_DIGITS = 18
_UNITS = {b"k": 1 << 10, b"m": 1 << 20, b"g": 1 << 30}
_KINDS: dict[bytes, Kind] = {b"commit": "commit", b"tree": "tree", b"blob": "blob", b"tag": "tag"}


@dataclass(frozen=True, slots=True)
class Filter:
    """What to leave out; objects that are wanted by id are never left out.

    `blob_limit`: blobs of at least so many bytes (0: all). `tree_depth`: trees and blobs at that
    depth or deeper, the root tree being depth 0. `only`: everything of another kind.
    """

    blob_limit: int | None = None
    tree_depth: int | None = None
    only: Kind | None = None

    @property
    def takes_trees(self) -> bool:
        return self.tree_depth != 0 and self.only not in ("commit", "tag")

    @property
    def takes_blobs(self) -> bool:
        return self.takes_trees and self.blob_limit != 0 and self.only != "tree"

    def spec(self) -> str:
        """The same filter in canonical words, for the git program."""
        parts = []
        if self.blob_limit is not None:
            parts.append("blob:none" if self.blob_limit == 0 else f"blob:limit={self.blob_limit}")
        if self.tree_depth is not None:
            parts.append(f"tree:{self.tree_depth}")
        if self.only is not None:
            parts.append(f"object:type={self.only}")
        return parts[0] if len(parts) == 1 else "combine:" + "+".join(parts)


def parse_filter(spec: bytes) -> Filter:
    """`blob:none`, `blob:limit=<n>[kmg]`, `tree:<n>`, `object:type=<kind>`; `combine:` of them."""
    result = Filter()
    parts = [spec]
    if spec.startswith(b"combine:"):
        parts = [unquote_to_bytes(part) for part in spec.removeprefix(b"combine:").split(b"+")]
    if len(parts) > _PARTS:
        raise BadProtocol("Too many filters are combined")
    for part in parts:
        result = _narrow(result, part)
    return result


def _narrow(filter_: Filter, spec: bytes) -> Filter:
    name, _, value = spec.partition(b"=")
    if spec == b"blob:none":
        return replace(filter_, blob_limit=0)
    if name == b"blob:limit" and (limit := _number(value)) is not None:
        return replace(filter_, blob_limit=_least(filter_.blob_limit, limit))
    if spec.startswith(b"tree:") and (depth := _number(spec[5:])) is not None:
        return replace(filter_, tree_depth=_least(filter_.tree_depth, depth))
    if name == b"object:type" and value in _KINDS and filter_.only in (None, _KINDS[value]):
        return replace(filter_, only=_KINDS[value])
    raise BadProtocol(
        "The filter {spec} is not supported", spec=spec[:100].decode("utf-8", "backslashreplace")
    )


def _least(old: int | None, new: int) -> int:
    return new if old is None else min(old, new)


def _number(text: bytes) -> int | None:
    unit = _UNITS.get(text[-1:].lower(), 1)
    digits = text[:-1] if unit > 1 else text
    return int(digits) * unit if digits.isdigit() and len(digits) <= _DIGITS else None
