"""How many parameters a model has, from the first bytes of its weights, which are read by range.

A header is read once: it is remembered by the blob (of a large file its pointer) that brought it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from hub_server.cards import GgufHeader, HeaderCut, Listing, Weights, gguf, safetensors, weights
from hub_server.contents.memory import Recent, TensorFacts
from hub_server.contents.snapshots import Snapshot
from hub_server.errors import BadRequest, HubError

log = structlog.get_logger("hub.contents")

FIRST = 65_536
"""Most headers of safetensors files are no longer: one read will do."""
STEPS = (262_144, 4_194_304, gguf.MAX_HEADER)
MOST_TOGETHER = 32_000_000
"""Bytes of all headers of one model."""
NO_TENSORS = TensorFacts(0, {})
NO_GGUF = GgufHeader(0)
T = TypeVar("T")


def weights_of(snapshot: Snapshot, files: Sequence[str]) -> Weights:
    """What the headers say. What cannot be fetched at the moment is left out, and logged."""
    try:
        return Weights(_safetensors(snapshot, files), _gguf(snapshot, files))
    except HubError as failure:
        log.warning("weights not read", repo=snapshot.repo_id, reason=str(failure))
        return weights.NO_WEIGHTS


def tensors_in(snapshot: Snapshot, path: str) -> Listing | None:
    """Every tensor of one file; None where it has no header that can be read.

    Raises EntryNotFound, or what the store says.
    """
    is_gguf = path.lower().endswith(".gguf")
    return _once(snapshot, path, snapshot.memory.listings, _read_keys if is_gguf else _read_names)


@dataclass(frozen=True)
class SafetensorsHeaders:
    """`headers` by file, as they stand in them; `index` has the words of the index."""

    headers: Mapping[str, Mapping[str, Any]]
    index: Mapping[str, Any]


def safetensors_headers(snapshot: Snapshot, path: str) -> SafetensorsHeaders:
    """Of one file, or of all that an index names, which stand beside it.

    Raises EntryNotFound; BadRequest for what is no such file, or has too much to tell.
    """
    snapshot.file(path)
    index, names = b"", [path]
    folder = path[: path.rfind("/") + 1]
    if weights.is_index(path):
        index = snapshot.part(path, 0, safetensors.MAX_INDEX)
        names = [f"{folder}{name}" for name in safetensors.shards(index)[: weights.MAX_SHARDS]]
    found: dict[str, Mapping[str, Any]] = {}
    room = MOST_TOGETHER
    for name in names:
        header = _header(snapshot, name) if snapshot.entry(name) else b""
        room -= len(header)
        told = safetensors.headers(header, snapshot.size(name))
        if told is None or room < 0:
            raise BadRequest("The safetensors header of {path} cannot be read.", path=name)
        found[name.removeprefix(folder)] = told
    if not found:
        raise BadRequest("The safetensors header of {path} cannot be read.", path=path)
    return SafetensorsHeaders(found, safetensors.index_words(index))


def _safetensors(snapshot: Snapshot, files: Sequence[str]) -> dict[str, Any] | None:
    main = weights.safetensors_file(files)
    names = _shards(snapshot, main) if main and weights.is_index(main) else (main,)
    parts: list[Mapping[str, int]] = []
    room = MOST_TOGETHER
    for name in names:
        found = _tensors(snapshot, name) if name else NO_TENSORS
        room -= found.length
        if not found.counts or room < 0:
            return None
        parts.append(found.counts)
    return weights.safetensors_facts(parts)


def _once(
    snapshot: Snapshot, path: str, memory: Recent[str, T], read: Callable[[Snapshot, str], T]
) -> T | None:
    """What `read` makes of a file, remembered by its blob; None where there is no file."""
    entry = snapshot.entry(path)
    if entry is None or not entry.is_file:
        return None
    known = memory.get(entry.id)
    return memory.put(entry.id, read(snapshot, path)) if known is None else known


def _shards(snapshot: Snapshot, index: str) -> tuple[str, ...]:
    known = _once(snapshot, index, snapshot.memory.shards, _read_shards) or ()
    return known if len(known) <= weights.MAX_SHARDS else ()


def _read_shards(snapshot: Snapshot, index: str) -> tuple[str, ...]:
    fits = snapshot.size(index) <= safetensors.MAX_INDEX
    return safetensors.shards(snapshot.part(index, 0, safetensors.MAX_INDEX) if fits else b"")


def _tensors(snapshot: Snapshot, path: str) -> TensorFacts:
    """Of one file; nothing where it is absent or no safetensors file."""
    return _once(snapshot, path, snapshot.memory.tensors, _read_tensors) or NO_TENSORS


def _read_tensors(snapshot: Snapshot, path: str) -> TensorFacts:
    header = _header(snapshot, path)
    if not header:
        return NO_TENSORS
    return TensorFacts(len(header), safetensors.parameters(header, snapshot.size(path)) or {})


def _read_names(snapshot: Snapshot, path: str) -> Listing | None:
    return safetensors.listing(_header(snapshot, path), snapshot.size(path))


def _header(snapshot: Snapshot, path: str) -> bytes:
    """Of a safetensors file up to its end; empty where there is none."""
    header = snapshot.part(path, 0, FIRST)
    end = safetensors.header_end(header, snapshot.size(path)) or 0
    if end > len(header):
        header += snapshot.part(path, len(header), end - len(header))
    return header[:end]


def _gguf(snapshot: Snapshot, files: Sequence[str]) -> dict[str, Any] | None:
    parts = [_gguf_header(snapshot, path) for path in weights.gguf_files(files)]
    return weights.gguf_facts(parts)


def _gguf_header(snapshot: Snapshot, path: str) -> GgufHeader:
    return _once(snapshot, path, snapshot.memory.ggufs, _read_gguf) or NO_GGUF


def _read_gguf(snapshot: Snapshot, path: str) -> GgufHeader:
    return _stepwise(snapshot, path, gguf.read_gguf) or NO_GGUF


def _read_keys(snapshot: Snapshot, path: str) -> Listing | None:
    return _stepwise(snapshot, path, gguf.read_listing)


def _stepwise(snapshot: Snapshot, path: str, read: Callable[[bytes, int], T | None]) -> T | None:
    """Vocabularies make some headers long: the first bytes first, then more of them."""
    size, data = snapshot.size(path), b""
    for step in STEPS:
        data += snapshot.part(path, len(data), step - len(data))
        try:
            return read(data, size)
        except HeaderCut:
            if len(data) < step:
                break
    return None
