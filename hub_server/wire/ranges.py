"""The range of a file that a reconstruction is asked for."""

import re

from fastapi import Request

from hub_server.errors import BadRequest

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})", re.ASCII)


def asked_bytes(request: Request) -> tuple[int, int | None]:
    """First and last byte, the last one None where it is left open. Raises BadRequest."""
    header = request.headers.get("range")
    if header is None:
        return 0, None
    match = _RANGE.fullmatch(header.strip())
    if not match:
        raise BadRequest("The range must look like bytes=0-1023.")
    start, last = int(match[1]), int(match[2]) if match[2] else None
    if last is not None and last < start:
        raise BadRequest("The range ends before it begins.")
    return start, last
