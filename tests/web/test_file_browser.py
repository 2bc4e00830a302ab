"""Files and versions in Chromium: by keyboard, without script, at 390 px; nothing of them acts."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser
from tests.unit.cards import headers
from tests.web.test_browser import TOO_WIDE

pytestmark = [pytest.mark.browser, pytest.mark.git]

ATTACK = "<img src=x onerror=\"document.title='stolen'\"><script>document.title='stolen'</script>"
CELLS = [
    {"cell_type": "markdown", "source": f"# Load\n\n{ATTACK}\n\n[j](javascript:alert(1))"},
    {
        "cell_type": "code",
        "source": "1",
        "outputs": [
            {"output_type": "display_data", "data": {"text/html": ATTACK}},
            {"output_type": "display_data", "data": {"application/javascript": "alert(1)"}},
            {
                "output_type": "display_data",
                "data": {
                    "image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{ATTACK}</svg>"
                },
            },
        ],
    },
]
LONG = "a-rather-long-name-" * 5
HEADER, SIZE = headers.safetensors({f"layer.{LONG}.{n}": ("F32", (2, 3)) for n in range(40)})
FILES: dict[str, str | bytes] = {
    "config.json": json.dumps({"deep": {"er": [1, 2, {"x": LONG}]}, "attack": ATTACK}),
    "rows.csv": "\n".join(",".join([LONG, ATTACK.replace(",", ""), "1"] * 9) for _ in range(9)),
    "first.ipynb": json.dumps({"cells": CELLS}),
    "drawing.svg": f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{ATTACK}</svg>',
    "m.safetensors": HEADER + b"\0" * (SIZE - len(HEADER)),
    "paper.pdf": b"%PDF-1.4\n",
    f"{LONG}/{ATTACK.replace('/', '')}.py": "def f():\n    return 1\n",
}


@pytest.fixture(scope="module")
def shown(hub: LiveHub, tmp_path_factory: pytest.TempPathFactory) -> tuple[LiveUser, str]:
    """An owner and a repository with two branches and a tag."""
    ada, git = hub.make_user(), GitClient(tmp_path_factory.mktemp("browsed"))
    repo = ada.make_repo()
    clone: Path = git.clone(ada.git_url(repo), "browsed")
    git.commit(clone, {".gitattributes": "", **FILES}, "Add all of them")
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    git("tag", "v1.0", cwd=clone)
    git("push", "-q", "origin", "v1.0", cwd=clone)
    git.commit(clone, {"config.json": '{"deep": 2}', "many.txt": "x\n" * 500}, ATTACK)
    git("push", "-q", "origin", "HEAD:feat/x", cwd=clone)
    return ada, repo


def pages(repo: str) -> list[str]:
    odd = f"{LONG}/{ATTACK.replace('/', '')}.py".replace("%", "%25").replace("#", "%23")
    return [
        f"/{repo}/tree/main",
        f"/{repo}/blob/main/config.json?view=tree",
        *(f"/{repo}/blob/main/{name}" for name in list(FILES)[:-1]),
        f"/{repo}/blob/main/{odd}",
        f"/{repo}/blame/main/{odd}",
        f"/{repo}/commits/feat%2Fx/config.json",
        f"/{repo}/compare/main...feat/x",
        f"/{repo}/compare/main...feat/x?view=split",
    ]


@pytest.mark.parametrize("scripts", [True, False])
def test_every_page_fits_a_phone_and_nothing_acts(
    hub: LiveHub, browser: Browser, shown: tuple[LiveUser, str], scripts: bool
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=scripts
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    wide = {}
    for path in pages(shown[1]):
        answer = page.goto(hub.url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.title() != "stolen"
        if scripts and (found := page.evaluate(TOO_WIDE)):
            wide[path] = found
    context.close()
    assert wide == {}
    missing = "Failed to load resource"  # the picture that the attack names
    assert [line for line in said if not line.startswith(missing)] == []
    assert [url for url in asked if not url.startswith((hub.url, "data:"))] == []


def test_branch_and_file_by_keyboard_alone(
    hub: LiveHub, browser_page: Page, shown: tuple[LiveUser, str]
) -> None:
    page, repo = browser_page, shown[1]
    page.goto(f"{hub.url}/{repo}/tree/main")
    page.get_by_role("group").filter(has_text="main").locator("summary").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tree/feat%2Fx")
    page.get_by_role("link", name="config.json", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Tree").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**view=tree")
    summary = page.locator(".json summary").first
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("deep:")).to_be_hidden()
    page.keyboard.press("Space")
    expect(page.get_by_text("deep:")).to_be_visible()


def test_a_folded_change_opens_and_a_branch_is_rolled_back_without_script(
    hub: LiveHub, browser: Browser, shown: tuple[LiveUser, str]
) -> None:
    ada, repo = shown
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{hub.url}/login")
    page.get_by_label("Username").fill(ada.name)
    page.get_by_label("Password").fill(ada.password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto(f"{hub.url}/{repo}/compare/main...feat/x")
    page.locator(".diff__fold > summary").click()
    expect(page.locator(".diff__fold tr").nth(3)).to_be_visible()
    page.goto(f"{hub.url}/{repo}/commits/main")
    page.get_by_role("link", name="Add all of them").click()
    page.get_by_role("link", name="Roll back to this").click()
    page.get_by_label("Branch", exact=True).select_option("feat/x")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("2 files would change")).to_be_visible()
    page.get_by_label("Message of the new commit").fill("Back to the start")
    page.get_by_role("button", name="Roll feat/x back").click()
    expect(page.get_by_role("heading", name="Back to the start")).to_be_visible()
    context.close()


def test_a_zip_comes_from_the_page(
    hub: LiveHub, browser_page: Page, shown: tuple[LiveUser, str]
) -> None:
    browser_page.goto(f"{hub.url}/{shown[1]}/tree/v1.0")
    browser_page.locator("summary", has_text="Clone").click()
    with browser_page.expect_download() as found:
        browser_page.get_by_role("link", name="ZIP").click()
    assert found.value.suggested_filename.endswith("-v1.0.zip")
