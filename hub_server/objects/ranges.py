"""Spans of chunks, half-open: merged, and as the text that a right keeps (`0-5 9-12`)."""

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]


def merged(spans: Iterable[tuple[int, int]]) -> Ranges:
    """The same chunks in ascending spans that neither overlap nor touch; empty spans go."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def covers(ranges: Ranges, start: int, end: int) -> bool:
    """Whether one of the merged spans holds all chunks of this one."""
    return any(first <= start and end <= last for first, last in ranges)


def to_text(ranges: Ranges) -> str:
    return " ".join(f"{start}-{end}" for start, end in ranges)


def from_text(text: str) -> Ranges:
    pairs = (span.split("-") for span in text.split())
    return tuple((int(start), int(end)) for start, end in pairs)
