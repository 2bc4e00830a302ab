"""The sample pages in Chromium: accessible, never too wide, nothing refused by the policy."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.web import pages

# Error pages differ in their words only; one of them is enough here.
NAMES = [n for n in pages.views() if not n.startswith("error-") or n == "error-404"]
# Variants of a page that hold no other parts; they are looked at for their width only.
SAME = re.compile(
    r"dead-(setup|reset)|signin-(open|closed)|setup|reset|.*-(none|private|nothing|plain|empty)|"
    r"file-(audio|video|link|binary|pdf|submodule|too-large|sheet-large)|"
    r"compare-(choose|refused|unrelated)|commits-file|password-refused|datasets|home-signed-in"
)
VARIED = [name for name in NAMES if not SAME.fullmatch(name)]
FEW = ["patterns", "home", "card", "files", "commit", "tokens", "new", "signin-refused"]

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parents[1] / "data/axe/axe-core-4.14.1.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
RUN = f"() => axe.run(document, {{runOnly: {RULES}}})"
RUN_COLOURS = "() => axe.run(document, {runOnly: ['color-contrast']})"
SIZES = {"light": (1360, 900), "dark": (1360, 900), "narrow": (390, 844), "tiny": (360, 740)}
# Boxes that may scroll by themselves; everything else must fit.
TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  for (const e of document.querySelectorAll('body *')) {
    const right = e.getBoundingClientRect().right;
    if (right > wide + 1 && !e.closest('.button-row,.scroll-x,.scroll,pre,.tabs__in,' +
        '.top-bar__nav,.side-nav,.skip-link,.sr-only,.diff__scroll,.menu__list'))
      found.push(e.tagName + '.' + e.className);
  }
  if (document.documentElement.scrollWidth > wide) found.push('the page itself');
  return found.slice(0, 5);
}"""


def look(page: Page, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if size == "dark" else "light")


@pytest.mark.parametrize("size", ["light", "dark", "narrow"])
def test_no_page_breaks_the_rules_of_accessibility(
    browser_page: Page, sample_site: str, size: str
) -> None:
    look(browser_page, size)
    broken = []
    for name in FEW if size == "narrow" else VARIED:
        browser_page.goto(f"{sample_site}/en/{name}")
        browser_page.evaluate(AXE)
        broken += [
            f"{name}: {found['id']} {[node['target'][0] for node in found['nodes'][:3]]}"
            for found in browser_page.evaluate(RUN_COLOURS if size == "dark" else RUN)["violations"]
        ]
    assert broken == []


@pytest.mark.parametrize("language", ["en", "fr", "ko"])
def test_nothing_is_wider_than_the_screen(
    browser_page: Page, sample_site: str, language: str
) -> None:
    look(browser_page, "tiny")
    refused: list[str] = []
    browser_page.on(
        "console",
        lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None,
    )
    wide = {}
    for name in NAMES:
        browser_page.goto(f"{sample_site}/{language}/{name}")
        if found := browser_page.evaluate(TOO_WIDE):
            wide[name] = found
    assert wide == {}
    assert refused == []


def test_a_menu_opens_by_keyboard_and_escape_gives_the_focus_back(
    browser_page: Page, sample_site: str
) -> None:
    browser_page.goto(f"{sample_site}/en/files")
    summary = browser_page.locator("summary", has_text="main")
    summary.focus()
    browser_page.keyboard.press("Enter")
    browser_page.keyboard.press("ArrowDown")
    assert browser_page.evaluate("document.activeElement.textContent").strip() == "main"
    browser_page.keyboard.press("ArrowDown")
    assert browser_page.evaluate("document.activeElement.textContent").strip() == "try-lower-lr"
    browser_page.keyboard.press("Escape")
    assert browser_page.locator("details.menu[open]").count() == 0
    assert browser_page.evaluate("document.activeElement.tagName") == "SUMMARY"
    summary.click()
    browser_page.mouse.click(700, 700)
    assert browser_page.locator("details.menu[open]").count() == 0


def test_copying_says_so_and_copies(browser_page: Page, sample_site: str) -> None:
    browser_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    browser_page.goto(f"{sample_site}/en/tokens-fresh")
    button = browser_page.get_by_role("button", name="Copy the token")
    button.click()
    browser_page.get_by_role("button", name="Copied").wait_for()
    copied = browser_page.evaluate("navigator.clipboard.readText()")
    assert copied == "hf_hQxVd3TmWc7Lr2NzYb8KpE4sUaJf6GoX9i"


def test_skip_link_is_the_first_stop(browser_page: Page, sample_site: str) -> None:
    browser_page.goto(f"{sample_site}/en/models")
    browser_page.keyboard.press("Tab")
    assert browser_page.evaluate("document.activeElement.className") == "skip-link"
    browser_page.keyboard.press("Enter")
    assert browser_page.evaluate("document.activeElement.id") == "main"


def test_without_script_everything_is_there_but_the_copy_buttons(
    browser_page: Page, sample_site: str
) -> None:
    context = browser_page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{sample_site}/en/files")
    assert page.locator("copy-button").first.is_hidden()
    page.locator("summary", has_text="main").click()
    assert page.get_by_role("link", name="try-lower-lr").is_visible()
    context.close()
