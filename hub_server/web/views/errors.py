"""What an error page says: the status, the sentence, and what to do next."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorPage:
    """`said` is the translated sentence of the error, "" where the page's own words say enough."""

    status: int
    code: str
    said: str
    request_id: str
    anonymous: bool
    retry_url: str
    setting: str = ""
