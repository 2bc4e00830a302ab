"""What an error page says: the status, the sentence, and what to do next."""

from dataclasses import dataclass

from hub_server.web.views.page import Link


@dataclass(frozen=True)
class ErrorPage:
    """`said` is the translated sentence of the error, "" where the page's own words say enough.

    `repo` is the repository in which something is missing.
    """

    status: int
    code: str
    said: str
    request_id: str
    anonymous: bool
    retry_url: str
    setting: str = ""
    repo: Link | None = None
