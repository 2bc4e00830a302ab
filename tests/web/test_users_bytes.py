"""Files of strangers in a browser: never a page of ours, never a script that runs."""

import pytest
from playwright.sync_api import Error, Page

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.git]

SCRIPT = "<script>document.title='stolen';fetch('/settings/tokens')</script>"
FILES = {
    "evil.html": f"<!doctype html><title>page</title>{SCRIPT}",
    "evil.svg": '<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'stolen\'">'
    "<script>document.title='stolen'</script></svg>",
    "evil.xml": '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
    f"<head><title>x</title></head><body>{SCRIPT}</body></html>",
    "evil.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{SCRIPT}</body></html>',
    "evil.pdf": "%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n",
    "evil.txt": f"<!doctype html>{SCRIPT}",
    "evil": f"<!doctype html>{SCRIPT}",
}


def test_no_file_runs_on_any_door(
    hub: LiveHub, ada: LiveUser, git: GitClient, browser_page: Page
) -> None:
    repo = ada.make_repo()
    clone = git.clone(ada.git_url(repo), "evil")
    git.commit(clone, FILES)
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    dialogs: list[str] = []
    browser_page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for door in ("resolve", "raw", "blob"):
        for name in FILES:
            visit(browser_page, f"{hub.url}/{repo}/{door}/main/{name}")
            assert "stolen" not in browser_page.title(), (door, name)
    assert dialogs == []
    assert [url for url in asked if "/settings/" in url] == []


def visit(page: Page, address: str) -> None:
    """Open an address; what the browser saves instead of showing is as good."""
    try:
        page.goto(address)
    except Error as refused:
        assert "Download is starting" in str(refused) or "ERR_ABORTED" in str(refused)  # noqa: PT017


@pytest.mark.parametrize("name", FILES)
def test_headers_keep_files_apart(hub: LiveHub, ada: LiveUser, git: GitClient, name: str) -> None:
    repo = ada.make_repo()
    clone = git.clone(ada.git_url(repo), "evil")
    git.commit(clone, {name: FILES[name]})
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    with Visitor(hub) as guest:
        for door in ("resolve", "raw"):
            headers = guest.client.get(f"/{repo}/{door}/main/{name}").headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
            assert headers["cross-origin-resource-policy"] == "same-origin"
            plain = headers["content-type"].startswith("text/plain")
            assert plain or headers["content-disposition"].startswith("attachment")
