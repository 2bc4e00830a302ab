"""The tree over chunk hashes, built level by level while leaves arrive, in little memory."""

from array import array
from collections.abc import Iterator, Sequence

from blake3 import blake3

_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_HASH = 32
_WORDS = 4
_LARGEST_GROUP = 9
_BATCH = 4096


class MerkleTree:
    """Takes leaves in order, however many; the root can be asked for once, at the end."""

    def __init__(self) -> None:
        self._levels = [_Level()]

    def add(self, hashes: bytes, lengths: Sequence[int]) -> None:
        """`hashes` are concatenated; there are as many `lengths`, of unpacked bytes."""
        if len(hashes) != _HASH * len(lengths):
            raise ValueError("each leaf needs a hash and a length")
        self._levels[0].extend(hashes, lengths)
        if self._levels[0].count > _BATCH:
            self._rise(final=False)

    def root(self) -> bytes:
        """A single leaf is its own root; of no leaves it is 32 zero bytes."""
        self._rise(final=True)
        return bytes(self._levels[-1].hashes) or bytes(_HASH)

    def _rise(self, *, final: bool) -> None:
        number = 0
        while final or self._levels[number].count > _BATCH:
            level = self._levels[number]
            top = number + 1 == len(self._levels)
            if top and final and level.count <= 1:
                return
            if top:
                self._levels.append(_Level())
            self._levels[number + 1].extend(*level.take(final=final))
            number += 1


class _Level:
    def __init__(self) -> None:
        self.hashes = bytearray()
        self.lengths: list[int] = []

    @property
    def count(self) -> int:
        return len(self.lengths)

    def extend(self, hashes: bytes, lengths: Sequence[int]) -> None:
        self.hashes += hashes
        self.lengths += lengths

    def take(self, *, final: bool) -> tuple[bytes, list[int]]:
        """The nodes above; entries whose group depends on what is still to come stay."""
        words = array("Q", bytes(self.hashes))
        lines = _lines(words, self.lengths)
        nodes, sums, end = [], [], 0
        for start, end in _groups(words[_WORDS - 1 :: _WORDS], final=final):
            text = "".join(lines[start:end]).encode()
            nodes.append(blake3(text, key=_NODE_KEY).digest())
            sums.append(sum(self.lengths[start:end]))
        del self.hashes[: _HASH * end], self.lengths[:end]
        return b"".join(nodes), sums


def _lines(words: "array[int]", lengths: Sequence[int]) -> list[str]:
    swapped = array("Q", words)
    swapped.byteswap()
    text = swapped.tobytes().hex()
    return [
        f"{text[at : at + 64]} : {length}\n"
        for at, length in zip(range(0, len(text), 64), lengths, strict=True)
    ]


def _groups(lasts: "array[int]", *, final: bool) -> Iterator[tuple[int, int]]:
    start, count = 0, len(lasts)
    least = 1 if final else _LARGEST_GROUP
    while count - start >= least:
        limit = min(start + _LARGEST_GROUP, count)
        end = start + 3
        while end < limit and lasts[end - 1] & 3:
            end += 1
        end = min(end, limit)
        yield start, end
        start = end
