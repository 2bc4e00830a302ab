"""What a client asks of a fetch, in protocol 0 and 1 or in protocol 2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from hub_server.git.errors import BadProtocol
from hub_server.git.filters import Filter, parse_filter
from hub_server.git.pktline import BAND_DATA, SMALL_BAND_DATA, Mark, PktReader
from hub_server.git.types import ObjectId

REQUEST_BYTES: Final = 128_000_000
"""Most bytes of wants and haves in one request; a checkout may want 100,000 blobs by name."""

_ID = re.compile(rb"[0-9a-f]{40}")
_NUMBER_DIGITS = 18


@dataclass(slots=True)
class FetchRequest:
    """One round of a fetch; ids in the order of the client, each once.

    `band_data` is the payload of one side-band packet, 0 for no side-band; `multi_ack` is 0, 1,
    or 2 (detailed).
    """

    wants: dict[ObjectId, None] = field(default_factory=dict)
    want_refs: dict[bytes, None] = field(default_factory=dict)
    haves: dict[ObjectId, None] = field(default_factory=dict)
    shallow: dict[ObjectId, None] = field(default_factory=dict)
    depth: int = 0
    relative: bool = False
    since: int | None = None
    not_refs: list[bytes] = field(default_factory=list)
    filter: Filter = field(default_factory=Filter)
    filtered: bool = False
    done: bool = False
    thin: bool = False
    ofs_delta: bool = False
    include_tag: bool = False
    no_progress: bool = False
    sideband_all: bool = False
    wait_for_done: bool = False
    no_done: bool = False
    band_data: int = BAND_DATA
    multi_ack: int = 0


def read_v2(lines: Iterable[bytes]) -> FetchRequest:
    """The arguments of `command=fetch`. Raises BadProtocol."""
    request = FetchRequest()
    for line in lines:
        word, _, value = line.partition(b" ")
        if word in _V2_FLAGS and not value:
            setattr(request, _V2_FLAGS[word], True)
        elif word == b"have":
            request.haves[object_id(value)] = None
        elif word == b"want-ref":
            request.want_refs[value] = None
        elif not _common(request, word, value):
            raise BadProtocol("unexpected line: '{line}'", line=_text(line))
    return request


def read_v0(reader: PktReader) -> FetchRequest:
    """Wants, shallow commits and depth up to the first flush. Raises BadProtocol."""
    request = FetchRequest(band_data=0)
    for line in reader.lines():
        word, _, value = line.partition(b" ")
        if word == b"want" and not request.wants:
            value, _, words = value.partition(b" ")
            _take_capabilities(request, words.split())
        if not _common(request, word, value):
            raise BadProtocol("unexpected line: '{line}'", line=_text(line))
    return request


def read_have(packet: bytes | Mark | None) -> ObjectId | None:
    """The id of a `have` line of protocol 0, None for `done`. Raises BadProtocol."""
    if packet == b"done":
        return None
    if isinstance(packet, bytes) and packet.startswith(b"have "):
        return object_id(packet[5:])
    raise BadProtocol("expected have or done, got '{line}'", line=_text(packet or b""))


def object_id(text: bytes) -> ObjectId:
    """Raises BadProtocol for what is not 40 lower hex digits."""
    if not _ID.fullmatch(text):
        raise BadProtocol("Not an object id: '{text}'", text=_text(text))
    return text.decode()


_V2_FLAGS = {
    b"done": "done",
    b"thin-pack": "thin",
    b"no-progress": "no_progress",
    b"include-tag": "include_tag",
    b"ofs-delta": "ofs_delta",
    b"deepen-relative": "relative",
    b"sideband-all": "sideband_all",
    b"wait-for-done": "wait_for_done",
}
_V0_FLAGS = {
    b"thin-pack": "thin",
    b"no-progress": "no_progress",
    b"include-tag": "include_tag",
    b"ofs-delta": "ofs_delta",
    b"deepen-relative": "relative",
    b"no-done": "no_done",
}


def _take_capabilities(request: FetchRequest, words: Iterable[bytes]) -> None:
    for word in words:
        if word in _V0_FLAGS:
            setattr(request, _V0_FLAGS[word], True)
        elif word == b"side-band-64k":
            request.band_data = BAND_DATA
        elif word == b"side-band":
            request.band_data = request.band_data or SMALL_BAND_DATA
        elif word == b"multi_ack_detailed":
            request.multi_ack = 2
        elif word == b"multi_ack":
            request.multi_ack = max(request.multi_ack, 1)
        elif word.startswith(b"object-format=") and word != b"object-format=sha1":
            raise BadProtocol("This server stores objects by SHA-1 only")


def _want(request: FetchRequest, value: bytes) -> None:
    request.wants[object_id(value)] = None


def _shallow(request: FetchRequest, value: bytes) -> None:
    request.shallow[object_id(value)] = None


def _depth(request: FetchRequest, value: bytes) -> None:
    request.depth = _number(value)
    if not request.depth:
        raise BadProtocol("Invalid deepen: {value}", value=_text(value))


def _since(request: FetchRequest, value: bytes) -> None:
    request.since = _number(value)


def _not_ref(request: FetchRequest, value: bytes) -> None:
    request.not_refs.append(value)


def _filter(request: FetchRequest, value: bytes) -> None:
    request.filter = parse_filter(value)
    request.filtered = True


_COMMON: dict[bytes, Callable[[FetchRequest, bytes], None]] = {
    b"want": _want,
    b"shallow": _shallow,
    b"deepen": _depth,
    b"deepen-since": _since,
    b"deepen-not": _not_ref,
    b"filter": _filter,
}


def _common(request: FetchRequest, word: bytes, value: bytes) -> bool:
    read = _COMMON.get(word)
    if read is None:
        return False
    read(request, value)
    return True


def _number(value: bytes) -> int:
    if not value.isdigit() or len(value) > _NUMBER_DIGITS:
        raise BadProtocol("Not a number: '{value}'", value=_text(value))
    return int(value)


def _text(value: bytes | Mark) -> str:
    return value[:100].decode("utf-8", "replace") if isinstance(value, bytes) else "a mark"
