"""Small JSON bodies as LFS clients send them, whatever they call their content type."""

import json

from fastapi import Request

from hub_server.edge import small_body
from hub_server.errors import BadRequest

LIMIT = 4 * 1024 * 1024


async def json_body(request: Request) -> object:
    """The decoded body. Raises BadRequest, TooLarge."""
    body = await small_body(request, LIMIT)
    try:
        return json.loads(body or b"null")
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
