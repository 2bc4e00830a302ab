"""Pkt-lines and side-bands: the framing every Git protocol version shares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import BinaryIO, Final, Protocol

from hub_server.git.errors import BadProtocol, PushTooLarge

Out = Callable[[bytes], object]
"""Where an answer goes; what it raises ends the work (the client is gone, the disk is full)."""

MAX_LINE: Final = 65520
"""Longest pkt-line with its four length digits."""
BAND_DATA: Final = MAX_LINE - 5
"""Most payload of one side-band-64k packet."""
SMALL_BAND_DATA: Final = 1000 - 5
"""Most payload of one packet for the older `side-band` capability."""

PACK_BAND: Final = 1
PROGRESS_BAND: Final = 2
ERROR_BAND: Final = 3

_HEAD: Final = 4
_DIGITS: Final = re.compile(rb"[0-9a-fA-F]{4}")

FLUSH_PKT: Final = b"0000"
DELIM_PKT: Final = b"0001"


class Mark(Enum):
    """The packets that carry no payload."""

    FLUSH = 0
    DELIM = 1
    RESPONSE_END = 2


class Readable(Protocol):
    """A request body: `read(n)` may return fewer than n bytes, and b"" only at the end."""

    def read(self, size: int, /) -> bytes: ...


def read_exactly(body: Readable, size: int) -> bytes:
    """`size` bytes, or fewer when the body ends before."""
    data = body.read(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    missing = size - len(data)
    while missing:
        data = body.read(missing)
        if not data:
            break
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


class PktReader:
    """Reads pkt-lines without taking a byte more than they hold: what follows stays in the body."""

    def __init__(self, body: Readable, *, limit: int) -> None:
        self._body = body
        self._left = limit

    def read(self) -> bytes | Mark | None:
        """The payload without its final newline, a mark, or None at the end of the body."""
        digits = read_exactly(self._body, 4)
        if not digits:
            return None
        length = _length(digits)
        if length < _HEAD:
            return Mark(length)
        self._left -= length
        if self._left < 0:
            raise PushTooLarge("The request holds more lines than this server reads")
        payload = read_exactly(self._body, length - 4)
        if len(payload) != length - 4:
            raise BadProtocol("The request ends in the middle of a pkt-line")
        return payload[:-1] if payload.endswith(b"\n") else payload

    def lines(self) -> Iterator[bytes]:
        """Payloads up to the next flush (consumed) or the end of the body."""
        while True:
            packet = self.read()
            if packet is None or packet is Mark.FLUSH:
                return
            if isinstance(packet, Mark):
                raise BadProtocol("A delimiter stands where a line was expected")
            yield packet


def _length(digits: bytes) -> int:
    if not _DIGITS.fullmatch(digits):
        raise BadProtocol(
            "Not a pkt-line: {digits}", digits=digits.decode("ascii", "backslashreplace")
        )
    length = int(digits, 16)
    if length == _HEAD - 1 or length > MAX_LINE:
        raise BadProtocol("A pkt-line of {length} bytes is not allowed", length=length)
    return length


def pkt(payload: bytes) -> bytes:
    """One pkt-line; the payload is at most 65,516 bytes."""
    if len(payload) > MAX_LINE - 4:
        raise BadProtocol("A line of {length} bytes does not fit", length=len(payload))
    return b"%04x%s" % (len(payload) + 4, payload)


def error_pkt(sentence: str) -> bytes:
    """An `ERR` packet, which clients print as `fatal: remote error: …`."""
    return pkt(b"ERR " + sentence.encode()[:2000] + b"\n")


def banded(band: int, data: bytes, *, chunk: int = BAND_DATA) -> Iterator[bytes]:
    """`data` cut into side-band packets."""
    for start in range(0, len(data), chunk):
        part = data[start : start + chunk]
        yield b"%04x%c%s" % (len(part) + 5, band, part)


def sink(out: Out | BinaryIO) -> Out:
    """The callable that takes bytes, whether a function or a file was given."""
    write = getattr(out, "write", None)
    return write if write is not None else out  # type: ignore[return-value]
