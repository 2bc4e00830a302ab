"""Pages of a listing: `limit`, an opaque `cursor`, and the absolute Link to the next page."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import Response

from hub_server.edge.deps import hub_of
from hub_server.edge.paths import sent_path
from hub_server.errors import BadRequest
from hub_server.keys import Keys

LARGEST_PAGE = 1000
PURPOSE = "cursor"
DIGITS = 9  # more say nothing more, and Python refuses to read thousands


@dataclass(frozen=True)
class Paging:
    """`after` is what the last page ended with, as the listing itself wrote it."""

    limit: int
    after: Any | None


async def paging(request: Request) -> Paging:
    text = request.query_params.get("limit", "")
    if text and not text.isdecimal():
        raise BadRequest('"limit" must be a number.')
    digits = text.lstrip("0")[:DIGITS] if text else str(LARGEST_PAGE)
    limit = min(int(digits or 0), LARGEST_PAGE) or 1
    return Paging(limit, _read(hub_of(request).keys, request.query_params.get("cursor")))


AskedPage = Annotated[Paging, Depends(paging)]


def link_next(request: Request, response: Response, after: Any | None) -> None:
    """Announce the page that begins behind `after`; None says that this was the last."""
    if after is None:
        return
    raw = base64.urlsafe_b64encode(json.dumps(after).encode()).rstrip(b"=").decode()
    raw = f"{raw}.{hub_of(request).keys.sign(PURPOSE, raw.encode())}"
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
    query = urlencode([*kept, ("cursor", raw)])
    url = f"{request.state.origin.base_url}{sent_path(request.scope)}?{query}"
    response.headers["Link"] = f'<{url}>; rel="next"'


def cut(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], bool]:
    """At most `limit` rows of the `limit + 1` that were asked for, and whether more follow."""
    return rows[:limit], len(rows) > limit


def _read(keys: Keys, cursor: str | None) -> Any | None:
    """What `link_next` has signed, on any node."""
    if not cursor:
        return None
    raw, _, signature = cursor.partition(".")
    if not keys.verify(PURPOSE, raw.encode("utf-8", "surrogatepass"), signature):
        raise BadRequest('"cursor" is not one of ours; start from the first page.')
    return json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
