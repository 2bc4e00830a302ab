"""The search box of every page: suggestions as one types, a page for Enter."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.server import LiveHub
from tests.web.site import Visitor, links, words


def test_the_page_shows_what_names_have(hub: LiveHub) -> None:
    user = hub.make_user()
    model = user.make_repo("zebrafinch-small")
    hidden = user.make_repo("zebrafinch-hidden", private=True)
    dataset = user.make_repo("zebrafinch-songs", kind="dataset")
    with Visitor(hub) as guest, Visitor(hub) as owner:
        page = guest.get("/search?q=zebrafinch")
        assert {f"/{model}", f"/datasets/{dataset}"} <= set(links(page))
        assert hidden not in page
        assert hidden in owner.sign_in(user).get("/search?q=zebrafinch")
        assert f"/{user.name}" in links(guest.get(f"/search?q={user.name}"))
        assert "/search?q=zebrafinch" in links(guest.get("/search?q=zebrafnch"))
        assert "Nothing typed yet" in words(guest.get("/search"))
        assert "No name has this" in words(guest.get("/search?q=%00%22%27*%25_qqqqqqq"))
        guest.get("/search?q=" + "x" * 5000)


@pytest.mark.browser
def test_suggestions_by_keyboard(browser_page: Page, hub: LiveHub) -> None:
    user = hub.make_user()
    name = user.make_repo("okapimodel")
    browser_page.goto(f"{hub.url}/datasets")
    browser_page.keyboard.press("/")
    field = browser_page.get_by_role("combobox", name="Search the hub")
    expect(field).to_be_focused()
    browser_page.keyboard.type("okapi", delay=10)
    options = browser_page.locator("quick-search").get_by_role("option")
    expect(options.first).to_have_text(name)
    browser_page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(field).to_be_focused()
    browser_page.keyboard.type("m", delay=10)
    expect(options.first).to_have_text(name)
    browser_page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    browser_page.keyboard.press("Enter")
    expect(browser_page).to_have_url(f"{hub.url}/{name}")


@pytest.mark.browser
def test_enter_alone_opens_the_page(browser_page: Page, hub: LiveHub) -> None:
    name = hub.make_user().make_repo("quaggaset", kind="dataset")
    browser_page.goto(hub.url)
    browser_page.get_by_role("combobox", name="Search the hub").fill("quaggaset")
    browser_page.keyboard.press("Enter")
    expect(browser_page.get_by_role("heading", name="Datasets 1")).to_be_visible()
    expect(browser_page.get_by_role("link", name=name)).to_be_visible()
