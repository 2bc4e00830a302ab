"""A newcomer's first hour in Chromium: set up, token, repository, push, read."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub
from tests.web.test_browser import AXE, RUN

pytestmark = [pytest.mark.browser, pytest.mark.git]

CARD = """---
license: mit
tags: [first]
---
# First model

| a | b |
|---|---|
| 1 | 2 |

<img src=x onerror="document.title='stolen'"> <a href="javascript:alert(1)">here</a>

$$E = mc^2$$

- [x] done

A note.[^1]

[^1]: At the end.
"""


def sound(page: Page) -> None:
    page.evaluate(AXE)
    assert [found["id"] for found in page.evaluate(RUN)["violations"]] == []


def test_from_an_empty_hub_to_a_model_people_can_read(
    browser_page: Page, make_hub: Callable[..., LiveHub], git: GitClient
) -> None:
    page, hub = browser_page, make_hub()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    set_up(page, hub)
    token = make_token(page)
    make_model(page, hub)
    clone = git.clone(hub.url.replace("//", f"//ada:{token}@") + "/ada/first-model", "first")
    git.commit(clone, {"README.md": CARD}, "First words")
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    read_card(page)
    read_files(page)
    sign_out_in_korean(page, hub)
    # The picture that is missing was asked for; nothing was refused by the policy.
    assert [said for said in refused if "404" not in said and "400" not in said] == []


def set_up(page: Page, hub: LiveHub) -> None:
    page.goto(hub.setup_link() or "")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("This hub is empty")
    sound(page)


def make_token(page: Page) -> str:
    page.get_by_role("main").get_by_role("link", name="Access tokens").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Create token").click()
    token = re.search(r"hf_\w{34}", page.get_by_role("status").first.inner_text())
    assert token
    sound(page)
    return token[0]


def make_model(page: Page, hub: LiveHub) -> None:
    page.locator("summary", has_text="New").click()
    page.get_by_role("link", name="New model").click()
    page.get_by_label("Name").fill("first model")
    page.get_by_role("button", name="Create repository").click()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name").fill("first-model")
    page.get_by_role("button", name="Create repository").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ada/first-model")
    assert f"git clone {hub.url}/ada/first-model" in page.get_by_role("main").inner_text()
    sound(page)


def read_card(page: Page) -> None:
    page.reload()
    card = page.locator(".markdown")
    expect(card.get_by_role("heading", name="First model")).to_be_visible()
    assert card.locator("math").count() == 1
    assert card.get_by_role("checkbox", name="Done").is_checked()
    assert card.locator("[onerror], a[href^='javascript']").count() == 0
    assert "stolen" not in page.title()
    sound(page)


def read_files(page: Page) -> None:
    page.get_by_role("link", name="Files and versions").click()
    page.get_by_role("link", name="README.md", exact=True).click()
    page.get_by_role("link", name="Source").click()
    expect(page.locator("#L2")).to_contain_text("license: mit")
    sound(page)
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="First words").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("First words")
    sound(page)


def sign_out_in_korean(page: Page, hub: LiveHub) -> None:
    page.get_by_role("link", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.goto(f"{hub.url}/ada")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.locator("summary[aria-label='내 계정']").click()
    page.get_by_role("button", name="로그아웃").click()
    expect(page.get_by_role("banner").get_by_role("link", name="로그인")).to_be_visible()
