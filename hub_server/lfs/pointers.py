"""Pointer files: what Git keeps in place of a large file."""

import re
from dataclasses import dataclass

LARGEST = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-\d-[^ \n]+ sha256:[0-9a-f]{64}\n)*"
    rb"oid sha256:([0-9a-f]{64})\n"
    rb"size (\d{1,18})\n?"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """`oid` is the sha256 of the file in 64 hex characters, `size` its bytes."""

    oid: str
    size: int


def parse_pointer(data: bytes) -> Pointer | None:
    """What `data` points at; None for anything that git-lfs would not take as a pointer."""
    if len(data) > LARGEST:
        return None
    match = _POINTER.fullmatch(data)
    return Pointer(match[1].decode(), int(match[2])) if match else None


def format_pointer(pointer: Pointer) -> bytes:
    """The one spelling that git-lfs writes."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        pointer.oid.encode(),
        pointer.size,
    )
