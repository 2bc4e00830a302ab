"""One chunk inside a xorb: a header of eight bytes and a payload in one of three schemes."""

import struct

import lz4.frame

from hub_server.chunks.errors import BadXorb
from hub_server.chunks.hashes import Data

HEADER = 8
MOST_CHUNK = 131072
STORED, LZ4, GROUPED = range(3)
_MOST_PACKED = 2 * MOST_CHUNK
_FLAGS, _DICTIONARY = 4, 1
"""Where an LZ4 frame says what it needs, and the bit that asks for a dictionary."""
_WORD = struct.Struct("<Q")


def read_header(view: memoryview, at: int) -> tuple[int, int, int]:
    """Scheme, packed and unpacked length of the chunk at `at`; its payload is all there."""
    left = len(view) - at - HEADER
    if left < 0:
        raise BadXorb("The header of a chunk at byte {at} of the xorb is cut off.", at=at)
    (word,) = _WORD.unpack_from(view, at)
    scheme, packed, unpacked = word >> 32 & 0xFF, word >> 8 & 0xFFFFFF, word >> 40
    if word & 0xFF or scheme > GROUPED:
        raise BadXorb("No chunk begins at byte {at} of the xorb.", at=at)
    stored = scheme == STORED and packed != unpacked
    if not 0 < unpacked <= MOST_CHUNK or not 0 < packed <= _MOST_PACKED or stored:
        raise BadXorb("The chunk at byte {at} of the xorb has an impossible length.", at=at)
    if packed > left:
        raise BadXorb("The chunk at byte {at} of the xorb is cut off.", at=at)
    return scheme, packed, unpacked


class Decoder:
    """Decodes payloads one after the other, each into at most the length it announces."""

    def __init__(self) -> None:
        self._context = lz4.frame.create_decompression_context()

    def decode(self, payload: memoryview, scheme: int, length: int) -> bytes:
        """A payload of LZ4 or GROUPED; raises BadXorb unless it is one whole frame of `length`.

        Refuses dictionaries too, which no client could decode.
        """
        if len(payload) <= _FLAGS or payload[_FLAGS] & _DICTIONARY:
            raise BadXorb("A chunk of the xorb is compressed in a way that clients cannot read.")
        try:
            data, read, whole = lz4.frame.decompress_chunk(
                self._context, payload, max_length=length + 1
            )
        except RuntimeError:
            lz4.frame.reset_decompression_context(self._context)
            raise BadXorb("A chunk of the xorb is compressed in a way that is damaged.") from None
        if not whole or read != len(payload) or len(data) != length:
            lz4.frame.reset_decompression_context(self._context)
            raise BadXorb("A chunk of the xorb has another length than its header says.")
        return _ungrouped(data) if scheme == GROUPED else data


def pack_chunk(data: Data) -> bytes:
    """Header and payload, in the scheme that makes it smallest."""
    schemes = {STORED: bytes(data), LZ4: _compressed(data), GROUPED: _compressed(_grouped(data))}
    scheme, payload = min(schemes.items(), key=lambda pair: len(pair[1]))
    return _WORD.pack(len(payload) << 8 | scheme << 32 | len(data) << 40) + payload


def _compressed(data: Data) -> bytes:
    packed: bytes = lz4.frame.compress(
        data, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=False, store_size=False
    )
    return packed


def _grouped(data: Data) -> bytes:
    whole = bytes(data)
    return whole[0::4] + whole[1::4] + whole[2::4] + whole[3::4]


def _ungrouped(data: bytes) -> bytes:
    whole, start = bytearray(len(data)), 0
    for first in range(4):
        end = start + (len(data) - first + 3) // 4
        whole[first::4] = data[start:end]
        start = end
    return bytes(whole)
