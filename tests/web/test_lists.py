"""Lists of models, datasets and Spaces: what filters leave, by form, by link and by keyboard."""

import json
import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, links, words

CARDS: dict[str, dict[str, object]] = {
    "ner-en": {"pipeline_tag": "token-classification", "language": "en", "license": "mit"},
    "ner-fr": {"pipeline_tag": "token-classification", "language": "fr", "license": "mit"},
    "asr-es": {"pipeline_tag": "automatic-speech-recognition", "language": ["es", "en"]},
    "plain": {"tags": ["teaching"]},
}


@pytest.fixture(scope="module")
def owner(hub: LiveHub) -> LiveUser:
    """Has one model for each card, one of them private, and nobody has other models."""
    user = hub.make_user()
    with user.client() as client:
        for name, card in CARDS.items():
            user.make_repo(name, private=name == "plain")
            send_card(client, f"{user.name}/{name}", card)
    return user


def send_card(client: httpx.Client, repo: str, card: dict[str, object]) -> None:
    text = f"---\n{json.dumps(card)}\n---\n"
    lines = [
        {"key": "header", "value": {"summary": "card"}},
        {"key": "file", "value": {"path": "README.md", "content": text}},
    ]
    answer = client.post(
        f"/api/models/{repo}/commit/main",
        content="\n".join(map(json.dumps, lines)),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text


def at(user: LiveUser, query: str = "") -> str:
    """The list of this user's models; others of the same hub are left out by their name."""
    return f"/models?search={user.name}{query and '&' + query}"


def test_filters_narrow_the_list_and_say_how_many(hub: LiveHub, owner: LiveUser) -> None:
    with Visitor(hub) as guest:
        page = guest.get(at(owner))
        assert "3 models" in words(page)
        assert "Token classification 2" in words(page)
        assert "English 2" in words(page)
        page = guest.get(at(owner, "pipeline_tag=token-classification"))
        assert "2 models" in words(page)
        assert "English 1" in words(page)
        assert "Automatic speech recognition" not in words(page)
        page = guest.get(at(owner, "language=es&language=en"))
        assert f"/{owner.name}/asr-es" in links(page)
        assert "1 model" in words(page)
        assert "Nothing matches" in words(guest.get(at(owner, "license=apache-2.0")))


def test_what_is_private_is_counted_for_its_owner_alone(hub: LiveHub, owner: LiveUser) -> None:
    with Visitor(hub) as guest, Visitor(hub) as person:
        assert "teaching" not in guest.get(at(owner))
        page = words(person.sign_in(owner).get(at(owner)))
        assert "4 models" in page
        assert "teaching 1" in page


def test_each_filter_has_a_link_that_takes_it_away(hub: LiveHub, owner: LiveUser) -> None:
    with Visitor(hub) as guest:
        page = guest.get(at(owner, "language=en&license=mit&at_least=1000000&sort=likes"))
        away = [link for link in links(page) if link.startswith("/models?")]
        assert f"/models?license=mit&at_least=1000000&search={owner.name}&sort=likes" in away
        assert f"/models?language=en&license=mit&search={owner.name}&sort=likes" in away
        assert "at least 1M parameters" in words(page)


def test_a_page_of_a_filtered_list_leads_to_the_next_one(hub: LiveHub) -> None:
    user = hub.make_user()
    with user.client() as client, Visitor(hub) as guest:
        for number in range(31):
            send_card(client, user.make_repo(f"m{number}"), {"license": "mit"})
        page = guest.get(at(user, "license=mit&sort=created"))
        assert "1 to 30 of 31" in words(page)
        later = next(link for link in links(page) if "cursor=" in link)
        page = guest.get(later)
        assert "31 to 31 of 31" in words(page)
        assert f"/{user.name}/m0" in links(page)
        back = next(link for link in links(page) if "sort=created" in link and "before" not in link)
        assert "1 to 30 of 31" in words(guest.get(back))


@pytest.mark.parametrize(
    "query",
    [
        "sort=height",
        "language=",
        "at_least=-1&at_most=x",
        "at_most=99999999999999999999",
        "pipeline_tag=%00",
        "other=" + "x" * 5000,
        "cursor=AAAA&before=-3",
        "&".join(f"other=t{number}" for number in range(300)),
        "search=%22%27%25_%5C%2A",
        "language=fr&language=fr&unknown=1",
    ],
)
def test_odd_questions_get_a_list(hub: LiveHub, query: str) -> None:
    with Visitor(hub) as guest:
        guest.get(f"/models?{query}")
        guest.get(f"/datasets?{query}")
        guest.get(f"/spaces?{query}")


def test_a_misspelt_name_leads_to_the_right_one(hub: LiveHub) -> None:
    user = hub.make_user()
    user.make_repo("camembertish")
    with Visitor(hub) as guest:
        page = guest.get("/models?search=camemertish")
        assert "/models?search=camembertish" in links(page)


@pytest.mark.browser
def test_a_filter_works_at_once_and_the_way_back_too(
    browser_page: Page, hub: LiveHub, owner: LiveUser
) -> None:
    browser_page.goto(hub.url + at(owner))
    browser_page.get_by_label("Token classification").check()
    expect(browser_page.get_by_role("status")).to_have_text("2 models")
    expect(browser_page).to_have_url(
        hub.url + f"/models?pipeline_tag=token-classification&search={owner.name}"
    )
    assert browser_page.evaluate("document.activeElement.value") == "token-classification"
    browser_page.get_by_label("French").check()
    expect(browser_page.get_by_role("status")).to_have_text("1 model")
    browser_page.get_by_role("link", name="Remove filter: Token classification").click()
    expect(browser_page.get_by_role("status")).to_have_text("1 model")
    browser_page.go_back()
    browser_page.go_back()
    expect(browser_page.get_by_role("status")).to_have_text("2 models")
    expect(browser_page.get_by_label("French")).not_to_be_checked()


@pytest.mark.browser
def test_the_keyboard_alone_filters_sorts_and_searches(
    browser_page: Page, hub: LiveHub, owner: LiveUser
) -> None:
    browser_page.goto(hub.url + at(owner))
    browser_page.get_by_label("English").focus()
    browser_page.keyboard.press("Space")
    expect(browser_page.get_by_role("status")).to_have_text("2 models")
    browser_page.get_by_role("combobox", name="Sort by").focus()
    browser_page.keyboard.press("ArrowDown")
    expect(browser_page).to_have_url(re.compile("sort=modified"))
    field = browser_page.get_by_role("searchbox", name="Search in models")
    field.focus()
    browser_page.keyboard.press("End")
    browser_page.keyboard.type("/ner", delay=20)
    expect(browser_page.get_by_role("status")).to_have_text("1 model")
    expect(field).to_be_focused()
    expect(field).to_have_value(f"{owner.name}/ner")


@pytest.mark.browser
def test_without_script_a_button_applies_the_filters(
    browser: Browser, hub: LiveHub, owner: LiveUser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(hub.url + at(owner))
    page.get_by_label("Token classification").check()
    page.get_by_role("button", name="Apply filters").click()
    expect(page.get_by_role("status")).to_have_text("2 models")
    context.close()


@pytest.mark.browser
def test_on_a_phone_the_filters_are_a_sheet(
    browser_page: Page, hub: LiveHub, owner: LiveUser
) -> None:
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.goto(hub.url + at(owner))
    box = browser_page.get_by_label("Token classification")
    expect(box).not_to_be_visible()
    browser_page.get_by_role("button", name="Filters").click()
    box.check()
    expect(browser_page.get_by_role("button", name="Show 2 models")).to_be_visible()
    browser_page.keyboard.press("Escape")
    expect(box).not_to_be_visible()
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 390
