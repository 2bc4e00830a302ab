"""Somebody at an address of their own: below a path, behind a proxy, on another origin."""

import re
from collections.abc import Mapping

import httpx

from tests.support.server import LiveHub, LiveUser

HTTPS = {"HUB_PUBLIC_URL": "https://hub.example.org", "HUB_TRUSTED_PROXIES": "127.0.0.1"}
BY_PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example.org"}
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Person:
    """`url` is the address they use, `prefix` the public path that it ends with."""

    def __init__(
        self, hub: LiveHub, *, prefix: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.url = hub.url
        self.prefix = prefix
        self.client = httpx.Client(
            base_url=hub.url, headers={**PAGE, **(headers or {})}, trust_env=False, timeout=60
        )

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str, **options: object) -> httpx.Response:
        return self.client.get(self.prefix + path, **options)  # type: ignore[arg-type]

    def token(self, path: str = "/login") -> str:
        """The token in the forms of a page."""
        page = self.get(path)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found, page.text
        return found[1]

    def send(
        self, path: str, fields: Mapping[str, str], *, form: str = "", origin: str | None = None
    ) -> httpx.Response:
        """Fill the form of the page `form` and send it, as a browser does."""
        data = {"csrf_token": self.token(form or path), **fields}
        headers = {"Origin": origin or self.url}
        return self.client.post(self.prefix + path, data=data, headers=headers)

    def sign_in(self, user: LiveUser, **fields: str) -> httpx.Response:
        return self.send("/login", {"name": user.name, "password": user.password, **fields})

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}


def words(cookie: str) -> set[str]:
    """The parts of a Set-Cookie header."""
    return {part.strip().lower() for part in cookie.split(";")}
