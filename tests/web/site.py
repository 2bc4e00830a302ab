"""A person at the hub's pages without a browser: cookies, forms with their hidden fields."""

import html
import re
from dataclasses import dataclass, field
from types import TracebackType

import httpx

from tests.support.server import LiveHub, LiveUser


@dataclass
class Visitor:
    """`get` and `submit` as a browser would; redirects are answers, not followed."""

    hub: LiveHub
    language: str = "en"
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Accept": "text/html", "Origin": self.hub.url, "Accept-Language": self.language}
        self.client = httpx.Client(
            base_url=self.hub.url, headers=headers, timeout=60, trust_env=False
        )

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def get(self, path: str, status: int = 200) -> str:
        """The page; it must have the status."""
        answer = self.client.get(path)
        assert answer.status_code == status, (answer.status_code, words(answer.text))
        return answer.text

    def submit(
        self, page: str, to: str | None = None, /, expect: int = 303, **fields: str
    ) -> httpx.Response:
        """Send the form of `page` (to another action) with its hidden fields."""
        shown = self.get(page)
        token = re.search(r'name="csrf_token" value="([^"]*)"', shown)
        assert token, f"no form on {page}"
        data = {"csrf_token": html.unescape(token[1]), **fields}
        answer = self.client.post(to or page, data=data)
        assert answer.status_code == expect, (answer.status_code, words(answer.text))
        return answer

    def sign_in(self, user: LiveUser) -> "Visitor":
        self.submit("/login", name=user.name, password=user.password)
        return self


def words(page: str) -> str:
    """What people read on a page, roughly: no tags, one space between words."""
    main = page.partition("<main")[2].partition("</main>")[0] or page
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", main).split()))


def links(page: str) -> list[str]:
    """Where the main part leads."""
    main = page.partition("<main")[2].partition("</main>")[0]
    return [html.unescape(found) for found in re.findall(r'href="([^"#][^"]*)"', main)]
